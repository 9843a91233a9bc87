"""A proxy and a test set out of one set, seeded, with no subject in both."""

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.select import part_of, split, subjects
from lga_core.errors import LgaError
from lga_core.view.text import count
from pages._ui import facts_known, facts_sets
from pages._ui.errors import error_box
from pages._ui.facts_filter import filters
from pages._ui.text import safe


def split_view(found: FactSet) -> None:
    """Share and seed, the two halves with their sizes, and a button for each."""
    rows = facts_known.survey(found)
    picked = filters(found, rows)
    if picked.verdict is not None:
        facts_known.ask_bar(found, picked.wide, rows)
    left, right, _ = st.columns([1, 1, 2], gap="small")
    share = left.number_input("Proxy’s share, %", 1, 99, 10, key="split_share", persist_state="session",
                              help="The layer is chosen on the proxy and judged on the test set. The paper's proxy is "
                                   "about a tenth of the data.")
    seed = right.number_input("Seed", 0, 2**31 - 1, 0, key="split_seed", persist_state="session",
                              help="Of the draw of subjects.")
    try:
        halves = split(picked.facts, share / 100, int(seed))
    except LgaError as error:
        error_box(error)
        return
    base = ", ".join([facts_sets.title(found.name), *picked.words])
    sets = tuple(part_of(found, half, f"{base}, {word}, {share} %, seed {seed}"[-80:])
                 for half, word in zip(halves, ("proxy", "test"), strict=True))
    for column, word, half in zip(st.columns(2, gap="medium"), ("proxy", "test"), sets, strict=True):
        with column.container(border=True):
            _half(word, half, sets, len(picked.facts))
    st.caption(f"Of {count(len(picked.facts), 'fact')}. Whole subjects are drawn, so no subject stands in both halves "
               "and the share is met as nearly as that allows. A button lists both halves in the sidebar.")


def _half(word: str, half: FactSet, sets: tuple[FactSet, FactSet], of: int) -> None:
    st.metric(f"{word.capitalize()} set", count(len(half.facts), "fact"),
              f"{count(subjects(half.facts), 'subject')} · {100 * len(half.facts) / of:.1f} %", delta_color="off",
              delta_arrow="off")
    st.caption(_what_it_has(half.facts))
    st.button(f"Use the {word} set", key=f"use_{word}", on_click=_use, args=(sets, half),
              type="primary" if word == "proxy" else "secondary", help=f"Named {safe(half.name)}")


def _what_it_has(facts: tuple[Fact, ...]) -> str:
    parts = ((part, sum(bool(getattr(fact, part)) for fact in facts)) for part in
             ("rephrases", "locality", "portability"))
    return " · ".join(f"{part} {having:,}" for part, having in parts)


def _use(sets: tuple[FactSet, FactSet], chosen: FactSet) -> None:
    names = {half.name: facts_sets.keep(half) for half in sets}
    facts_sets.choose(names[chosen.name])
