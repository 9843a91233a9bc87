"""The proxy set in the sidebar: which one, how many of it, in which order; and the way to add facts."""

from typing import Any

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.view.words.text import count
from pages._ui.facts import sets
from pages._ui.facts.add import dialog
from pages._ui.session import state
from pages._ui.session.state import session, widget
from pages._ui.shell.elements import button, number_field, toggle


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
        on_change=_other_set,
    )
    facts = sets.fact_set(memory.facts)
    st.caption(_about(facts))
    add_button("add_facts", width="stretch")
    if memory.adding:
        dialog()
    most = max(len(facts.facts), 1)
    default = min(sets.DEFAULT_LIMIT, most)  # the address leaves it out, so it is what an address without it means
    if (widget(state.LIMIT) or default) > most:
        st.session_state[state.LIMIT] = most
    left, right = st.columns(2, gap="small")
    limit = number_field("How many", 1, most, default, state.LIMIT, place=left, bind="query-params")
    about = "Order in which the facts are taken; noise and bootstrap draws."
    seed = number_field("Seed", 0, 2**31 - 1, 0, state.SEED, place=right, bind="query-params", help=about)
    about = "Take only facts whose old answer the model gives by itself."
    known = toggle("Known facts only", state.KNOWN_ONLY, bind="query-params", help=about)
    return facts, int(limit), int(seed), known


def _other_set() -> None:
    """A limit that was the whole of the set before, maybe cut to it, says nothing about the set chosen now."""
    before = session().facts
    if before is not None and (widget(state.LIMIT) or 0) >= len(sets.fact_set(before).facts):
        st.session_state[state.LIMIT] = sets.DEFAULT_LIMIT


def add_button(key: str, **look: Any) -> None:
    """Opens the dialog for new facts."""
    about = "Upload a file, name a data set, or type a fact in."
    button("Add facts", key, _show_dialog, icon="add", help=about, **look)


def _show_dialog() -> None:
    """Remembered, so that a job that ends meanwhile and runs the page again does not close the dialog."""
    session().adding = True


def _about(facts: FactSet) -> str:
    kept = count(len(facts.facts), "fact")
    skipped = len({problem.record for problem in facts.problems if problem.action == "record skipped"})
    return kept + (f" · {count(skipped, 'record')} skipped" if skipped else "")
