"""What has been found out about one question, shared by all sessions that ask it, and the steps that find it out.

The steps run in a job's thread, so nothing here may draw. Each finished part is put into the `Answers` at once: the
page shows it while the rest is still being computed, and after a cancel it shows what there is.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import choose
from lga_core.errors import LgaError
from lga_core.results import CausalTrace, FactRow, Kind, OldSource, Progress, Stored, SurveyRow, TokenAttribution
from lga_core.runs.jobs import Steps
from pages._ui.model import Shelf
from pages._ui.options import Choices, Need
from pages._ui.state import Question

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel


@dataclass(eq=False)
class Answers:
    """Filled by jobs, read by pages. Holds results, never the model."""

    layers: int | None = None
    facts: tuple[Fact, ...] = ()             # in the order in which they were measured
    surveyed: dict[int, SurveyRow] = field(default_factory=dict)
    measured: dict[Need, tuple[tuple[FactRow, ...], Stored]] = field(default_factory=dict)
    traces: dict[tuple[int, Kind, Any], tuple[CausalTrace, Stored]] = field(default_factory=dict)
    attributions: dict[tuple[int, OldSource], tuple[TokenAttribution, Stored]] = field(default_factory=dict)


@st.cache_resource(max_entries=8, show_spinner=False)
def answers_to(question: Question) -> Answers:
    """The answers so far. The last few questions are kept in memory; the store on disk keeps all of them."""
    return Answers()


def score_steps(shelf: Shelf, question: Question, facts: FactSet, choices: Choices, extra: Sequence[str],
                answers: Answers) -> Steps:
    """Measure what the choices need, and `extra` measurements, one after the other."""
    from lga_core.runs.store import Store  # with torch, see Shelf.take
    from lga_core.runs.tasks import finished_rows, measure

    store = Store()
    model = yield from prepared(shelf, question, facts, answers)
    for need in choices.needs(question.seed, extra):
        asked = (model, facts.name, answers.facts, need.measurement, need.settings, store)
        try:
            answers.measured[need] = yield from measure(*asked)
        except BaseException:                # cancelled or failed: what is finished is shown
            answers.measured[need] = finished_rows(*asked)
            raise


def trace_steps(shelf: Shelf, question: Question, facts: FactSet, fact: Fact, kinds: Sequence[Kind], settings: Any,
                old: OldSource, answers: Answers) -> Steps:
    """One fact's traces of the kinds asked for, then its token attributions."""
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import attribute_fact, trace_fact
    from lga_core.scores.cma import noise_level
    from lga_core.scores.token_attribution import STEPS

    store = Store()
    model = yield from prepared(shelf, question, facts, answers)
    sigma = noise_level(model, answers.facts)
    for kind in kinds:
        answers.traces[fact.record, kind, settings] = yield from trace_fact(
            model, facts.name, fact, kind, settings, sigma, store)
    answers.attributions[fact.record, old] = yield from attribute_fact(
        model, facts.name, fact, STEPS, old, store)


def trial_steps(shelf: Shelf, question: Question, facts: FactSet, fact: Fact, layers: tuple[int, ...], editor: str,
                settings: Any) -> Steps:
    """One trial edit; returns (EditReport, Stored)."""
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import trial

    model = yield from shelf.take(question.model)
    return (yield from trial(model, facts.name, fact, layers, editor, settings, Store()))


def prepared(shelf: Shelf, question: Question, facts: FactSet,
             answers: Answers) -> Generator[Progress, None, "LoadedModel"]:
    """The model, and the question's facts with what the model says by itself."""
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import choose_known, survey_facts

    model = yield from shelf.take(question.model)
    if not answers.facts:
        candidates = choose(facts.facts, None, question.seed)
        chosen = candidates[: question.limit]
        if question.known_only:
            chosen = yield from choose_known(model, candidates, question.limit, Store())
        if not chosen:
            raise LgaError(f"The model knows none of the facts of {facts.name}.",
                           mend="Switch off “Known facts only”, or choose another set.")
        answers.facts = tuple(chosen)
    if len(answers.surveyed) < len(answers.facts):
        rows = yield from survey_facts(model, answers.facts, Store())
        answers.surveyed = {row.record: row for row in rows}
    answers.layers = model.layers
    return model
