"""The proxy set in the sidebar: which one, how many of it, in which order; and the way to add facts."""

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.view.words.text import count
from pages._ui.facts import sets
from pages._ui.session import state
from pages._ui.session.state import session, widget


def choose_facts() -> tuple[FactSet, int, int, bool]:
    """The sidebar's facts part: the set, how many of it, the seed of their order, and whether only known ones."""
    memory = session()
    memory.facts = st.selectbox(
        "Proxy set of facts",
        sets.names(),
        key=state.FACTS,
        bind="query-params",
        persist_state="session",
        format_func=sets.title,
    )
    facts = sets.fact_set(memory.facts)
    st.caption(_about(facts))
    st.button(
        "Add facts",
        key="add_facts",
        icon=":material/add:",
        width="stretch",
        on_click=show_dialog,
        help="Upload a file, name a data set, or type a fact in.",
    )
    if memory.adding:
        from pages._ui.facts.add import dialog  # with pandas, which the first view does not need

        dialog()
    most = max(len(facts.facts), 1)
    default = min(sets.DEFAULT_LIMIT, most)  # the address leaves it out, so it is what an address without it means
    if (widget(state.LIMIT) or default) > most:
        st.session_state[state.LIMIT] = most
    left, right = st.columns(2, gap="small")
    limit = left.number_input(
        "How many", 1, most, default, key=state.LIMIT, bind="query-params", persist_state="session"
    )
    seed = right.number_input(
        "Seed",
        0,
        2**31 - 1,
        key=state.SEED,
        bind="query-params",
        persist_state="session",
        help="Order in which the facts are taken; noise and bootstrap draws.",
    )
    known = st.toggle(
        "Known facts only",
        key=state.KNOWN_ONLY,
        bind="query-params",
        persist_state="session",
        help="Take only facts whose old answer the model gives by itself.",
    )
    return facts, int(limit), int(seed), known


def show_dialog() -> None:
    """Remembered, so that a job that ends meanwhile and runs the page again does not close the dialog."""
    session().adding = True


def _about(facts: FactSet) -> str:
    kept = count(len(facts.facts), "fact")
    skipped = len({problem.record for problem in facts.problems if problem.action == "record skipped"})
    return kept + (f" · {count(skipped, 'record')} skipped" if skipped else "")
