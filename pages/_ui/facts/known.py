"""What the model says by itself about the facts of a set: from the store where it was asked before, else by a job."""

from collections.abc import Mapping, Sequence

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.models.sources.catalogue import resolve
from lga_core.results import KnownFactCheck
from lga_core.runs.reading import stored_known_facts
from lga_core.service.requests import KnownFactsRequest
from lga_core.view.words.text import count
from pages._ui.session.state import session
from pages._ui.shell import jobs
from pages._ui.shell.engine import identity, store
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.text import safe

AREA = "known"


def stored_checks(facts: Sequence[Fact]) -> Mapping[int, KnownFactCheck]:
    """What the sidebar's model is known to say, by record; empty where no model is chosen or its files are not here."""
    question = session().question
    model = identity(question.model) if question is not None else None
    return stored_known_facts(model, facts, store()) if model is not None else {}


def ask_bar(facts: Sequence[Fact], checks: Mapping[int, KnownFactCheck]) -> None:
    """Which of the facts shown have not been asked, and the button that asks; then how that went."""
    left = [fact for fact in facts if fact.record not in checks]
    question = session().question
    job = jobs.last_job(AREA, question.model) if question is not None else None
    by_record = {fact.record: fact for fact in facts}
    if job is not None and any(by_record.get(fact.record) != fact for fact in job.request.facts):
        job = None  # it was asked about others
    if job is not None and job.result is not None and not left:
        asked, stored = job.result
        if stored:
            with st.container(horizontal=True, gap="small"):
                st.badge(
                    "Answered from the store"
                    if stored == asked
                    else f"{stored:,} of {count(asked, 'answer')} from the store",
                    icon=":material/database:",
                    color="gray",
                )
    job_outcome(job, "The answers so far are kept and shown.")
    if not left:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if question is None:
            st.markdown("Choose a model in the sidebar to see which of these facts it knows.")
            return
        title = safe(resolve(question.model).title)
        if job is not None and job.alive:
            st.markdown(f"Asking {title}. The sidebar shows how far it is; the answers appear here at the end.")
            return
        if jobs.is_running(AREA):
            st.markdown("A model is being asked about other facts; the sidebar shows how far it is.")
            return
        st.markdown(
            f"{title} has not been asked about "
            + (
                "these facts yet."
                if len(left) == len(facts)
                else f"{len(left):,} of these {count(len(facts), 'fact')} yet."
            )
        )
        request = KnownFactsRequest(model=question.model, facts=tuple(left))
        label = f"Ask the model about {count(len(left), 'fact')}"
        jobs.start_button(label, "contact_support", AREA, request, "Asking the model", key="ask_model", type="primary")
