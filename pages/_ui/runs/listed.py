"""The list of runs: search, a table of what is told about each, the choice of one or two; delete and the way back."""

from collections.abc import Mapping, Sequence

import streamlit as st

from lga_core.runs.storage.index import RunHeader
from lga_core.service.page_parts.run_list import facts_in_words, list_rows, list_sentence, matching_runs, run_line
from lga_core.service.reading.run_groups import RunGroup, grouped
from lga_core.view.words.text import count
from pages._ui.session.state import widget
from pages._ui.shell.elements import button, hint, table, text_field
from pages._ui.shell.engine import run_bin, runs, store
from pages._ui.shell.errors import noticed
from pages._ui.shell.text import safe

CHOSEN = "runs_chosen"
SEARCH = "runs_search"
TABLE = "runs_table"
GROUP = "runs_group"
MOST_PIXELS = 420


def choose(headers: Sequence[RunHeader]) -> list[RunHeader]:
    """Search and table; the one or two runs that are chosen, by a click on rows or by keyboard in the list below."""
    about = "model, facts, kind, setting, name or key"
    search = text_field(
        "Search", SEARCH, icon=":material/search:", placeholder=about, help="A run is listed when it has every word."
    )
    facts = facts_in_words(headers, store())
    matching = matching_runs(headers, search, facts)
    if matching:
        _table(matching, facts)
    else:
        hint(
            "No run has all of these words." if search.strip() else "None of the stored runs can be read.", "search_off"
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
        format_func=lambda key: run_line(by_key[key], facts[key]),
        persist_state="session",
        placeholder="Click rows above or choose here",
    )
    return [by_key[key] for key in widget(CHOSEN)]


def _table(matching: Sequence[RunHeader], facts: Mapping[str, str]) -> None:
    """A row a run or group of runs, or the runs of the group that was opened."""
    items = grouped(matching)
    groups = {item.name: item for item in items if isinstance(item, RunGroup)}
    opened = groups.get(st.session_state.get(GROUP, ""))
    shown = list(opened.headers) if opened is not None else items
    with st.container(horizontal=True, vertical_alignment="center"):
        if opened is not None:
            button("All runs", "runs_all", _open_group, "", icon="arrow_back")
        st.caption(safe(list_sentence(items, opened)))
    # Rows are chosen by their place: other rows are another table, which has none chosen.
    key = f"{TABLE}_{hash(tuple(item.key if isinstance(item, RunHeader) else item.name for item in shown)):x}"
    table(
        list_rows(shown, facts),
        most=MOST_PIXELS,
        widths={"name": 120, "model": 160, "facts": 220},  # by themselves they are as wide as in the first rows
        key=key,
        on_select=lambda: _take_rows(key, shown),
        selection_mode="multi-row",
    )


def undo_bar() -> None:
    """The last deleted run can come back."""
    held = run_bin().held
    if held is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"Run {safe(held[:8])} was deleted. It can be brought back until the next one is deleted.")
        button("Undo", "undo_delete", _undo, held, icon="undo")


def delete(key: str) -> None:
    """For callbacks: the run leaves the list and can be brought back."""
    with noticed():
        if run_bin().held != key:  # a second click was faster than the page
            run_bin().delete(key)


def unreadable(headers: Sequence[RunHeader]) -> None:
    """Runs whose description cannot be read: told apart from the others, and can be deleted."""
    if not headers:
        return
    with st.expander(f"{count(len(headers), 'run')} cannot be read", icon=":material/warning:"):
        for header in headers:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"`{header.short}` · {safe(header.problem or '')}")
                button("Delete", f"delete_{header.key}", delete, header.key)


def _take_rows(key: str, shown: Sequence[RunHeader | RunGroup]) -> None:
    """The rows that were clicked are the choice, the last two of them; a group that was clicked is opened."""
    rows = widget(key, {}).get("selection", {}).get("rows", [])
    chosen = [shown[row] for row in rows if row < len(shown)]
    if group := next((item for item in chosen if isinstance(item, RunGroup)), None):
        _open_group(group.name)
    else:
        st.session_state[CHOSEN] = [item.key for item in chosen if isinstance(item, RunHeader)][-2:]


def _open_group(name: str) -> None:
    """Its runs are listed; all of them again for ""."""
    st.session_state[GROUP] = name


def _undo(key: str) -> None:
    with noticed():
        if run_bin().held == key:
            run_bin().undo(key)
        st.session_state[CHOSEN] = [key]
        runs().headers()
