"""The ledger as a table: what was written where, in order, with the switches that change it."""

from collections.abc import Callable

import streamlit as st

from lga_core.editing.ledger import Entry, Ledger
from lga_core.view.text import count, number
from pages._ui import jobs, ledger_jobs
from pages._ui.book import Book, subjects
from pages._ui.editors import title
from pages._ui.state import widget
from pages._ui.text import fact_label, safe

PER_PAGE = 12
_WIDTHS = (0.4, 0.8, 3.9, 1.5, 1.1, 1.6, 1.2, 1.3, 1.9)
_HEADS = ("#", "On", "Facts", "Editor", "Layers", "Mode", "‖ΔW‖ / ‖W‖", "Target error", "")


def table(book: Book) -> None:
    """Every entry in the order in which it acts; pages of a dozen."""
    ledger, held = book.ledger, jobs.is_running(ledger_jobs.WRITING)
    pages = -(-len(ledger.entries) // PER_PAGE)
    shown = min(int(widget("ledger_page", 1)), pages) if pages > 1 else 1
    with st.container(border=True, gap="xsmall", key="ledger"):
        for column, words in zip(st.columns(_WIDTHS, gap="small"), _HEADS, strict=True):
            column.caption(words, text_alignment="right" if words.startswith(("‖", "Target")) else "left")
        first = (shown - 1) * PER_PAGE
        for place, entry in enumerate(ledger.entries[first:first + PER_PAGE], start=first):
            _row(book, ledger, place, entry, held=held)
    if pages > 1:
        st.pagination(pages, key="ledger_page", persist_state="session")
    _bar(book, ledger, held=held)


def _row(book: Book, ledger: Ledger, place: int, entry: Entry, *, held: bool) -> None:
    cells = st.columns(_WIDTHS, gap="small", vertical_alignment="center")
    cells[0].markdown(f"{place + 1}")
    key = f"on_{entry.id}"
    st.session_state[key] = entry.enabled
    cells[1].toggle(f"Edit {place + 1} acts", key=key, label_visibility="collapsed", disabled=held,
                    on_change=_toggle, args=(book, entry.id))
    with cells[2]:
        _facts(entry, stale=entry.enabled and ledger.stale(entry.id))
    cells[3].markdown(safe(title(entry.editor)))
    cells[4].markdown(", ".join(map(str, entry.layers)))
    cells[5].markdown(entry.mode)
    ratio, error = _size(entry)
    cells[6].markdown(ratio, text_alignment="right")
    cells[7].markdown(error, text_alignment="right")
    with cells[8].container(horizontal=True, gap="xsmall", horizontal_alignment="right"):
        last = len(ledger.entries) - 1
        _button("arrow_upward", f"Move edit {place + 1} up", f"up_{entry.id}", held or place == 0,
                lambda: _move(book, entry.id, -1))
        _button("arrow_downward", f"Move edit {place + 1} down", f"down_{entry.id}", held or place == last,
                lambda: _move(book, entry.id, 1))
        _button("close", f"Remove edit {place + 1}", f"remove_{entry.id}", held, lambda: _remove(book, entry.id))


def _facts(entry: Entry, *, stale: bool) -> None:
    words = fact_label(entry.facts[0]) if len(entry.facts) == 1 else count(len(entry.facts), "fact")
    more = None if len(entry.facts) == 1 else "\n".join(f"- {safe(fact_label(fact))}" for fact in entry.facts)
    st.markdown(safe(words) if entry.enabled else f":gray[{safe(words)}]", help=more)
    if stale:
        st.badge("computed on another set of edits", icon=":material/history:", color="orange")


def _size(entry: Entry) -> tuple[str, str]:
    """The largest over layers and facts."""
    writes = [(item.edit.norm / item.weight_norm, item.target_errors) for item in entry.written]
    errors = [error for _, told in writes for error in told if error is not None]
    return number(max(ratio for ratio, _ in writes), 2), f"{max(errors):.1e}" if errors else "n/a"


def _button(icon: str, label: str, key: str, disabled: bool, act: Callable[[], None]) -> None:
    st.button("", key=key, icon=f":material/{icon}:", type="tertiary", disabled=disabled, on_click=act, help=label)


def _bar(book: Book, ledger: Ledger, *, held: bool) -> None:
    stale = sum(entry.enabled and ledger.stale(entry.id) for entry in ledger.entries)
    with st.container(horizontal=True, vertical_alignment="center"):
        if stale:
            st.button(f"Recompute {count(stale, 'stale edit')}", key="recompute", icon=":material/refresh:",
                      disabled=held, on_click=ledger_jobs.recompute, args=(book,),
                      help="Computes every edit that is on anew, in order, where the edits before it are others than "
                           "those that it was computed on, and what stands on it.")
        if not book.current:
            st.button("Measure the facts", key="measure", icon=":material/straighten:",
                      disabled=held or jobs.is_running(ledger_jobs.MEASURING), on_click=ledger_jobs.measure,
                      args=(book,))
        st.button("Undo all", key="undo_all", icon=":material/undo:", disabled=held, on_click=_undo_all, args=(book,),
                  help="Empties the ledger. The model is then as it was: its weights were never written.")


def _acting(book: Book, id: str) -> int | None:
    """The entry's place; None where a second click, or a job, was faster than the page."""
    if jobs.is_running(ledger_jobs.WRITING):
        return None
    return next((place for place, entry in enumerate(book.ledger.entries) if entry.id == id), None)


def _toggle(book: Book, id: str) -> None:
    if (place := _acting(book, id)) is not None:
        entry = book.ledger.entries[place]
        ledger_jobs.change(book, book.ledger.toggled(id), f"{subjects(entry)} {'off' if entry.enabled else 'on'}")


def _move(book: Book, id: str, by: int) -> None:
    if (place := _acting(book, id)) is not None:
        words = f"moved {subjects(book.ledger.entries[place])} {'up' if by < 0 else 'down'}"
        ledger_jobs.change(book, book.ledger.moved(id, place + by), words)


def _remove(book: Book, id: str) -> None:
    if (place := _acting(book, id)) is not None:
        words = f"removed {subjects(book.ledger.entries[place])}"
        ledger_jobs.change(book, book.ledger.removed(id), words)


def _undo_all(book: Book) -> None:
    if not jobs.is_running(ledger_jobs.WRITING):
        ledger_jobs.change(book, Ledger(), "undone")
