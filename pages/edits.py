"""Edits: the ledger of what was kept, how its facts fare, several facts at once, and edits in files."""

import streamlit as st

from lga_core.models.catalogue import resolve
from lga_core.view.text import count
from pages._ui import edit_files, frame, jobs, ledger_jobs, ledger_numbers, ledger_table
from pages._ui.book import Book, book_of
from pages._ui.edit_several import several
from pages._ui.errors import job_outcome
from pages._ui.state import Question, session
from pages._ui.text import safe


def page(question: Question) -> None:
    """The ledger first, then what can be done with it."""
    book = book_of(question.model)
    on, all_of = len(book.ledger.enabled), len(book.ledger.entries)
    st.caption(f"{safe(resolve(question.model).title)} · {count(all_of, 'edit')}, {on} on. They are added while the "
               "model answers, in this browser session only; the weights are never written.")
    job_outcome(jobs.last_job(ledger_jobs.WRITING), "What was finished is kept.")
    job_outcome(jobs.last_job(ledger_jobs.MEASURING), "The edits stay; their facts were not measured.")
    if all_of:
        ledger_numbers.means(book)
        ledger_table.table(book)
        ledger_numbers.history(book)
    else:
        st.info("No edit is kept. Keep a trial edit, edit several facts below, or load a saved set.",
                icon=":material/library_books:")
    views(question, book)


def views(question: Question, book: Book) -> None:
    """What is wanted beside the ledger; only that is drawn."""
    named = {"several": "Edit several facts", "files": "Save, load, export"}
    if book.report is not None:
        named = {"facts": "Facts before and now"} | named
    view = st.segmented_control("View", list(named), key=f"edits_view_{len(named)}", default=next(iter(named)),
                                required=True, format_func=named.get, label_visibility="collapsed",
                                persist_state="session")
    if view == "facts":
        ledger_numbers.facts(book.report)
        ledger_numbers.probes(book.report)
    elif view == "several":
        several(question, book)
    else:
        edit_files.files(book)


frame.require()
st.title("Edits")
if session().question is None:
    st.info("Choose a model and a proxy set in the sidebar.", icon=":material/info:")
else:
    page(session().question)
