"""Searches, sweeps and questions that run out of memory go on in halves, report it, and give the same numbers."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from conftest import tiny_model
from editing.writing import SETTINGS, VALUE
from reporting import Collect, checked

from lga_core.data.load import load_facts
from lga_core.editing.search.contexts import SEARCH_TOKENS, Contexts, batches
from lga_core.editing.search.values import searched_anew, shared_values
from lga_core.editing.settings import FineTuningSettings
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.metrics.asking import ask, probe_questions
from lga_core.models.loaded import LoadedModel
from lga_core.models.running import memory
from lga_core.models.running.halving import SMALLER
from lga_core.models.running.memory import asking_bytes, gradient_bytes, kept_bytes
from lga_core.progress import Phase
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import known_fact_checks, measure
from lga_core.scores import known_facts as asking
from lga_core.scores.attribution.layer_attribution import steps_at_once
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.settings import GradientSettings


@pytest.fixture
def model() -> LoadedModel:
    model = tiny_model("llama", torch.float32)
    kept_bytes(model)  # tried before memory runs out
    return model


@pytest.fixture(scope="module")
def some():
    """Facts that share a search with up to two prefixes."""
    return load_facts("world").facts[:4]


@contextmanager
def out_of_memory_above(model: LoadedModel, most: int, block: int = 2, dims: int = 1) -> Iterator[list[int]]:
    """As a card would: a batch of more rows, or tokens (dims 2), raises torch's error in the middle of the model."""
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


@pytest.mark.parametrize("in_steps", [False, True])
def test_a_search_in_halves_finds_the_same_values(model, some, in_steps, caplog):
    """Memory runs out where the contexts run first, or with gradients, in the middle of the search."""

    def search(report):
        return shared_values(model, some, 1, VALUE, ("It was",), mean_start=True, report=report)

    report = Collect()
    with searched_anew():
        whole = search(Collect())
        rows = sum(len(Contexts.of(model, fact, ("It was",)).rows) for fact in some)
        with (
            out_of_memory_above(model, rows // 2, block=2 if in_steps else 0) as sizes,
            caplog.at_level(logging.WARNING),
        ):
            halved = search(report)
    assert max(sizes) == rows and "Editing: memory ran out with a batch of 4; going on with 2" in caplog.text
    assert SMALLER not in report.steps[0].detail and SMALLER in report.steps[-1].detail
    for one, other in zip(whole, halved, strict=True):
        torch.testing.assert_close(other.target, one.target, rtol=1e-4, atol=1e-6)
        assert other.losses == pytest.approx(one.losses, rel=1e-4)


def test_a_fact_that_does_not_fit_alone_is_an_error(model, some):
    with (
        searched_anew(),
        out_of_memory_above(model, 1, block=0),
        pytest.raises(LgaError, match="Editing runs out of memory with the smallest batch"),
    ):
        shared_values(model, some, 1, VALUE, (), mean_start=True)


@pytest.mark.parametrize(("editor", "settings"), [("r-rome", SETTINGS), ("ft-m", FineTuningSettings(steps=2))])
def test_a_sweep_in_halves_measures_the_same(model, some, editor, settings, caplog):
    def cells(report):
        swept = sweep_cells(model, some, (0, 2), editor, settings, report=report)
        return {(cell.record, cell.layer): cell for cell in checked(swept)}

    report = Collect()
    with searched_anew():
        whole = cells(Collect())
        with out_of_memory_above(model, 18) as sizes, caplog.at_level(logging.WARNING):
            halved = cells(report)
    assert max(sizes) > 18 and "Sweep: memory ran out" in caplog.text
    assert whole.keys() == halved.keys()
    for place, cell in whole.items():
        assert halved[place].after == cell.after and halved[place].before == cell.before
        assert halved[place].delta_norm == pytest.approx(cell.delta_norm, rel=1e-4, abs=1e-6)
    steps = [step for step in report.steps if step.phase is Phase.SWEEP]
    assert SMALLER not in steps[0].detail and SMALLER in steps[-1].detail
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert (steps[-1].done, steps[-1].total) == (8, 8)


def test_layers_that_a_sweep_finished_before_memory_ran_out_are_not_swept_again(model, some):
    """Memory runs out when the second layer is edited: the first one's cells stay."""
    three = (*some[:2], some[3])
    done: list[tuple[int, int]] = []
    ran_out: list[int] = []

    def look(_module: torch.nn.Module, args: tuple) -> None:
        if done and args[0].shape[0] > 4 and args[0].requires_grad:
            ran_out.append(args[0].shape[0])
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = model.architecture.blocks[3].mlp.register_forward_pre_hook(look)
    for cell in sweep_cells(model, three, (0, 2), "r-rome", SETTINGS):
        done.append((cell.record, cell.layer))
    handle.remove()
    records = sorted(fact.record for fact in three)
    assert len(ran_out) > 0 and sorted(done[:3]) == [(record, 0) for record in records]
    assert sorted(done[3:]) == [(record, 2) for record in records]


def test_questions_in_halves_get_the_same_answers(model, some, caplog):
    questions = [question for fact in some[:2] for question in probe_questions(model, fact).questions]
    whole = ask(model, questions)
    with out_of_memory_above(model, 5) as sizes, caplog.at_level(logging.WARNING):
        assert ask(model, questions) == whole
    assert max(sizes) > 5 and "Asking the probes: memory ran out" in caplog.text


def test_a_known_fact_check_in_halves_is_the_same_and_reports_it(model, some):
    whole = [(row.record, row.greedy, row.known) for row in check_known_facts(model, some)]
    report = Collect()
    with out_of_memory_above(model, 2):
        halved = [(row.record, row.greedy, row.known) for row in check_known_facts(model, some, report=report)]
    assert halved == whole
    assert report.steps[0].phase is Phase.KNOWN_FACTS and report.steps[0].detail == SMALLER


def test_what_a_measurement_reports_reaches_whoever_runs_the_task(model, some):
    known_fact_checks(model, some, Store())
    report = Collect()
    with out_of_memory_above(model, 60, dims=2):
        rows, _stored = measure(model, "some", some, "gradients", GradientSettings(), Store(), report=report)
    assert any(step.phase is Phase.LGA and step.detail == SMALLER for step in report.steps)
    assert [row.record for row in rows] == [fact.record for fact in some]


def test_little_memory_means_small_batches_and_the_same_answers(model, some, monkeypatch):
    """Chosen beforehand: nothing runs out."""
    questions = probe_questions(model, some[0]).questions
    answers = ask(model, questions)
    checks = list(check_known_facts(model, some))
    contexts = {place: Contexts.of(model, fact, ("It was",)) for place, fact in enumerate(some)}
    assert len(batches(model, contexts)) == 1
    row = questions[0].rows[0]
    assert steps_at_once(model, row) == 1024 // len(row)
    sizes = []
    handle = model.architecture.decoder.register_forward_pre_hook(
        lambda _module, _args, kwargs: sizes.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    monkeypatch.setattr(memory, "available", lambda _device: 2 * 40 * asking_bytes(model))
    assert ask(model, questions) == answers
    again = list(check_known_facts(model, some))
    handle.remove()
    assert [(row.greedy, row.known) for row in again] == [(row.greedy, row.known) for row in checks]
    np.testing.assert_allclose([row.probability for row in again], [row.probability for row in checks], rtol=1e-5)
    assert max(sizes) <= 40
    monkeypatch.setattr(memory, "available", lambda _device: 2 * 60 * gradient_bytes(model))
    parts = batches(model, contexts)
    assert len(parts) > 1 and all(
        len(part) == 1
        or sum(contexts[i].step_rows for i in part) * max(contexts[i].tail for i in part) <= 60 < SEARCH_TOKENS
        for part in parts
    )
    assert steps_at_once(model, row) == 60 // len(row)
    assert asking.BATCH == 16
