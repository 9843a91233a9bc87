"""Edits: the ledger of what was kept, how its facts fare, several facts at once, hundreds of edits, and files."""

import streamlit as st

from lga_core.service.ledger_view import LedgerView
from lga_core.view.words.text import count
from pages._ui.edits import edit_files, ledger_jobs, ledger_numbers, ledger_table
from pages._ui.edits.edit_several import several
from pages._ui.edits.many_edits import many_edits
from pages._ui.facts.sets import editable_or_hint
from pages._ui.session.state import EDITS_VIEW, MANY, Question, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import choice, hint, page_head
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.live import live

_VIEWS = {
    "facts": "Facts before and now",
    "several": "Edit several facts",
    MANY: "Many edits",
    "files": "Save, load, export",
}


def page(question: Question) -> None:
    """The ledger first, then what can be done with it."""
    session().shown_run = ""  # the ledger is this tab's own; many edits name their run
    with st.container():  # of any length: a file that is being uploaded below keeps its place
        live("ledger_live", lambda: ledger_now(question.model), running=jobs.is_running(ledger_jobs.LEDGER))
    views(question, ledger_jobs.current_ledger(question.model))


def ledger_now(model: str) -> None:
    """The ledger as it is, also while a job changes it."""
    ledger = ledger_jobs.current_ledger(model)
    st.caption(
        f"{count(len(ledger.entries), 'edit')}, {len(ledger.enabled)} on. They "
        "are added while the model answers, in this browser session only; the weights are never written."
    )
    job_outcome(jobs.last_job(ledger_jobs.LEDGER, model), "What was finished is kept.")
    if not ledger.entries:
        hint("No edit is kept. Keep a trial edit, edit several facts below, or load a saved set.", "library_books")
        return
    ledger_numbers.means(ledger)
    ledger_table.table(model, ledger)
    ledger_numbers.history(ledger)


def views(question: Question, ledger: LedgerView) -> None:
    """What is wanted beside the ledger; only that is drawn."""
    first = "facts" if ledger.report else "several"
    view = choice("View", list(_VIEWS), EDITS_VIEW, first, format_func=_VIEWS.get, label_visibility="collapsed")
    if view in (MANY, "several") and not editable_or_hint(question):
        return
    if view == "several":
        several(question)
    elif view == MANY:
        many_edits(question)
    elif view == "files":
        edit_files.files(question.model, ledger)
    elif ledger.report is None:
        st.caption("The facts of the ledger have not been measured yet.")
    else:
        ledger_numbers.facts(ledger.report)
        ledger_numbers.probes(ledger.report)


if asked := page_head("Edits"):
    page(asked)
