"""The ledger as a table: what was written where, in order, with the switches that change it."""

from functools import partial

import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.editing.table import editor_title
from lga_core.service.ledger_requests import MeasureEdits, RecomputeEdits
from lga_core.service.ledger_view import EntryView, LedgerView
from lga_core.view.words.definitions import definition
from lga_core.view.words.edits.sentences import relative_error
from lga_core.view.words.text import count, number
from pages._ui.edits import ledger_jobs
from pages._ui.session.state import widget
from pages._ui.shell import jobs
from pages._ui.shell.elements import button
from pages._ui.shell.text import safe

PER_PAGE = 12
_WIDTHS = (0.4, 0.8, 3.2, 1.4, 1.0, 1.5, 1.8, 1.8, 1.8)
_HEADS = ("#", "On", "Facts", "Editor", "Layers", "Mode", "‖ΔW‖ / ‖W‖", "Target error", "")


def table(model: str, ledger: LedgerView) -> None:
    """Every entry in the order in which it acts; pages of a dozen."""
    busy = jobs.is_running(ledger_jobs.LEDGER)
    pages = -(-len(ledger.entries) // PER_PAGE)
    shown = min(int(widget("ledger_page", 1)), pages) if pages > 1 else 1
    with st.container(border=True, gap="xsmall", key="ledger"):
        for column, words in zip(st.columns(_WIDTHS, gap="small"), _HEADS, strict=True):
            column.caption(
                safe(words),
                text_alignment="right" if words.startswith(("‖", "Target")) else "left",
                help=definition(words),
            )
        first = (shown - 1) * PER_PAGE
        last = len(ledger.entries) - 1
        for place, entry in enumerate(ledger.entries[first : first + PER_PAGE], start=first):
            _row(model, entry, place, last, busy=busy)
    if pages > 1:
        st.pagination(pages, key="ledger_page", persist_state="session")
    _bar(model, ledger, busy=busy)


def _row(model: str, entry: EntryView, place: int, last: int, *, busy: bool) -> None:
    cells = st.columns(_WIDTHS, gap="small", vertical_alignment="center")
    cells[0].markdown(f"{place + 1}")
    key = f"on_{entry.id}"
    st.session_state[key] = entry.enabled
    cells[1].toggle(
        f"Edit {place + 1} acts",
        key=key,
        label_visibility="collapsed",
        disabled=busy,
        on_change=ledger_jobs.change,
        args=(model, "toggle", entry.id),
    )
    with cells[2]:
        _facts(entry)
    cells[3].markdown(safe(editor_title(entry.editor)))
    cells[4].markdown(", ".join(map(str, entry.layers)))
    cells[5].markdown(entry.mode)
    cells[6].markdown(number(entry.norm_ratio, 2), text_alignment="right")
    cells[7].markdown(relative_error(entry.target_error), text_alignment="right")
    with cells[8].container(horizontal=True, gap="xsmall", horizontal_alignment="right"):
        for icon, words, how, disabled in (
            ("arrow_upward", f"Move edit {place + 1} up", "up", place == 0),
            ("arrow_downward", f"Move edit {place + 1} down", "down", place == last),
            ("close", f"Remove edit {place + 1}", "remove", False),
        ):
            off = busy or disabled
            key = f"{how}_{entry.id}"
            button(
                "", key, ledger_jobs.change, model, how, entry.id, icon=icon, type="tertiary", disabled=off, help=words
            )


def _facts(entry: EntryView) -> None:
    words = fact_label(entry.facts[0]) if len(entry.facts) == 1 else count(len(entry.facts), "fact")
    more = None if len(entry.facts) == 1 else "\n".join(f"- {safe(fact_label(fact))}" for fact in entry.facts)
    st.markdown(safe(words) if entry.enabled else f":gray[{safe(words)}]", help=more)
    if entry.enabled and entry.stale:
        st.badge("computed on another set of edits", icon=":material/history:", color="orange")


def _bar(model: str, ledger: LedgerView, *, busy: bool) -> None:
    stale = sum(entry.stale for entry in ledger.enabled)
    with st.container(horizontal=True, vertical_alignment="center"):
        if stale:
            button(
                f"Recompute {count(stale, 'stale edit')}",
                "recompute",
                partial(ledger_jobs.start, RecomputeEdits, model),
                icon="refresh",
                disabled=busy,
                help="Computes again, in order, every edit that is on and was computed on other edits than those "
                "before it now, and every edit that builds on it.",
            )
        if not ledger.current:
            measure = partial(ledger_jobs.start, MeasureEdits, model)
            button("Measure the facts", "measure", measure, icon="straighten", disabled=busy)
        about = "Empties the ledger. The model is then as it was: its weights were never written."
        button("Undo all", "undo_all", ledger_jobs.change, model, "undo all", icon="undo", disabled=busy, help=about)
