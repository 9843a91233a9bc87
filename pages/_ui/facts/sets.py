"""The fact sets of this session, shipped and added, by the names under which the sidebar lists them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import choose as choose_of
from lga_core.data.load import load_facts, shipped_sets
from lga_core.service.requests import ProxySet
from pages._ui.session import state
from pages._ui.session.state import SCORE, Question, kept
from pages._ui.shell.elements import hint

DEFAULT_LIMIT = 32
PARTS = ("rephrases", "locality", "portability")  # of a fact: its probes beside the prompt
_TITLES = {"world": "World facts"}


@st.cache_resource(show_spinner=False)
def _shipped(name: str) -> FactSet:
    return load_facts(name)


def names() -> list[str]:
    return [*shipped_sets(), *kept().sets]


def title(name: str) -> str:
    """A set's name as it is shown. Untrusted where it was uploaded."""
    return _TITLES.get(name, name)


def fact_set(name: str) -> FactSet:
    """A set by the name under which the sidebar lists it."""
    return kept().sets.get(name) or _shipped(name)


def with_part(facts: Sequence[Fact], part: str) -> int:
    """How many of the facts have probes of that part."""
    return sum(bool(getattr(fact, part)) for fact in facts)


def editable_or_hint(question: Question) -> bool:
    """Whether any fact of the set has a new answer to write; where none has, the page says so."""
    some = with_part(fact_set(question.facts).facts, "target_new") > 0
    if not some:
        hint("None of these facts has a new answer: they can be traced, not edited. Choose another set in the sidebar.")
    return some


def proxy_set(question: Question) -> ProxySet:
    """The facts that a question asks about."""
    facts = fact_set(question.facts)
    return _proxy_set(question, facts.mark, facts)


def scored_proxy(question: Question) -> ProxySet:
    """The facts of the question that was scored last: as they were, also where its set was uploaded again since."""
    job = kept().jobs.get(SCORE)
    return proxy_set(question) if job is None else job.request.proxy  # without a job a stored run was opened


@st.cache_resource(max_entries=16, show_spinner=False)
def _proxy_set(question: Question, mark: str, _facts: FactSet) -> ProxySet:
    return ProxySet(
        name=_facts.name,
        candidates=tuple(choose_of(_facts.facts, None, question.seed)),
        limit=question.limit,
        known_only=question.known_only,
    )


def _is_shipped(name: str) -> bool:
    """Whether a list, which shows titles alone, could not tell it from a shipped set."""
    return any(name in (shipped, title(shipped)) for shipped in shipped_sets())


def add_read(facts: FactSet) -> None:
    """List a set that was read, and choose it. A file that is read again replaces the one of its name."""
    name = f"{facts.name} (uploaded)" if _is_shipped(facts.name) else facts.name
    kept().sets[name] = replace(facts, name=name)
    choose(name)


def add_derived(facts: FactSet) -> str:
    """List a set that was made here under a name that no other one has; the same facts again are the same set."""
    wanted, number = facts.name.strip() or "Facts", 1
    name, earlier = wanted, kept().sets
    while _is_shipped(name) or (name in earlier and earlier[name].facts != facts.facts):
        number += 1
        name = f"{wanted} ({number})"
    earlier[name] = replace(facts, name=name)
    return name


def remove(name: str) -> None:
    """Take a set of this tab off the list; `bring_back` undoes it until the next one goes."""
    tab = kept()
    removed = tab.sets.pop(name, None)
    if removed is None:
        return  # a second click was faster than the page
    tab.removed = removed
    if tab.asked is not None and tab.asked.facts == name:
        tab.ask_store(None)
    choose(shipped_sets()[0])


def bring_back(facts: FactSet) -> None:
    """List and choose the set that was removed last."""
    kept().removed = None
    choose(add_derived(facts))


def choose(name: str) -> None:
    """Make it the sidebar's proxy set when the page is drawn next."""
    state.put({state.FACTS: name, state.LIMIT: DEFAULT_LIMIT})


def file_name(name: str, suffix: str) -> str:
    """A set's name as a file's."""
    return (re.sub(r"[^\w.-]+", "_", PurePath(title(name)).stem).strip("_.") or "facts") + suffix
