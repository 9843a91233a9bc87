"""A proxy and a test set out of one set, seeded, with no subject in both."""

from collections.abc import Mapping

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.data.select import part_of, split, subjects
from lga_core.errors import LgaError
from lga_core.results import KnownFactCheck
from lga_core.view.words.cards import Card
from lga_core.view.words.text import count
from pages._ui.facts import known, sets
from pages._ui.facts.filter import filters
from pages._ui.shell.elements import act_button, card, number_field
from pages._ui.shell.errors import error_box
from pages._ui.shell.text import safe


def split_view(fact_set: FactSet, checks: Mapping[int, KnownFactCheck]) -> None:
    """Share and seed, the two halves with their sizes, and a button for each."""
    picked = filters(fact_set, checks)
    if picked.verdict is not None:
        known.ask_bar(picked.wide, checks)
    left, right, _ = st.columns([1, 1, 2], gap="small")
    about = (
        "The layer is chosen on the proxy and judged on the test set. The paper's proxy is about a tenth of the data."
    )
    share = number_field("Proxy’s share, %", 1, 99, 10, "split_share", place=left, help=about)
    seed = number_field("Seed", 0, 2**31 - 1, 0, "split_seed", place=right, help="Of the draw of subjects.")
    try:
        parts = split(picked.facts, share / 100, int(seed))
    except LgaError as error:
        error_box(error)
        return
    base = ", ".join([sets.title(fact_set.name), *picked.words])
    halves = tuple(
        part_of(fact_set, part, f"{base}, {word}, {share} %, seed {seed}"[-80:])
        for part, word in zip(parts, ("proxy", "test"), strict=True)
    )
    for column, word, half in zip(st.columns(2, gap="medium"), ("proxy", "test"), halves, strict=True):
        with column.container(border=True):
            _half(word, half, halves, len(picked.facts))
    st.caption(
        f"Of {count(len(picked.facts), 'fact')}. Whole subjects are drawn, so no subject stands in both halves "
        "and the share is met as nearly as that allows. A button lists both halves in the sidebar."
    )


def _half(word: str, half: FactSet, halves: tuple[FactSet, ...], of: int) -> None:
    share = f"{100 * len(half.facts) / of:.1f} %"
    below = f"{count(subjects(half.facts), 'subject')} · {share}"
    card(Card(label=f"{word.capitalize()} set", value=count(len(half.facts), "fact"), below=below))
    st.caption(" · ".join(f"{part} {sets.with_part(half.facts, part):,}" for part in sets.PARTS))
    kind = "primary" if word == "proxy" else "secondary"
    act_button(f"Use the {word} set", f"use_{word}", _use, halves, half, type=kind, help=f"Named {safe(half.name)}")


def _use(halves: tuple[FactSet, ...], chosen: FactSet) -> None:
    names = {half.name: sets.add_derived(half) for half in halves}
    sets.choose(names[chosen.name])
