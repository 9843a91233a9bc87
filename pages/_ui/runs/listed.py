"""The list of runs: search, a table of what is told about each, the choice of one or two; delete and the way back."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import resolve
from lga_core.runs.storage.index import RunHeader
from lga_core.service.reading.comparing import settings_of
from lga_core.view.words.sentences import duration
from lga_core.view.words.text import count, shorten
from pages._ui.session.state import session, widget
from pages._ui.shell.elements import table
from pages._ui.shell.engine import run_bin, runs
from pages._ui.shell.text import safe

CHOSEN, SEARCH, TABLE = "runs_chosen", "runs_search", "runs_table"
NOT_RECORDED = "not recorded"
MOST_PIXELS = 420
_SECONDS_A_DAY = 86_400


def choose(headers: Sequence[RunHeader]) -> list[RunHeader]:
    """Search and table; the one or two runs that are chosen, by a click on rows or by keyboard in the list below."""
    search = st.text_input(
        "Search",
        key=SEARCH,
        icon=":material/search:",
        placeholder="model, facts, kind, setting, name or key; every word must be found",
        persist_state="session",
    )
    words = search.lower().split()
    matching = [header for header in headers if header.holds(words)]
    if not matching:
        st.info("No run has all of these words.", icon=":material/search_off:")
    else:
        st.caption(f"{count(len(matching), 'run')}, the last one first. Choose one to open it, two to compare them.")
        keys = [header.key for header in matching]
        table(
            [_row(header) for header in matching],
            most=MOST_PIXELS,
            key=TABLE,
            on_select=lambda: _take_rows(keys),
            selection_mode="multi-row",
        )
    by_key = {header.key: header for header in headers}
    st.session_state[CHOSEN] = [key for key in widget(CHOSEN) or () if key in by_key]
    offered = list(dict.fromkeys([*st.session_state[CHOSEN], *(header.key for header in matching)]))
    st.multiselect(
        "One run, or two to compare",
        offered,
        key=CHOSEN,
        max_selections=2,
        select_all=False,
        format_func=lambda key: label(by_key[key]),
        persist_state="session",
        placeholder="Click rows above or choose here",
    )
    return [by_key[key] for key in widget(CHOSEN)]


def label(header: RunHeader) -> str:
    """A run in one line."""
    asked = header.provenance
    if asked is None:
        return f"{header.short}, cannot be read"
    title = f"{shorten(header.title, 40)} · " if header.title else ""
    return (
        f"{title}{header.what} · {model_title(header)} · {shorten(asked.facts, 40)} · {when(header)} · {header.key[:8]}"
    )


def model_title(header: RunHeader) -> str:
    """The model's title; the name as it was given where the catalogue does not have it."""
    name = header.model or ""
    try:
        return shorten(resolve(name).title, 40)
    except LgaError:  # a folder that is not there any more
        return shorten(name, 40)


def when(header: RunHeader) -> str:
    """When something was added last, in the server's time."""
    return f"{datetime.fromtimestamp(header.changed):%Y-%m-%d %H:%M}"


def took(header: RunHeader) -> str:
    """How long its rows took to compute."""
    seconds = header.notes.seconds if header.notes is not None else None
    return NOT_RECORDED if seconds is None else duration(seconds)


def how_far(header: RunHeader) -> str:
    """ "complete", or how many rows there are of a run that has more to come."""
    rows = header.notes.rows if header.notes is not None else None
    return header.state if rows is None or header.complete else f"{header.state}, {count(rows, 'row')}"


def undo_bar() -> None:
    """The last deleted run can come back."""
    held = run_bin().held
    if held is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"Run {safe(held[:8])} was deleted. It can be brought back until the next one is deleted.")
        st.button("Undo", key="undo_delete", icon=":material/undo:", on_click=_undo)


def delete(key: str) -> None:
    """For callbacks: the run leaves the list and can be brought back."""
    try:
        run_bin().delete(key)
    except LgaError as error:
        session().notices.append(f"{error.cause} {error.hint}")


def unreadable(headers: Sequence[RunHeader]) -> None:
    """Runs whose description cannot be read: told apart from the others, and can be deleted."""
    if not headers:
        return
    with st.expander(f"{count(len(headers), 'run')} cannot be read", icon=":material/warning:"):
        for header in headers:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"`{header.short}` · {safe(header.problem or '')}")
                st.button("Delete", key=f"delete_{header.key}", on_click=delete, args=(header.key,))


def _row(header: RunHeader) -> dict[str, object]:
    settings = ", ".join(f"{name} {value}" for name, value in settings_of(header).items())
    return {
        "name": header.title or "",
        "what": header.what,
        "model": model_title(header),
        "facts": header.provenance.facts if header.provenance is not None else "",
        "state": how_far(header),
        "took": took(header),
        "last written": when(header),
        "kB": round(header.bytes / 1000, 1),
        "settings": shorten(settings, 200),
        "key": header.key[:8],
    }


def _take_rows(keys: Sequence[str]) -> None:
    """The rows that were clicked are the choice, the last two of them."""
    rows = widget(TABLE, {}).get("selection", {}).get("rows", [])
    st.session_state[CHOSEN] = [keys[row] for row in rows if row < len(keys)][-2:]


def _undo() -> None:
    try:
        key = run_bin().undo()
    except LgaError as error:
        session().notices.append(f"{error.cause} {error.hint}")
        return
    st.session_state[CHOSEN] = [key]
    runs().headers()
