"""What the model says by itself about the facts of a set: from the store where it was asked before, else by a job."""

from collections.abc import Generator, Sequence

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.models.catalogue import local_folder, resolve
from lga_core.models.fingerprint import folder_fingerprint
from lga_core.results import Progress, SurveyRow
from lga_core.view.text import count
from pages._ui import facts_sets, jobs
from pages._ui.errors import job_outcome
from pages._ui.model import Shelf, shelf
from pages._ui.state import session
from pages._ui.text import safe

AREA = "known"


@st.cache_resource(max_entries=4, show_spinner=False)
def _said(model_fingerprint: str) -> dict[str, SurveyRow]:
    """Answers of one model by the fact's fingerprint, shared by all sessions."""
    return {}


def survey(found: FactSet) -> dict[int, SurveyRow]:
    """What the sidebar's model is known to say, by record. Computes nothing; empty where no model is chosen or here."""
    question = session().question
    told = _fingerprint(question.model) if question is not None else None
    if told is None:
        return {}
    said, names = _said(told), facts_sets.fact_fingerprints(found)
    model = shelf().peek(question.model)
    if model is not None and any(name not in said for name in names.values()):
        from lga_core.runs.store import Store  # with torch, see Shelf.take
        from lga_core.runs.tasks import finished_survey

        rows = finished_survey(model, found.facts, Store())
        said.update({names[record]: row for record, row in rows.items()})
    return {record: said[name] for record, name in names.items() if name in said}


def _fingerprint(model: str) -> str | None:
    folder = local_folder(resolve(model))
    try:
        return folder_fingerprint(folder) if folder is not None else None
    except (OSError, ValueError):            # half written or removed: loading it says so
        return None


def ask(found: FactSet, facts: Sequence[Fact]) -> None:
    """Start the job that asks the sidebar's model about these facts, or join the one that does."""
    question, on = session().question, shelf()
    wanted = frozenset(fact.record for fact in facts)
    jobs.start(AREA, (question.model, facts_sets.mark(found), wanted), "Asking the model",
               lambda: _ask_steps(on, question.model, facts))


def _ask_steps(on: Shelf, model_name: str, facts: Sequence[Fact]) -> Generator[Progress, None, tuple[int, int]]:
    """Each answer goes to the store at once. Returns how many facts were asked about, and how many it had already."""
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import finished_survey, survey_facts

    model, store = (yield from on.take(model_name)), Store()
    kept = len(finished_survey(model, facts, store))
    yield from survey_facts(model, facts, store)
    return len(facts), kept


def ask_bar(found: FactSet, facts: Sequence[Fact], rows: dict[int, SurveyRow]) -> None:
    """Which of the facts shown have not been asked, and the button that asks; then how that went."""
    left = [fact for fact in facts if fact.record not in rows]
    job = jobs.last_job(AREA)
    if job is not None and job.result is not None and not left:
        asked, kept = job.result
        if kept:
            with st.container(horizontal=True, gap="small"):
                st.badge("Answered from the store" if kept == asked else
                         f"{kept:,} of {count(asked, 'answer')} from the store", icon=":material/database:",
                         color="gray")
    job_outcome(job, "The answers so far are kept and shown.")
    if not left:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if session().question is None:
            st.markdown("Choose a model in the sidebar to see which of these facts it knows.")
            return
        title = safe(resolve(session().question.model).title)
        if jobs.is_running(AREA):
            st.markdown(f"Asking {title}. The sidebar shows how far it is; the answers appear here at the end.")
            return
        st.markdown(f"{title} has not been asked about " + (
            "these facts yet." if len(left) == len(facts) else
            f"{len(left):,} of these {count(len(facts), 'fact')} yet."))
        st.button(f"Ask the model about {count(len(left), 'fact')}", key="ask_model", icon=":material/contact_support:",
                  type="primary", on_click=ask, args=(found, left))


def verdict(row: SurveyRow | None) -> str:
    """One word for a table's cell."""
    if row is None:
        return "not asked"
    return "n/a" if row.known is None else "known" if row.known else "not known"
