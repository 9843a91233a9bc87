"""One stored run: open it in the page that made it, name it, compute it anew, delete it; all that is told about it."""

import streamlit as st

from lga_core.results import Provenance, ReplayReport
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.kinds import lost_rows
from lga_core.service.page_parts.run_list import facts_in_words, how_far, model_title, recorded_rows, took, when
from lga_core.service.reading.reopening import can_reopen, page_of
from lga_core.service.requests import ReplayRequest
from lga_core.view.words.runs import lost_sentence, replay_sentence
from pages._ui.runs.listed import delete
from pages._ui.session.state import session, widget
from pages._ui.shell import jobs
from pages._ui.shell.elements import button, table, waiting
from pages._ui.shell.engine import recorded_runs, store
from pages._ui.shell.errors import noticed
from pages._ui.shell.text import safe

REPLAY = "replay"


def one_run(header: RunHeader) -> None:
    """Its buttons, then what is told about it."""
    asked = header.provenance
    if asked is None:
        return
    st.subheader(safe(header.title or header.what))
    st.caption(
        f"{safe(header.what)} · {safe(model_title(header))} · {safe(facts_in_words((header,), store())[header.key])} · "
        f"{how_far(header)} · took {took(header)} · last written {when(header)}"
    )
    run = store().find(header.key)
    if run is not None and (lost := lost_rows(run)):
        st.warning(lost_sentence(lost), icon=":material/broken_image:")
    _buttons(header, asked)
    _replayed(header)
    table(recorded_rows(header, asked), most=600)


def _buttons(header: RunHeader, asked: Provenance) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        button(
            "Open in its page",
            "open_run",
            open_run,
            header,
            icon="open_in_new",
            type="primary",
            disabled=not can_reopen(header),
            help="In the page that made it, with its question, options and results.",
        )
        jobs.start_button(
            "Replay",
            "replay",
            REPLAY,
            ReplayRequest(model=asked.model, run=header.key),
            f"Replaying {header.what}",
            key="replay_run",
            help="Compute it again in an empty store and compare. It takes about as long as it took then.",
        )
        about = "Can be undone until the next one is deleted."
        button("Delete", "delete_run", delete, header.key, icon="delete", help=about)
        st.text_input(
            "Name",
            header.title or "",
            key=f"name_{header.key}",
            max_chars=80,
            placeholder="A name of your own",
            on_change=_rename,
            args=(header.key,),
        )


def _replayed(header: RunHeader) -> None:
    """What the last replay of this run said."""
    job = jobs.last_job(REPLAY)
    if job is None or not isinstance(job.request, ReplayRequest) or job.request.run != header.key:
        return
    if isinstance(job.result, ReplayReport):
        words = f"**Replay.** {safe(replay_sentence(job.result))}"
        (st.success if job.result.equal else st.warning)(words, icon=":material/replay:")
    elif job.alive:
        waiting("Computing it again. The sidebar shows the progress.")


def open_run(header: RunHeader) -> None:
    """A callback cannot change the page: the next run of the script does, before it draws anything."""
    here = session()
    run = store().find(header.key)
    page = None if run is None else f"{page_of(run)}.py"
    here.reopening, here.go_to = (header.key,), page


def recorded_list() -> None:
    """The runs of the recorded example, before this machine has stored one: one to choose and open in its page."""
    headers = [header for header in recorded_runs().headers() if can_reopen(header)]
    by_words = {f"{header.what} · {model_title(header)} · {header.key[:8]}": header for header in headers}
    if not by_words:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Runs of the recorded example", sorted(by_words), key="recorded_run")
        button("Open in its page", "open_recorded", open_run, by_words[chosen], icon="open_in_new")


def _rename(key: str) -> None:
    with noticed():
        run = store().find(key)
        if run is not None:
            run.rename(widget(f"name_{key}", ""))
