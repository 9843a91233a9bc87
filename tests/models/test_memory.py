"""How much runs at once: estimated beforehand against what is free, halved where memory runs out all the same."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from conftest import tiny_model
from reporting import Collect, assert_nothing_open

from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments.second_moment import second_moment
from lga_core.models.running import memory
from lga_core.models.running.forward import final_hidden, gradients_from_embedding
from lga_core.models.running.halving import SMALLER, Halving, ran_out
from lga_core.models.running.memory import batch_tokens, card_room, gradient_bytes, kept_bytes, passing_bytes
from lga_core.models.text.tokens import Batch, TokenRow
from lga_core.progress import Phase, Progress
from lga_core.results import KnownFactCheck
from lga_core.scores.gradients.lga import GradientSettings, gradient_rows
from lga_core.scores.tracing import cma
from lga_core.scores.tracing.cma import CmaSettings


@pytest.fixture
def model() -> LoadedModel:
    return tiny_model("llama")


@pytest.fixture
def checks(facts) -> list[KnownFactCheck]:
    return [
        KnownFactCheck(record=fact.record, known=True, greedy="Rome", greedy_ids=(50, 9), probability=1.0)
        for fact in facts
    ]


@contextmanager
def out_of_memory_above(model: LoadedModel, tokens: int) -> Iterator[list[int]]:
    """As a card would: a batch of more tokens raises torch's own error in the middle of the model."""
    sizes: list[int] = []

    def look(_module: torch.nn.Module, args: tuple) -> None:
        sizes.append(args[0].shape[0] * args[0].shape[1])
        if sizes[-1] > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    handle = model.architecture.blocks[2].mlp.register_forward_pre_hook(look)
    try:
        yield sizes
    finally:
        handle.remove()


def test_lga_in_halves_is_lga(model, facts, checks, caplog):
    whole = list(gradient_rows(model, facts, checks, GradientSettings()))
    kept_bytes(model)  # tried before: the hook is for LGA
    with out_of_memory_above(model, 40) as sizes, caplog.at_level(logging.WARNING):
        report = Collect()
        halved = list(gradient_rows(model, facts, checks, GradientSettings(), report=report))
    assert max(sizes) > 40, "memory ran out"
    assert report.steps[0] == Progress(phase=Phase.LGA, done=0, total=len(facts), detail=SMALLER)
    assert "LGA: memory ran out with a batch of" in caplog.text and "going on with" in caplog.text
    for first, second in zip(whole, halved, strict=True):
        assert first.record == second.record and first.status == second.status
        for name, values in first.values.items():
            np.testing.assert_allclose(second.values[name], values, rtol=1e-9, atol=1e-14)


def test_the_trace_in_halves_is_the_trace(model, facts, checks, caplog):
    settings = CmaSettings(draws=2)
    sigma = cma.noise_level(model, facts)
    whole = list(cma.mlp_rows(model, facts, checks, settings))
    full = cma.trace(model, facts[0], checks[0], "mlp", settings, sigma)
    with out_of_memory_above(model, 40) as sizes, caplog.at_level(logging.WARNING):
        scoring = Collect()
        halved = list(cma.mlp_rows(model, facts, checks, settings, report=scoring))
        tracing = Collect()
        again = cma.trace(model, facts[0], checks[0], "mlp", settings, sigma, report=tracing)
    assert max(sizes) > 40 and "CMA, MLP: memory ran out" in caplog.text
    smaller = [step for step in scoring.steps if step.detail == SMALLER]
    assert {(step.phase, step.total) for step in smaller} == {(Phase.CMA_MLP, len(facts))}
    assert tracing.steps[-1].detail == SMALLER
    np.testing.assert_allclose(again.effect, full.effect, rtol=1e-9, atol=1e-14)
    for first, second in zip(whole, halved, strict=True):
        np.testing.assert_allclose(second.values["effect"], first.values["effect"], rtol=1e-9, atol=1e-14)


def test_one_fact_that_does_not_fit_is_said_and_leaves_nothing_behind(model, facts, checks):
    kept_bytes(model)
    with out_of_memory_above(model, 3), pytest.raises(LgaError, match="LGA runs out of memory with the smallest"):
        list(gradient_rows(model, facts, checks, GradientSettings()))
    assert_nothing_open("after the error")


def test_what_fitted_is_remembered_and_order_is_kept():
    tried = []

    def work(part):
        tried.append(len(part))
        if len(part) > 3:
            raise MemoryError
        return [10 * number for number in part]

    halving = Halving(phase=Phase.LGA)
    report = Collect()
    assert halving.detail == ""
    assert halving.run(work, range(11), report=report) == [10 * number for number in range(11)]
    assert halving.detail == SMALLER
    assert report.steps == [Progress(phase=Phase.LGA, done=0, total=11, detail=SMALLER)] * 2
    assert tried == [11, 6, 3, 3, 3, 2] and halving.halved == 2 and halving.most == 3
    tried.clear()
    assert halving.run(work, range(8)) == [10 * number for number in range(8)] and max(tried) <= 3


def test_results_come_one_by_one_and_the_halves_begin_where_the_whole_had_come_to():
    finished = []

    def work(part):
        for number in part:
            if number not in finished:
                if len(part) > 3 and number > 1:
                    raise MemoryError
                finished.append(number)
                yield number

    report = Collect()
    results = Halving(phase=Phase.SWEEP).each(work, range(5), report=report)
    assert next(results) == 0 and finished == [0] and report.steps == []
    assert list(results) == [1, 2, 3, 4]
    assert report.steps == [Progress(phase=Phase.SWEEP, done=0, total=5, detail=SMALLER)]


def test_sizes_may_be_anything_that_grows():
    halving = Halving(phase=Phase.LGA, most=10)
    parts = []
    halving.run(lambda part: parts.append(part) or part, [4, 4, 4, 9, 1], sum)
    assert parts == [[4, 4], [4], [9, 1]]


def test_other_errors_are_not_taken_for_want_of_memory():
    def work(_part):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        Halving(phase=Phase.LGA).run(work, [1, 2])


def test_the_processors_own_want_of_memory_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)
    assert ran_out(caught.value)
    assert ran_out(torch.OutOfMemoryError("x")) and ran_out(MemoryError()) and not ran_out(RuntimeError("shapes"))


def test_what_a_token_leaves_behind_is_what_autograd_keeps(tiny):
    """Tried on 8 tokens; here every tensor that a pass over 64 keeps for the way back is counted at once."""
    row = TokenRow(ids=tuple(range(1, 65)), start=64)
    own = {tensor.untyped_storage().data_ptr() for tensor in tiny.model.state_dict().values()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with gradients_from_embedding(tiny), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        final_hidden(tiny, Batch.of([row], tiny.device))
    saved = sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / 64
    matrices = [matrix for block in tiny.architecture.blocks for matrix in block.linears]
    inputs = sum(matrix.d_in for matrix in matrices) * tiny.dtype.itemsize  # what LGA's hooks hold beside it
    assert 0.9 * saved <= kept_bytes(tiny) <= 1.1 * (saved + inputs)
    assert passing_bytes(tiny) < kept_bytes(tiny) < gradient_bytes(tiny)


@pytest.mark.parametrize(("free", "expected"), [(10**12, 384), (200_000, 100), (80_000, 40)])
def test_a_batch_takes_half_of_what_is_free(model, monkeypatch, free, expected):
    monkeypatch.setattr(memory, "available", lambda _device: free)
    assert batch_tokens(model, "LGA", 1000, 384) == expected


def test_too_little_for_one_fact_is_said_with_the_figures(model, facts, checks, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda _device: 1000)
    with pytest.raises(LgaError, match=r"LGA needs .* beside the weights of tiny-llama \(.*\), 0.0 MB can be had"):
        list(gradient_rows(model, facts, checks, GradientSettings()))
    with pytest.raises(LgaError, match="CMA needs"):
        list(cma.mlp_rows(model, facts, checks, CmaSettings(draws=2)))


def test_little_memory_means_small_batches_and_the_same_numbers(model, facts, checks, monkeypatch):
    plenty = list(gradient_rows(model, facts, checks, GradientSettings()))
    sizes = []
    handle = model.architecture.embedding.register_forward_hook(
        lambda _module, _args, output: sizes.append(output.shape[0] * output.shape[1])
    )
    monkeypatch.setattr(memory, "available", lambda _device: 2 * 33 * gradient_bytes(model))
    little = list(gradient_rows(model, facts, checks, GradientSettings()))
    handle.remove()
    assert max(sizes) <= 33
    for first, second in zip(plenty, little, strict=True):
        for name, values in first.values.items():
            np.testing.assert_allclose(second.values[name], values, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("weights", [3 * 10**9, 13 * 10**9, 24 * 10**9])
def test_a_batch_on_a_card_keeps_the_peak_near_the_weights(weights):
    assert weights + 1.4 * card_room(weights) <= 1.3 * weights  # with some room for a wrong estimate


def test_a_second_moment_that_cannot_be_solved_with_is_said_before(model, monkeypatch):
    second_moment(model, 0)
    monkeypatch.setattr(memory, "available", lambda _device: 32 * 80**2 - 1)
    with pytest.raises(LgaError, match=r"second moment of layer 0 with its factorization needs 0.2 MB .* 0.2 MB are"):
        second_moment(model, 0)
    monkeypatch.setattr(memory, "available", lambda _device: 32 * 80**2)
    assert second_moment(model, 0).shape == (80, 80)
