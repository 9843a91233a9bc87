"""One stored run: open it in the page that made it, name it, compute it anew, delete it; all that is told about it."""

import streamlit as st

from lga_core.errors import LgaError
from lga_core.results import Provenance, ReplayReport
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.kinds import lost_rows
from lga_core.service.reading.comparing import settings_of
from lga_core.service.reading.reopening import can_reopen, page_of
from lga_core.service.requests import ReplayRequest
from lga_core.view.words.runs import chat_words, lost_sentence, replay_sentence
from pages._ui.runs.listed import NOT_RECORDED, delete, facts_in_words, how_far, model_title, took, when
from pages._ui.session.state import session, widget
from pages._ui.shell import jobs
from pages._ui.shell.elements import table, waiting
from pages._ui.shell.engine import store
from pages._ui.shell.starting import start_button
from pages._ui.shell.text import safe

REPLAY = "replay"


def one_run(header: RunHeader) -> None:
    """Its buttons, then what is told about it."""
    asked = header.provenance
    if asked is None:
        return
    st.subheader(safe(header.title or header.what))
    st.caption(
        f"{safe(header.what)} · {safe(model_title(header))} · {safe(facts_in_words((header,))[header.key])} · "
        f"{how_far(header)} · took {took(header)} · last written {when(header)}"
    )
    run = store().find(header.key)
    if run is not None and (lost := lost_rows(run)):
        st.warning(lost_sentence(lost), icon=":material/broken_image:")
    _buttons(header, asked)
    _replayed(header)
    table(_recorded(header, asked), most=600)


def _buttons(header: RunHeader, asked: Provenance) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button(
            "Open in its page",
            key="open_run",
            type="primary",
            icon=":material/open_in_new:",
            disabled=not can_reopen(header),
            on_click=open_run,
            args=(header,),
            help="In the page that made it, with its question, options and results.",
        )
        start_button(
            "Replay",
            "replay",
            REPLAY,
            ReplayRequest(model=asked.model, run=header.key),
            f"Replaying {header.what}",
            key="replay_run",
            help="Compute it again in an empty store and compare. It takes about as long as it took then.",
        )
        st.button(
            "Delete",
            key="delete_run",
            icon=":material/delete:",
            on_click=delete,
            args=(header.key,),
            help="Can be undone until the next one is deleted.",
        )
        st.text_input(
            "Name",
            header.title or "",
            key=f"name_{header.key}",
            max_chars=80,
            placeholder="A name of your own",
            on_change=_rename,
            args=(header.key,),
        )


def _recorded(header: RunHeader, asked: Provenance) -> list[dict[str, str]]:
    """Everything that is recorded, one line each."""
    notes = header.notes
    questions = [
        item.command or "the dashboard: " + ", ".join(f"{name} {value}" for name, value in item.question.items())
        for item in (notes.origins if notes is not None else ())
    ]
    recorded = {
        "key": header.key,
        "asked by": "; ".join(questions) or NOT_RECORDED,
        "begun": asked.created,
        "model": asked.model,
        "model files": asked.model_fingerprint,
        "prompts": chat_words(asked.chat),
        "facts": f"{asked.facts} ({asked.facts_fingerprint[:12]})",
        "method": f"{asked.method}, version {asked.method_version} of its numbers",
        **{f"setting: {name}": value for name, value in settings_of(header).items()},
        "machine": asked.machine,
        "packages": ", ".join(f"{name} {version}" for name, version in asked.packages.items()),
    }
    return [{"what": name, "recorded": value} for name, value in recorded.items()]


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
    session().reopening = (header.key,)
    run = store().find(header.key)
    if run is not None:
        session().go_to = f"{page_of(run)}.py"


def _rename(key: str) -> None:
    try:
        run = store().find(key)
        if run is not None:
            run.rename(widget(f"name_{key}", ""))
    except LgaError as error:
        session().notices.append(f"{error.cause} {error.hint}")
