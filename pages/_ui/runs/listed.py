"""The list of runs: search, a table of what is told about each, the choice of one or two; delete and the way back."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import resolve
from lga_core.runs.storage.index import RunHeader
from lga_core.service.reading.comparing import settings_of
from lga_core.service.reading.run_groups import RunGroup, grouped
from lga_core.view.words.sentences import duration
from lga_core.view.words.text import count, shorten
from pages._ui.session.state import widget
from pages._ui.shell.elements import button, hint, table, text_field
from pages._ui.shell.engine import run_bin, runs, store
from pages._ui.shell.errors import noticed
from pages._ui.shell.text import safe

CHOSEN = "runs_chosen"
SEARCH = "runs_search"
TABLE = "runs_table"
GROUP = "runs_group"
NOT_RECORDED = "not recorded"
MOST_PIXELS = 420


def choose(headers: Sequence[RunHeader]) -> list[RunHeader]:
    """Search and table; the one or two runs that are chosen, by a click on rows or by keyboard in the list below."""
    about = "model, facts, kind, setting, name or key"
    search = text_field(
        "Search", SEARCH, icon=":material/search:", placeholder=about, help="A run is listed when it has every word."
    )
    words = search.lower().split()
    facts = facts_in_words(headers)
    matching = [header for header in headers if header.holds(words, shown=f"{model_title(header)} {facts[header.key]}")]
    if not matching:
        hint("No run has all of these words." if words else "None of the stored runs can be read.", "search_off")
    else:
        _table(matching, facts)
    by_key = {header.key: header for header in headers}
    st.session_state[CHOSEN] = [key for key in widget(CHOSEN) or () if key in by_key]
    offered = list(dict.fromkeys([*st.session_state[CHOSEN], *(header.key for header in matching)]))
    st.multiselect(
        "One run, or two to compare",
        offered,
        key=CHOSEN,
        max_selections=2,
        select_all=False,
        format_func=lambda key: label(by_key[key], facts[key]),
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
    said = f"{count(len(matching), 'run')}, the last one first. Choose one to open it, two to compare them."
    if opened is not None:
        said = f"{_what(opened)}: {count(len(shown), 'run')} of {len(matching)}, each a trace of one fact."
    elif groups:
        said += " Causal traces of one model, set and settings stand in one row: choose it to see each of them."
    with st.container(horizontal=True, vertical_alignment="center"):
        if opened is not None:
            button("All runs", "runs_all", _open_group, "", icon="arrow_back")
        st.caption(safe(said))
    # Rows are chosen by their place: other rows are another table, which has none chosen.
    key = f"{TABLE}_{hash(tuple(item.key if isinstance(item, RunHeader) else item.name for item in shown)):x}"
    rows = [_row(item, facts) for item in shown]
    if not any(row["name"] for row in rows):
        rows = [{column: value for column, value in row.items() if column != "name"} for row in rows]
    table(
        rows,
        most=MOST_PIXELS,
        widths={"name": 120, "model": 160, "facts": 220},  # by themselves they are as wide as in the first rows
        key=key,
        on_select=lambda: _take_rows(key, shown),
        selection_mode="multi-row",
    )


def label(header: RunHeader, facts: str) -> str:
    """A run in one line. `facts`: what it is about, in words."""
    if header.provenance is None:
        return f"{header.short}, cannot be read"
    title = f"{shorten(header.title, 40)} · " if header.title else ""
    return f"{title}{header.what} · {model_title(header)} · {shorten(facts, 60)} · {when(header)} · {header.key[:8]}"


def facts_in_words(headers: Sequence[RunHeader]) -> dict[str, str]:
    """What each run is about, by its key: the set, and the fact where it is one: traces of one set look alike else."""
    asked = {header.key: header.provenance for header in headers if header.provenance is not None}
    alone = store().facts.single({item.facts_fingerprint for item in asked.values()})
    return {
        header.key: ""
        if (item := asked.get(header.key)) is None
        else f"{item.facts} · {fact_label(alone[item.facts_fingerprint])}"
        if item.facts_fingerprint in alone
        else item.facts
        for header in headers
    }


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


def took(*headers: RunHeader) -> str:
    """How long their rows took to compute, of those that recorded it."""
    recorded = [header.notes.seconds for header in headers if header.notes is not None]
    seconds = [item for item in recorded if item is not None]
    return duration(sum(seconds)) if seconds else NOT_RECORDED


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
        button("Undo", "undo_delete", _undo, held, icon="undo")


def delete(key: str) -> None:
    """For callbacks: the run leaves the list and can be brought back."""
    with noticed():
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


def _row(item: RunHeader | RunGroup, facts: Mapping[str, str]) -> dict[str, object]:
    headers = item.headers if isinstance(item, RunGroup) else (item,)
    header = headers[0]
    complete = sum(each.complete for each in headers)
    settings = ", ".join(f"{name} {shorten(str(value), 24)}" for name, value in settings_of(header).items())
    return {
        "name": header.title or "",
        "what": _what(item),
        "model": model_title(header),
        "facts": facts[header.key] if len(headers) == 1 or header.provenance is None else header.provenance.facts,
        "state": how_far(header) if complete == len(headers) or len(headers) == 1 else f"{complete} complete",
        "took": took(*headers),
        "last written": when(max(headers, key=lambda each: each.changed)),
        "kB": round(sum(each.bytes for each in headers) / 1000, 1),
        "settings": shorten(settings, 200),
        "key": header.key[:8] if len(headers) == 1 else count(len(headers), "run"),
    }


def _what(item: RunHeader | RunGroup) -> str:
    return f"{item.headers[0].what}, {count(len(item.headers), 'fact')}" if isinstance(item, RunGroup) else item.what


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
        run_bin().undo(key)
        st.session_state[CHOSEN] = [key]
        runs().headers()
