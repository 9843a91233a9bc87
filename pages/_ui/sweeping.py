"""One sweep and what its selectors say, as far as the store has them, and the steps that measure the rest.

The steps run in a job's thread, so nothing here may draw. What is finished is in the store at once; the page reads it
from there while the rest is being measured, and after a cancel it shows what there is.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import choose
from lga_core.data.select import apart_from
from lga_core.errors import LgaError
from lga_core.results import LayerScores, Progress, Stored, Sweep, SweepStep, Worth
from lga_core.runs.jobs import Steps
from pages._ui.answers import answers_to, prepared
from pages._ui.model import Shelf
from pages._ui.options import Need
from pages._ui.state import Question
from pages._ui.sweep_scores import stored_scores

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel
    from lga_core.runs.store import Store

Part = Literal["proxy", "test"]
EVERY_SECONDS = 1.0                          # at most that often is a running sweep read from the store


@dataclass(frozen=True, kw_only=True)
class TestChoice:
    """The facts that the picks are judged on: the first ones of a set whose subjects the proxy does not have."""

    facts: str                               # name of the fact set
    fingerprint: str
    limit: int


@dataclass(frozen=True, kw_only=True)
class SweepQuestion:
    """What is swept. Hashable, so that equal questions share their job and their answer."""

    question: Question
    editor: str
    settings: Any                            # the editor's own
    layers: tuple[int, ...]
    test: TestChoice | None


@dataclass(eq=False)
class Swept:
    """Filled by jobs and by reading the store. Holds results, never the model."""

    asked: tuple[Fact, ...] = ()             # the sidebar's facts
    facts: dict[Part, tuple[Fact, ...]] = field(default_factory=dict)        # those that can be edited
    found: dict[Part, tuple[Sweep, Stored]] = field(default_factory=dict)
    scores: dict[str, tuple[LayerScores, Stored | None]] = field(default_factory=dict)     # by selector
    layers: int | None = None                # of the model
    read_at: Any = None                      # what this session's jobs were like when the store was read
    judged: tuple[dict, Sweep, Sweep, Worth] | None = None       # the last verdict, and what it is about

    @property
    def sweeps(self) -> dict[Part, Sweep]:
        return {part: sweep for part, (sweep, _stored) in self.found.items()}


@st.cache_resource(max_entries=8, show_spinner=False)
def swept(asked: SweepQuestion) -> Swept:
    """What is known of a sweep. The last few are kept in memory; the store on disk keeps all of them."""
    return Swept()


def read(model: "LoadedModel", asked: SweepQuestion, sets: dict[str, FactSet], found: Swept) -> None:
    """Take what the store has of the sweep and of the selectors' scores, computing nothing."""
    from lga_core.runs.store import Store  # with torch, see Shelf.take

    store, found.layers = Store(), model.layers
    _choose_quietly(asked, sets, found)
    for part, facts in found.facts.items():
        _read_part(model, asked, part, facts, found, store)
    if found.asked:
        found.scores = dict(stored_scores(model, asked.question, found.asked, store))


def sweep_steps(shelf: Shelf, asked: SweepQuestion, sets: dict[str, FactSet], found: Swept, *,
                first_batch: bool = False) -> Steps:
    """Sweep the proxy, then the test facts. `first_batch`: only until the first edits are measured."""
    from lga_core.runs.store import Store

    store = Store()
    model = yield from _begin(shelf, asked, sets, found, store)
    read(model, asked, sets, found)
    for part, facts in found.facts.items():
        steps = _sweep_part(model, asked, part, facts, found, store)
        with closing(steps):
            for step in steps:
                yield step
                if first_batch and isinstance(step, SweepStep) and step.cells:
                    return


def score_steps(shelf: Shelf, asked: SweepQuestion, sets: dict[str, FactSet], found: Swept,
                needs: Sequence[Need]) -> Steps:
    """Measure what selectors read, on the sidebar's facts."""
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import measure

    store, known = Store(), answers_to(asked.question)
    model = yield from _begin(shelf, asked, sets, found, store)
    try:
        for need in needs:
            known.measured[need] = yield from measure(
                model, asked.question.facts, known.facts, need.measurement, need.settings, store)
    finally:
        found.scores = dict(stored_scores(model, asked.question, found.asked, store))


def load_steps(shelf: Shelf, name: str) -> Steps:
    """The model in memory, so that the store can be read."""
    yield from shelf.take(name)


def _begin(shelf: Shelf, asked: SweepQuestion, sets: dict[str, FactSet], found: Swept,
           store: "Store") -> Generator[Progress, None, "LoadedModel"]:
    """The model, and all facts of the sweep. Raises LgaError where there is nothing to sweep."""
    question = asked.question
    model = yield from prepared(shelf, question, sets[question.facts], answers_to(question))
    _choose_quietly(asked, sets, found)
    if not found.facts["proxy"]:
        raise LgaError(f"None of the facts of {question.facts} has a new answer.", mend="Choose another fact set.")
    if asked.test is not None and "test" not in found.facts:
        from lga_core.runs.tasks import choose_known

        found.facts["test"] = yield from choose_known(
            model, _candidates(asked.test, sets, question), asked.test.limit, store)
    if asked.test is not None and not found.facts["test"]:
        raise LgaError(f"No fact of {asked.test.facts} is left to judge on: its subjects are all in the proxy, or "
                       "it has no new answers.", mend="Choose another test set, or fewer proxy facts.")
    return model


def _choose_quietly(asked: SweepQuestion, sets: dict[str, FactSet], found: Swept) -> None:
    """The facts, where they can be told without asking the model."""
    question, known = asked.question, answers_to(asked.question)
    chosen = known.facts
    if not chosen and not question.known_only:
        chosen = choose(sets[question.facts].facts, question.limit, question.seed)
    if not chosen:
        return
    found.asked = tuple(chosen)
    found.facts["proxy"] = tuple(fact for fact in chosen if fact.target_new is not None)
    if asked.test is not None and not question.known_only:
        found.facts["test"] = _candidates(asked.test, sets, question)[: asked.test.limit]


def _candidates(test: TestChoice, sets: dict[str, FactSet], question: Question) -> tuple[Fact, ...]:
    """Facts with a new answer about none of the subjects that the sidebar's facts are about, in the seed's order."""
    proxy = answers_to(question).facts or choose(sets[question.facts].facts, question.limit, question.seed)
    others = apart_from(choose(sets[test.facts].facts, None, question.seed), proxy)
    return tuple(fact for fact in others if fact.target_new is not None)


def _sweep_part(model: "LoadedModel", asked: SweepQuestion, part: Part, facts: Sequence[Fact], found: Swept,
                store: "Store") -> Iterator[Progress]:
    from lga_core.runs.sweeps import sweep

    latest = -EVERY_SECONDS
    steps = sweep(model, _facts_name(asked, part), facts, asked.layers, asked.editor, asked.settings, store)
    try:
        with closing(steps):
            for step in steps:
                if isinstance(step, SweepStep) and step.cells and time.monotonic() - latest > EVERY_SECONDS:
                    _read_part(model, asked, part, facts, found, store)
                    latest = time.monotonic()
                yield step
    finally:
        _read_part(model, asked, part, facts, found, store)


def _read_part(model: "LoadedModel", asked: SweepQuestion, part: Part, facts: Sequence[Fact], found: Swept,
               store: "Store") -> None:
    from lga_core.runs.sweeps import finished_sweep

    if facts:
        found.found[part] = finished_sweep(model, _facts_name(asked, part), facts, asked.layers, asked.editor,
                                           asked.settings, store)


def _facts_name(asked: SweepQuestion, part: Part) -> str:
    return asked.question.facts if part == "proxy" or asked.test is None else asked.test.facts


def verdict(found: Swept, part: Part) -> Worth:
    """What the picks are worth on one part of the sweep; judged anew when there is more of it."""
    from lga_core.worth.judging import judge
    from lga_core.worth.racing import raced
    from lga_core.worth.selectors import SELECTORS, pick_by_scores, pick_by_sweep

    scores, proxy, test, judged = found.scores, found.found["proxy"][0], found.found[part][0], found.judged
    if judged is not None and judged[0] is scores and judged[1] is proxy and judged[2] is test:
        return judged[3]
    picks = {name: pick_by_scores(SELECTORS[name], item, test.layers) for name, (item, _stored) in scores.items()}
    races = [raced(picks["forecast"], proxy)] if "forecast" in picks and proxy.complete else []
    worth = judge([*picks.values(), *races, pick_by_sweep(proxy, test.layers)], test, in_sample=part == "proxy")
    found.judged = scores, proxy, test, worth
    return worth
