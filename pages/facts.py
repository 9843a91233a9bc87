"""Facts: what is in a set and wrong with it, which of it the model knows; filters, split, edits, downloads."""

from collections.abc import Mapping

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.data.select import subjects
from lga_core.results import KnownFactCheck
from lga_core.view.words.cards import Card
from lga_core.view.words.definitions import definition
from lga_core.view.words.text import count
from pages._ui.facts import known, sets
from pages._ui.facts.browse import browse
from pages._ui.facts.choose import add_button
from pages._ui.facts.report import report
from pages._ui.facts.split import split_view
from pages._ui.facts.table import edit
from pages._ui.session.state import SCORE, kept, session
from pages._ui.shell.elements import button, cards, choice, hint
from pages._ui.shell.jobs import is_running
from pages._ui.shell.text import safe

VIEWS = {
    "browse": ("Browse", browse),
    "report": ("Report", lambda fact_set, _checks: report(fact_set)),
    "edit": ("Edit", lambda fact_set, _checks: edit(fact_set)),
    "split": ("Split", split_view),
}


def page(fact_set: FactSet) -> None:
    """The set in numbers, then one view of it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            f"{safe(sets.title(fact_set.name))} · {count(len(fact_set.facts), 'fact')} from "
            f"{count(fact_set.n_records, 'record')} · fingerprint {fact_set.fingerprint[:12]}"
        )
        with st.container(horizontal=True, width="content"):
            add_button("page_add_facts")
            remove_button(fact_set)
    checks = known.stored_checks(fact_set.facts)
    numbers(fact_set, checks)
    titles = {name: title for name, (title, _draw) in VIEWS.items()}
    view = choice("View", list(VIEWS), "facts_view", "browse", format_func=titles.get, label_visibility="collapsed")
    if not fact_set.facts and view != "report":
        hint("This set has no fact. The report says why.")
        return
    VIEWS[view][1](fact_set, checks)


def remove_button(fact_set: FactSet) -> None:
    """Takes a set that is not shipped off the list; brings back the one that went last."""
    removed = kept().removed
    if removed is not None:
        label = f"Bring back {safe(sets.title(removed.name))}"
        button(label, "bring_back_set", sets.bring_back, removed, icon="undo")
    if fact_set.name in kept().sets:
        button(
            "Remove this set",
            "remove_set",
            sets.remove,
            fact_set.name,
            icon="delete",
            disabled=is_running(SCORE),
            help="From the list of this tab. What was measured with it stays on the page Runs.",
        )


def numbers(fact_set: FactSet, checks: Mapping[int, KnownFactCheck]) -> None:
    """The set in one row."""
    verdicts = [check.known for check in checks.values() if check.known is not None]
    about = "Records of this set that were not skipped."
    row = [
        Card(label="Facts", value=f"{len(fact_set.facts):,}", help=about),
        Card(label="Subjects", value=f"{subjects(fact_set.facts):,}"),
    ]
    for part in sets.PARTS:
        having = f"{sets.with_part(fact_set.facts, part):,}"
        row.append(Card(label=part.capitalize(), value=having, help=definition(f"with {part}")))
    about = "Facts whose old answer the model gives by itself, of those that it was asked and that have an old answer."
    if verdicts:
        row.append(Card(label=f"Known of {len(verdicts):,}", value=f"{sum(verdicts):,}", help=about))
    else:
        row.append(Card(label="Known", value="–", help=about))
    cards(row)


st.title("Facts")
page(sets.fact_set(session().facts))
