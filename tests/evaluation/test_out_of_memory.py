"""Searches, sweeps and questions that run out of memory go on in halves, say so, and find what they find without."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from conftest import drain, tiny_model
from editing.writing import SETTINGS, VALUE

from lga_core.data.load import load_facts
from lga_core.editing.fine_tuning import FineTuningSettings
from lga_core.editing.search import SEARCH_TOKENS, Contexts, batches
from lga_core.editing.values import searched_anew, shared_values
from lga_core.errors import LgaError
from lga_core.evaluation.metrics import ask, prepare
from lga_core.evaluation.sweep import sweep_cells
from lga_core.models import memory
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import asking_bytes, gradient_bytes, kept_bytes
from lga_core.results import Progress, SurveyRow, SweepStep
from lga_core.runs.store import Store
from lga_core.runs.tasks import measure, survey_facts
from lga_core.scores import survey as asking
from lga_core.scores.attribution import steps_at_once
from lga_core.scores.lga import GradientSettings
from lga_core.scores.survey import survey

TOLD = ", in smaller batches: memory ran out"


@pytest.fixture
def model() -> LoadedModel:
    found = tiny_model("llama", torch.float32)
    kept_bytes(found)                        # tried before memory runs out
    return found


@pytest.fixture(scope="module")
def some():
    """Facts that share a search with up to two prefixes."""
    return load_facts("world").facts[:4]


@contextmanager
def out_of_memory_above(model: LoadedModel, most: int, block: int = 2, dims: int = 1) -> Iterator[list[int]]:
    """As a card would: a batch of more rows, or tokens (dims 2), raises torch's own error in the middle of the model.
    """
    sizes: list[int] = []

    def look(_module: torch.nn.Module, args: tuple) -> None:
        sizes.append(math.prod(args[0].shape[:dims]))
        if sizes[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    handle = model.architecture.blocks[block].mlp.register_forward_pre_hook(look)
    try:
        yield sizes
    finally:
        handle.remove()


def finish(steps):
    """What is told on the way, and the answer."""
    labels = []
    while True:
        try:
            labels.append(next(steps).label)
        except StopIteration as finished:
            return labels, finished.value


@pytest.mark.parametrize("in_steps", [False, True])
def test_a_search_in_halves_finds_the_same_values(model, some, in_steps, caplog):
    """Memory runs out where the contexts run first, or with gradients, in the middle of the search."""
    def search():
        return shared_values(model, some, 1, VALUE, ("It was",), mean_start=True)

    with searched_anew():
        whole = drain(search())
        rows = sum(len(Contexts.of(model, fact, ("It was",)).rows) for fact in some)
        with out_of_memory_above(model, rows // 2, block=2 if in_steps else 0) as sizes, \
                caplog.at_level(logging.WARNING):
            labels, halved = finish(search())
    assert max(sizes) == rows and "v* at layer 1: memory ran out with a batch of 4; going on with 2" in caplog.text
    assert labels[-1] == f"v* at layer 1{TOLD}" and len(set(labels)) == 2
    for one, other in zip(whole, halved, strict=True):
        torch.testing.assert_close(other.target, one.target, rtol=1e-4, atol=1e-6)
        assert other.losses == pytest.approx(one.losses, rel=1e-4)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())


def test_a_fact_that_does_not_fit_alone_is_told(model, some):
    with searched_anew(), out_of_memory_above(model, 1, block=0), \
            pytest.raises(LgaError, match="v\\* at layer 1 runs out of memory with the smallest batch"):
        drain(shared_values(model, some, 1, VALUE, (), mean_start=True))


@pytest.mark.parametrize(("editor", "settings"), [("r-rome", SETTINGS), ("ft-m", FineTuningSettings(steps=2))])
def test_a_sweep_in_halves_measures_the_same(model, some, editor, settings, caplog):
    def cells():
        steps = list(sweep_cells(model, some, (0, 2), editor, settings))
        found = {(cell.record, cell.layer): cell
                 for step in steps if isinstance(step, SweepStep) for cell in step.cells}
        return steps, found

    with searched_anew():
        _, whole = cells()
        with out_of_memory_above(model, 18) as sizes, caplog.at_level(logging.WARNING):
            steps, halved = cells()
    assert max(sizes) > 18 and "The sweep: memory ran out" in caplog.text
    assert whole.keys() == halved.keys()
    for place, cell in whole.items():
        assert halved[place].after == cell.after and halved[place].before == cell.before
        assert halved[place].delta_norm == pytest.approx(cell.delta_norm, rel=1e-4, abs=1e-6)
    told = [step for step in steps if step.label.startswith("sweep")]
    assert told[-1].label == f"sweep{TOLD}" and told[0].label == "sweep"
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert (told[-1].done, told[-1].total) == (8, 8)


def test_layers_that_a_sweep_finished_before_memory_ran_out_are_not_swept_again(model, some):
    """Memory goes when the second layer is edited: the first one's cells stay."""
    done, ran_out, three = [], [], (*some[:2], some[3])

    def look(_module, args) -> None:
        if done and args[0].shape[0] > 4 and args[0].requires_grad:
            ran_out.append(args[0].shape[0])
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = model.architecture.blocks[3].mlp.register_forward_pre_hook(look)
    for step in sweep_cells(model, three, (0, 2), "r-rome", SETTINGS):
        if isinstance(step, SweepStep):
            done.append([(cell.record, cell.layer) for cell in step.cells])
    handle.remove()
    records = sorted(fact.record for fact in three)
    assert ran_out and sorted(done[0]) == [(record, 0) for record in records]
    assert sorted(place for places in done[1:] for place in places) == [(record, 2) for record in records]
    assert len(done) > 2


def test_questions_in_halves_get_the_same_replies(model, some, caplog):
    questions = [question for fact in some[:2] for question in prepare(model, fact).questions]
    whole = ask(model, questions)
    with out_of_memory_above(model, 5) as sizes, caplog.at_level(logging.WARNING):
        assert ask(model, questions) == whole
    assert max(sizes) > 5 and "Asking: memory ran out" in caplog.text


def test_a_survey_in_halves_is_the_survey_and_says_so(model, some):
    whole = [(row.record, row.greedy, row.known) for row in survey(model, some)]
    with out_of_memory_above(model, 2):
        found = list(survey(model, some))
    rows = [row for row in found if isinstance(row, SurveyRow)]
    assert [(row.record, row.greedy, row.known) for row in rows] == whole
    assert found[0] == Progress(label=f"The survey{TOLD}", done=0, total=4)


def test_what_a_measurement_says_reaches_whoever_runs_the_task(model, some):
    drain(survey_facts(model, some, Store()))
    with out_of_memory_above(model, 60, dims=2):
        labels, (rows, _stored) = finish(measure(model, "some", some, "gradients", GradientSettings(), Store()))
    assert f"LGA{TOLD}" in labels
    assert [row.record for row in rows] == [fact.record for fact in some]


def test_little_memory_means_small_batches_and_the_same_answers(model, some, monkeypatch):
    """Chosen beforehand: nothing runs out."""
    questions = prepare(model, some[0]).questions
    replies, told = ask(model, questions), list(survey(model, some))
    contexts = {place: Contexts.of(model, fact, ("It was",)) for place, fact in enumerate(some)}
    assert len(batches(model, contexts)) == 1
    row = questions[0].rows[0]
    assert steps_at_once(model, row) == 1024 // len(row)
    sizes = []
    handle = model.architecture.decoder.register_forward_pre_hook(
        lambda _module, _args, kwargs: sizes.append(kwargs["input_ids"].numel()), with_kwargs=True)
    monkeypatch.setattr(memory, "available", lambda _device: 2 * 40 * asking_bytes(model))
    assert ask(model, questions) == replies
    again = list(survey(model, some))
    handle.remove()
    assert [(row.greedy, row.known) for row in again] == [(row.greedy, row.known) for row in told]
    np.testing.assert_allclose([row.probability for row in again], [row.probability for row in told], rtol=1e-5)
    assert max(sizes) <= 40
    monkeypatch.setattr(memory, "available", lambda _device: 2 * 60 * gradient_bytes(model))
    parts = batches(model, contexts)
    assert len(parts) > 1 and all(len(part) == 1 or sum(len(contexts[i].rows) for i in part) * max(
        contexts[i].tail for i in part) <= 60 < SEARCH_TOKENS for part in parts)
    assert steps_at_once(model, row) == 60 // len(row)
    assert asking.BATCH == 16
