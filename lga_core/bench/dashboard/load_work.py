"""What the sessions of `bench load` do, and the same questions answered for one user as on the command line."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from lga_core.bench.dashboard.page_work import Work, done
from lga_core.data.facts import Fact
from lga_core.data.load import choose, load_facts
from lga_core.evaluation.settings import SWEEP_METRICS
from lga_core.models.loading import load
from lga_core.runs.storage.keys import asked_in_cell, cell_name
from lga_core.runs.storage.store import Store

ARRIVAL_SECONDS = 10.0  # one session after another, as people come
PAUSE_SECONDS = (1.0, 5.0)  # a person looks at a page before the next click; drawn anew each time


@dataclass(frozen=True, kw_only=True)
class LoadQuestion:
    """What a session asked for. Sessions ask the same ones, now together and now one after another."""

    work: Work
    facts: str  # a shipped set's name or the path of an uploaded file
    limit: int
    seed: int
    layers: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AskedQuestion:
    """A question, and how it ended for the session that asked it."""

    session: int
    question: LoadQuestion
    cancelled: bool = False  # by this session
    shown: bool = True  # the page showed its result


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A click on a page's link."""

    to: str  # the page
    at: float  # seconds since the sessions began
    seconds: float  # until its title stood there


@dataclass(frozen=True, kw_only=True)
class RowsOfAnswer:
    """Where the answer of a question lies in a store."""

    key: str  # of the run
    names: frozenset[str]  # of the rows


def facts_of(question: LoadQuestion) -> tuple[Fact, ...]:
    """The facts that it asks about."""
    return choose(load_facts(question.facts).facts, question.limit, question.seed)


def answer_alone(home: str, model_name: str, questions: Sequence[LoadQuestion]) -> list[tuple[RowsOfAnswer, ...]]:
    """Each question once, by one user in this process, into the store of the cache folder `home`."""
    os.environ["LGA_HOME"] = home
    model = load(model_name)
    store = Store()
    answers = []
    for question in questions:
        facts = facts_of(question)
        answered = done(model, question.work, question.facts, facts, question.layers, question.seed, store)
        names = frozenset(_row_names(question, facts))
        answers.append(tuple(RowsOfAnswer(key=stored.provenance.key, names=names) for stored in answered))
    return answers


def _row_names(question: LoadQuestion, facts: Sequence[Fact]) -> list[str]:
    if question.work == "sweep":
        return [
            cell_name(fact.fingerprint, layer, asked_in_cell(fact, SWEEP_METRICS.probes))
            for fact in facts
            for layer in question.layers
        ]
    asked = facts[:1] if question.work == "trial edit" else facts
    return [fact.fingerprint for fact in asked]
