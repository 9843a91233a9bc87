"""Your own fact on the first page: typed in one line, made a set of its own and scored; then the ways on with it."""

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.service.requests import KnownFactsRequest
from lga_core.view.words.text import number, shorten
from pages._ui.facts import sets
from pages._ui.facts.known import stored_checks
from pages._ui.facts.one_fact import FactForm
from pages._ui.frame import sidebar
from pages._ui.session import state
from pages._ui.session.state import SCORE, Question, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import button
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.text import safe

AREA = "own answer"
ONE_FACT = FactForm("own")
EMPTY = "an empty line"  # an answer of no visible letter


def form(*, opened: bool) -> None:
    """The fact in one line, a button that scores it, and one that asks the model for the old answer."""
    question = session().question
    place = "first" if opened else "beside"  # opened on the first screen, it is not so beside the results
    with st.expander("Your own fact", expanded=opened, icon=":material/edit_note:", key=f"own_fact_{place}"):
        with st.form("own_form", border=False):
            ONE_FACT.draw()
            with st.container(horizontal=True):
                st.form_submit_button(
                    "Score this fact",
                    key="own_score",
                    icon=":material/bar_chart:",
                    on_click=_score,
                    disabled=question is None or jobs.is_running(SCORE),
                    help="Makes a set of this one fact, chooses it in the sidebar, and scores the layers with it.",
                )
                st.form_submit_button(
                    "Ask the model for the old answer",
                    key="own_ask",
                    icon=":material/contact_support:",
                    on_click=_ask,
                    disabled=question is None or jobs.is_running(AREA),
                )
        if question is not None:
            job_outcome(jobs.last_job(AREA, question.model), "An empty old answer is still the model’s own.")
            _offer()


def next_steps(question: Question) -> None:
    """Where a set of one fact can be taken next: its trace, and an edit of it."""
    facts = sets.fact_set(question.facts).facts
    if len(facts) != 1 or question != session().question:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        check = None if facts[0].target_old else stored_checks(facts).get(facts[0].record)
        if check is not None and check.refusal is None:
            st.markdown(f"Old answer: **{safe(check.greedy) or EMPTY}**, the model’s own.", width="content")
        st.page_link("causal_trace.py", label="Trace this fact", icon=":material/grid_on:")
        st.page_link("trial_edit.py", label="Edit this fact", icon=":material/edit:")


def _score() -> None:
    """The one fact is the question from now on, in the sidebar too."""
    fact = ONE_FACT.take()
    if fact is None:
        return
    words = shorten(f"{fact.subject} → {fact.target_new}", 60)
    name = sets.add_derived(FactSet(name=words, facts=(fact,), n_records=1))
    sets.choose(name)
    st.session_state[state.KNOWN_ONLY] = False
    sidebar.score()


def _ask() -> None:
    fact, question = ONE_FACT.take(), session().question
    if fact is not None and question is not None:
        session().asked_fact = fact
        jobs.start(AREA, KnownFactsRequest(model=question.model, facts=(fact,)), "Asking the model")


def _offer() -> None:
    """What the model said, to be taken as the old answer, while the line still asks that."""
    fact = session().asked_fact
    if fact is None or ONE_FACT.prompt() != fact.prompt:
        return
    check = stored_checks((fact,)).get(fact.record)
    if check is None:
        return
    if check.refusal is not None:
        st.markdown(f"This prompt {safe(check.refusal)}.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"The model continues “{safe(shorten(fact.prompt, 80))}” with **{safe(check.greedy) or EMPTY}**, "
            f"p {number(check.probability, 2)}.",
            width="content",
        )
        if check.greedy:
            button("Take it as the old answer", "own_take", _take, check.greedy)


def _take(answer: str) -> None:
    st.session_state[ONE_FACT.key("old")] = answer
    session().asked_fact = None
