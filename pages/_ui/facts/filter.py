"""Which facts of a set are looked at: words, relation, parts that they have, and whether the model knows them."""

from collections.abc import Mapping

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.data.select import relations
from lga_core.results import KnownFactCheck
from lga_core.service.page_parts.fact_filter import PARTS, VERDICTS, Picked, pick_facts
from pages._ui.session import state
from pages._ui.session.state import widget
from pages._ui.shell.elements import text_field


def filters(fact_set: FactSet, checks: Mapping[int, KnownFactCheck]) -> Picked:
    """The widgets and what they leave. A fact that was not asked has no verdict, so it passes neither."""
    named = relations(fact_set.facts)
    st.session_state["facts_relations"] = [name for name in widget("facts_relations") or [] if name in named]
    first, second, third, fourth = st.columns([4, 4, 4, 4], gap="small", vertical_alignment="bottom")
    about = "in prompts and answers"
    words = text_field("Search", "facts_search", place=first, icon=":material/search:", placeholder=about)
    chosen = second.multiselect(
        "Relation",
        list(named),
        key="facts_relations",
        persist_state="session",
        format_func=lambda name: f"{name} ({named.get(name, 0)})",
        disabled=not named,
        placeholder="any" if named else "the set names none",
    )
    having = third.multiselect(
        "Has", list(PARTS), key="facts_having", persist_state="session", placeholder="anything", format_func=PARTS.get
    )
    verdict = fourth.segmented_control(
        "Model",
        list(VERDICTS),
        key="facts_verdict",
        persist_state="session",
        format_func=VERDICTS.get,
        width="stretch",
        help="Known: the model's greedy next token starts an accepted old answer.",
    )
    return pick_facts(fact_set.facts, checks, words=words or "", relations=chosen, having=having, verdict=verdict)


def clear() -> None:
    """All filters off when the page is drawn next."""
    state.put({"facts_search": "", "facts_relations": [], "facts_having": [], "facts_verdict": None})
