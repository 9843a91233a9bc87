"""How much runs at once: estimated beforehand against what is free, halved where memory runs out all the same."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from conftest import drain, tiny_model

from lga_core.errors import LgaError
from lga_core.models import memory
from lga_core.models.forward import final_hidden, gradients_from_embedding
from lga_core.models.halving import Halving, ran_out
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import batch_tokens, card_room, gradient_bytes, kept_bytes, passing_bytes
from lga_core.models.moments import second_moment
from lga_core.models.tokens import Batch, TokenRow
from lga_core.results import FactRow, Progress, SurveyRow
from lga_core.scores import cma
from lga_core.scores.cma import CmaSettings
from lga_core.scores.lga import GradientSettings, gradient_rows


@pytest.fixture
def model() -> LoadedModel:
    return tiny_model("llama")


@pytest.fixture
def told(facts) -> list[SurveyRow]:
    return [SurveyRow(record=fact.record, known=True, greedy="Rome", probability=1.0) for fact in facts]


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


def test_lga_in_halves_is_lga(model, facts, told, caplog):
    whole = list(gradient_rows(model, facts, told, GradientSettings()))
    kept_bytes(model)                        # tried before: the hook is for LGA
    with out_of_memory_above(model, 40) as sizes, caplog.at_level(logging.WARNING):
        found = list(gradient_rows(model, facts, told, GradientSettings()))
    halved = [row for row in found if isinstance(row, FactRow)]
    assert max(sizes) > 40, "memory ran out"
    assert found[0] == Progress(label="LGA, in smaller batches: memory ran out", done=0, total=len(facts))
    assert "LGA: memory ran out with a batch of" in caplog.text and "going on with" in caplog.text
    for first, second in zip(whole, halved, strict=True):
        assert first.record == second.record and first.status == second.status
        for name, values in first.values.items():
            np.testing.assert_allclose(second.values[name], values, rtol=1e-9, atol=1e-14)


def test_the_trace_in_halves_is_the_trace(model, facts, told, caplog):
    settings = CmaSettings(draws=2)
    sigma = cma.noise_level(model, facts)
    whole = list(cma.cma_rows(model, facts, told, "mlp", settings))
    full = drain(cma.trace(model, facts[0], told[0], "mlp", settings, sigma))
    with out_of_memory_above(model, 50) as sizes, caplog.at_level(logging.WARNING):
        found = list(cma.cma_rows(model, facts, told, "mlp", settings))
        steps = cma.trace(model, facts[0], told[0], "mlp", settings, sigma)
        labels, again = [], None
        while again is None:
            try:
                labels.append(next(steps).label)
            except StopIteration as finished:
                again = finished.value
    halved = [row for row in found if isinstance(row, FactRow)]
    assert max(sizes) > 50 and "CMA: memory ran out" in caplog.text
    said = [step for step in found if isinstance(step, Progress)]
    assert {(step.label, step.total) for step in said} == {("CMA, in smaller batches: memory ran out", len(facts))}
    assert labels[-1] == "mlp trace, in smaller batches: memory ran out"
    np.testing.assert_allclose(again.effect, full.effect, rtol=1e-9, atol=1e-14)
    for first, second in zip(whole, halved, strict=True):
        np.testing.assert_allclose(second.values["effect"], first.values["effect"], rtol=1e-9, atol=1e-14)


def test_one_fact_that_does_not_fit_is_told_and_leaves_nothing_behind(model, facts, told):
    kept_bytes(model)
    with out_of_memory_above(model, 3), pytest.raises(LgaError, match="LGA runs out of memory with the smallest"):
        list(gradient_rows(model, facts, told, GradientSettings()))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())
    assert model.lock.acquire(blocking=False)


def test_what_fitted_is_remembered_and_order_is_kept():
    tried = []

    def work(part):
        tried.append(len(part))
        if len(part) > 3:
            raise MemoryError
        return [10 * number for number in part]

    halving = Halving(what="a test")
    assert halving.run(work, range(11)) == [10 * number for number in range(11)]
    assert tried == [11, 6, 3, 3, 3, 2] and halving.halved == 2 and halving.most == 3
    tried.clear()
    assert halving.run(work, range(8)) == [10 * number for number in range(8)] and max(tried) <= 3


def test_sizes_may_be_anything_that_grows():
    halving = Halving(what="a test", most=10)
    parts = []
    halving.run(lambda part: parts.append(part) or part, [4, 4, 4, 9, 1], sum)
    assert parts == [[4, 4], [4], [9, 1]]


def test_other_errors_are_not_taken_for_want_of_memory():
    def work(_part):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        Halving(what="a test").run(work, [1, 2])


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
    matrices = [matrix for block in tiny.architecture.blocks for matrix in (*block.mlp_linears, *block.attn_linears)]
    inputs = sum(matrix.d_in for matrix in matrices) * tiny.dtype.itemsize       # what LGA's hooks hold beside it
    assert 0.9 * saved <= kept_bytes(tiny) <= 1.1 * (saved + inputs)
    assert passing_bytes(tiny) < kept_bytes(tiny) < gradient_bytes(tiny)


@pytest.mark.parametrize(("free", "expected"), [(10**12, 384), (200_000, 100), (80_000, 40)])
def test_a_batch_takes_half_of_what_is_free(model, monkeypatch, free, expected):
    monkeypatch.setattr(memory, "available", lambda _device: free)
    assert batch_tokens(model, "LGA", 1000, 384) == expected


def test_too_little_for_one_fact_is_said_with_the_figures(model, facts, told, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda _device: 1000)
    with pytest.raises(LgaError, match=r"LGA needs .* beside the weights of tiny-llama \(.*\), 0.0 MB can be had"):
        list(gradient_rows(model, facts, told, GradientSettings()))
    with pytest.raises(LgaError, match="CMA needs"):
        list(cma.cma_rows(model, facts, told, "mlp", CmaSettings(draws=2)))


def test_little_memory_means_small_batches_and_the_same_numbers(model, facts, told, monkeypatch):
    plenty = list(gradient_rows(model, facts, told, GradientSettings()))
    sizes = []
    handle = model.architecture.embedding.register_forward_hook(
        lambda _module, _args, output: sizes.append(output.shape[0] * output.shape[1]))
    monkeypatch.setattr(memory, "available", lambda _device: 2 * 33 * gradient_bytes(model))
    little = list(gradient_rows(model, facts, told, GradientSettings()))
    handle.remove()
    assert max(sizes) <= 33
    for first, second in zip(plenty, little, strict=True):
        for name, values in first.values.items():
            np.testing.assert_allclose(second.values[name], values, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("weights", [3 * 10**9, 13 * 10**9, 24 * 10**9])
def test_a_batch_on_a_card_keeps_the_peak_near_the_weights(weights):
    assert weights + 1.4 * card_room(weights) <= 1.3 * weights       # with some room for a wrong estimate


def test_a_second_moment_that_cannot_be_solved_with_is_told_before(model, monkeypatch):
    drain(second_moment(model, 0))
    monkeypatch.setattr(memory, "available", lambda _device: 20 * 80**2 - 1)
    with pytest.raises(LgaError, match=r"second moment of layer 0 with its factorization needs 0.1 MB .* 0.1 MB are"):
        drain(second_moment(model, 0))
    monkeypatch.setattr(memory, "available", lambda _device: 20 * 80**2)
    assert drain(second_moment(model, 0)).shape == (80, 80)
