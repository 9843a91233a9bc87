"""Which facts of a set are looked at: words, relation, parts that they have, and whether the model knows them."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.select import keep, relations, search
from lga_core.results import KnownFactCheck
from pages._ui.session.state import widget
from pages._ui.shell.elements import text_field

_HAS = {
    "target_new": "a new answer",
    "target_old": "an old answer",
    "rephrases": "rephrases",
    "locality": "locality",
    "portability": "portability",
}
_KNOWN = {True: "known", False: "not known"}


@dataclass(frozen=True, kw_only=True)
class Picked:
    """What the filters leave."""

    facts: tuple[Fact, ...]
    wide: tuple[Fact, ...]  # the same before the model's verdict is looked at
    verdict: bool | None  # the verdict asked for, None: any
    words: tuple[str, ...]  # what was filtered by, for a name; () without a filter


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
        "Has", list(_HAS), key="facts_having", persist_state="session", placeholder="anything", format_func=_HAS.get
    )
    verdict = fourth.segmented_control(
        "Model",
        list(_KNOWN),
        key="facts_verdict",
        persist_state="session",
        format_func=_KNOWN.get,
        width="stretch",
        help="Known: the model's greedy next token starts an accepted old answer.",
    )
    wide = search(keep(fact_set.facts, relations=chosen or None, having=having), words or "")
    facts = wide
    if verdict is not None:
        facts = tuple(fact for fact in wide if fact.record in checks and checks[fact.record].known is verdict)
    parts = [
        *([f"“{words.strip()}”"] if (words or "").strip() else []),
        *chosen,
        *(_HAS[part] for part in having),
        *([] if verdict is None else [_KNOWN[verdict]]),
    ]
    return Picked(facts=facts, wide=wide, verdict=verdict, words=tuple(parts))


def clear() -> None:
    """All filters off."""
    for key, empty in (("facts_search", ""), ("facts_relations", []), ("facts_having", []), ("facts_verdict", None)):
        st.session_state[key] = empty
