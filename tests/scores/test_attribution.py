"""Captum's layer scores against plain autograd and a plain Gauss-Legendre sum on the whole model."""

import dataclasses

import numpy as np
import pytest
import torch
from reporting import Collect, cancel_at, checked

from lga_core.errors import LgaError
from lga_core.models.running.forward import final_hidden
from lga_core.models.running.hooks import on_outputs
from lga_core.models.running.memory import kept_bytes
from lga_core.models.text.tokens import Batch, TokenRow, answer_row
from lga_core.progress import Cancelled, Phase
from lga_core.scores.attribution.layer_attribution import (
    answer_log_probability,
    baseline_row,
    blank_token,
    gradient_x_activation,
    gradxact_rows,
    ig_rows,
    integrated_gradients,
)
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.settings import GradxactSettings, IgSettings

METHODS = [(gradxact_rows, GradxactSettings()), (ig_rows, IgSettings(steps=3))]


def a_row(model):
    return answer_row(model.asking, "LeBron James plays", "tennis and football")


def log_probability(model, row):
    """log p(answer) from the model's own logits, token by token."""
    logits = model.model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
    return sum(logits[row.start + j - 1, token] for j, token in enumerate(row.answer))


def mlp_outputs(model, row):
    kept = []
    with (
        torch.no_grad(),
        on_outputs({block.mlp: lambda _given, output: kept.append(output) for block in model.architecture.blocks}),
    ):
        log_probability(model, row)
    return kept


def replaced(model, row, layer, output):
    """log p(answer) of a full run in which one MLP's output is another."""
    with on_outputs({model.architecture.blocks[layer].mlp: lambda _given, _output: output}):
        return log_probability(model, row)


def gauss_legendre(model, row, steps):
    """The integral at every layer, point by point, each with a whole run of its own."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    ends = zip(mlp_outputs(model, row), mlp_outputs(model, baseline_row(model.asking, row)), strict=True)
    scores = []
    for layer, (clean, blank) in enumerate(ends):
        total = torch.zeros_like(clean)
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            between = (blank + point * (clean - blank)).requires_grad_()
            total += weight * torch.autograd.grad(replaced(model, row, layer, between), between)[0]
        scores.append((total * (clean - blank)).sum())
    return torch.stack(scores)


def test_the_explained_quantity_is_the_sum_of_the_answers_log_probabilities(tiny):
    row = a_row(tiny)
    assert len(row.answer) > 1
    ours = answer_log_probability(tiny, final_hidden(tiny, Batch.of([row], tiny.device)), row)
    torch.testing.assert_close(ours, log_probability(tiny, row)[None])


def test_gradient_x_activation_equals_plain_autograd(tiny):
    row = a_row(tiny)
    outputs = []

    def keep(_given, output):
        outputs.append(output if output.requires_grad else output.requires_grad_())
        return outputs[-1]

    with on_outputs({block.mlp: keep for block in tiny.architecture.blocks}):
        gradients = torch.autograd.grad(log_probability(tiny, row), outputs)
    plain = torch.stack([(gradient * output).sum() for gradient, output in zip(gradients, outputs, strict=True)])
    assert torch.all(plain != 0)
    torch.testing.assert_close(gradient_x_activation(tiny, row), plain.detach(), rtol=1e-9, atol=1e-12)


def test_integrated_gradients_equal_a_plain_quadrature(tiny):
    row = a_row(tiny)
    plain = gauss_legendre(tiny, row, 5)
    scores, _ = integrated_gradients(tiny, row, 5)
    assert torch.all(plain != 0)
    # Captum keeps the points' weights in single precision.
    torch.testing.assert_close(scores, plain, rtol=1e-5, atol=1e-7)


def test_integrated_gradients_are_complete_at_every_layer(tiny):
    row = a_row(tiny)
    blanks = mlp_outputs(tiny, baseline_row(tiny.asking, row))
    with torch.no_grad():
        change = torch.stack(
            [log_probability(tiny, row) - replaced(tiny, row, layer, blank) for layer, blank in enumerate(blanks)]
        )
    scores, expected = integrated_gradients(tiny, row, 200)
    torch.testing.assert_close(expected, change, rtol=1e-9, atol=1e-10)
    assert torch.all(change.abs() > 1e-3)
    torch.testing.assert_close(scores, change, rtol=1e-5, atol=1e-5)


def test_long_prompts_take_their_steps_in_pieces(tiny, monkeypatch):
    row = a_row(tiny)
    whole = integrated_gradients(tiny, row, 5)
    monkeypatch.setattr("lga_core.scores.attribution.layer_attribution.BATCH_TOKENS", 2 * len(row))
    for pieces, expected in zip(integrated_gradients(tiny, row, 5), whole, strict=True):
        torch.testing.assert_close(pieces, expected, rtol=1e-6, atol=1e-8)


def test_more_steps_leave_a_smaller_gap(tiny, facts):
    checks = list(check_known_facts(tiny, facts[:1]))
    gaps = [
        np.abs(next(ig_rows(tiny, facts[:1], checks, IgSettings(steps=steps))).values["gap"]).max() for steps in (2, 50)
    ]
    assert gaps[1] < 0.1 * gaps[0]


def test_the_baseline_keeps_the_first_and_special_tokens_and_the_answer(tiny):
    row = a_row(tiny)
    baseline = baseline_row(tiny.asking, row)
    assert baseline.answer == row.answer and baseline.start == row.start
    assert baseline.ids[0] == row.ids[0] != blank_token(tiny.asking) == tiny.tokenizer.eos_token_id
    assert set(baseline.ids[1 : row.start]) == {tiny.tokenizer.eos_token_id}
    bos = tiny.tokenizer.bos_token_id
    spelled = TokenRow(ids=(*row.ids[:2], bos, *row.ids[2:]), start=row.start + 1)
    assert baseline_row(tiny.asking, spelled).ids[2] == bos


def test_blanks_are_padding_or_else_the_end_of_text(tiny):
    tiny.tokenizer.pad_token = "<bos>"
    assert blank_token(tiny.asking) == tiny.tokenizer.bos_token_id
    tiny.tokenizer.pad_token = tiny.tokenizer.eos_token = None
    with pytest.raises(LgaError, match="baseline"):
        blank_token(tiny.asking)


@pytest.mark.parametrize(("rows_of", "settings"), METHODS)
def test_rows_come_in_order_and_skip_what_is_done(tiny, facts, rows_of, settings):
    everything = [
        *facts,
        dataclasses.replace(facts[0], record=9, target_new=None),
        dataclasses.replace(facts[4], record=10),
    ]
    checks = list(check_known_facts(tiny, everything))
    checks[-1] = dataclasses.replace(checks[-1], greedy="", greedy_ids=())
    rows = list(rows_of(tiny, everything, checks, settings))
    assert [row.record for row in rows] == [0, 1, 2, 3, 4, 9, 10]
    assert [row.status for row in rows] == ["used"] * 6 + ["the model's own answer is empty"]
    assert rows[0].old_source == "data" and rows[4].old_source == "model" and rows[4].old_answer == checks[4].greedy
    assert rows[6].old_answer is None and not rows[6].values and rows[6].cost == checks[6].cost
    np.testing.assert_array_equal(rows[5].values["score"], rows[0].values["score"])  # the new answer is not used
    assert all(value.shape == (tiny.layers,) for row in rows[:6] for value in row.values.values())
    rest = list(rows_of(tiny, everything, checks, settings, done={0, 2, 9}))
    assert [row.record for row in rest] == [1, 3, 4, 10]
    np.testing.assert_array_equal(rest[0].values["score"], rows[1].values["score"])


@pytest.mark.parametrize(("rows_of", "settings"), METHODS)
def test_the_old_answer_follows_the_setting(tiny, facts, rows_of, settings):
    checks = list(check_known_facts(tiny, facts[:1]))
    data, own = (
        next(rows_of(tiny, facts[:1], checks, dataclasses.replace(settings, old=old))) for old in ("data", "model")
    )
    assert (data.old_answer, own.old_answer) == ("Seattle", checks[0].greedy)
    for count in ("forward_rows", "backward_rows"):
        assert getattr(own.cost, count) == getattr(data.cost, count) + getattr(checks[0].cost, count)
    assert not np.allclose(data.values["score"], own.values["score"])
    with pytest.raises(ValueError, match="old"):
        dataclasses.replace(settings, old="both")


def test_steps_must_be_positive():
    with pytest.raises(ValueError, match="steps"):
        IgSettings(steps=0)


def test_the_cost_counts_the_blocks_that_ran(tiny, facts):
    checks = list(check_known_facts(tiny, facts[:1]))
    kept_bytes(tiny)  # tried once a model: no cost of a fact
    runs, gradients = [], []

    def count(_module, _given, output):
        hidden = output[0] if isinstance(output, tuple) else output
        runs.append(len(hidden))
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: gradients.append(len(gradient)))

    for block in tiny.architecture.blocks:
        block.module.register_forward_hook(count)
    for rows_of, settings in METHODS:
        runs.clear()
        gradients.clear()
        cost = next(rows_of(tiny, facts[:1], checks, settings)).cost
        assert cost.forward_rows == pytest.approx(sum(runs) / tiny.layers)
        assert cost.backward_rows == pytest.approx(sum(gradients) / tiny.layers)
        assert cost.seconds > 0


@pytest.mark.parametrize(("rows_of", "settings"), METHODS)
def test_nothing_is_open_at_a_row_or_a_report(tiny, facts, rows_of, settings):
    report = Collect(lambda _step: assert_untouched(tiny))
    checks = list(check_known_facts(tiny, facts))
    for _row in checked(rows_of(tiny, facts, checks, settings, report=report)):
        assert_untouched(tiny)


def test_integrated_gradients_count_facts_and_report_after_each_layer(tiny, facts):
    checks = list(check_known_facts(tiny, facts))
    report = Collect()
    list(ig_rows(tiny, facts, checks, IgSettings(steps=2), done={0, 3}, report=report))
    assert {(step.phase, step.total) for step in report.steps} == {(Phase.INTEGRATED_GRADIENTS, 5)}
    assert [step.done for step in report.steps] == [done for done in (2, 3, 4) for _ in range(tiny.layers)]
    assert [step.detail for step in report.steps[: tiny.layers]] == [f"layer {layer}" for layer in range(tiny.layers)]


def test_integrated_gradients_can_be_cancelled_inside_of_a_fact(tiny, facts):
    checks = list(check_known_facts(tiny, facts))
    rows = []
    with pytest.raises(Cancelled):
        for row in ig_rows(tiny, facts, checks, IgSettings(steps=2), report=cancel_at(tiny.layers + 2)):
            rows.append(row.record)
    assert rows == [0]
    assert_untouched(tiny)


@pytest.mark.parametrize("measure", [gradient_x_activation, lambda model, row: integrated_gradients(model, row, 2)])
def test_nothing_is_left_on_the_model_after_an_error(tiny, measure):
    row = a_row(tiny)
    with pytest.raises((IndexError, RuntimeError)):  # the head knows no such answer token
        measure(tiny, TokenRow(ids=(*row.ids, 10**6), start=row.start))
    assert_untouched(tiny)

    def fail(_given, output):
        if output.requires_grad:
            raise RuntimeError("in the middle of Captum's run")

    with pytest.raises(RuntimeError, match="in the middle"), on_outputs({tiny.architecture.blocks[-1].module: fail}):
        measure(tiny, row)
    assert_untouched(tiny)
    measure(tiny, row)
    assert_untouched(tiny)


def assert_untouched(model):
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.model.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.model.parameters())
    assert torch.is_grad_enabled()
