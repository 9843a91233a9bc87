"""LGA against the naive double backward, and against everything that must not matter."""

import dataclasses

import numpy as np
import pytest
import torch
from reporting import Collect, checked
from scores.ordering import in_order

from lga_core.bench.speed.baselines import naive_gradient_products
from lga_core.models.text.tokens import answer_row, sequence_row
from lga_core.progress import Phase
from lga_core.scores.gradients import lga
from lga_core.scores.gradients.lga import SCOPES, gradient_products, gradient_rows
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.settings import GradientSettings

PAIRS = [
    ("The Space Needle is in downtown", "Seattle", "Boston"),
    ("Paris", "is in France", "Rome"),
    ("The language of Brazil", "is Portuguese", "Japan and Germany"),
    ("Paris is in", "the", "of"),  # one token each: such a pair shares its inputs
]


LOSSES = {"sequence": sequence_row, "answer": answer_row}
with_both_losses = pytest.mark.parametrize("loss", LOSSES)


def rows_of(model, loss="sequence"):
    old = [LOSSES[loss](model.asking, prompt, a) for prompt, a, _ in PAIRS]
    new = [LOSSES[loss](model.asking, prompt, b) for prompt, _, b in PAIRS]
    return old, new


def matrices(model, scope):
    return tuple(
        {
            "mlp": block.mlp_linears,
            "mlp-down": (block.down,),
            "attention": block.attn_linears,
            "block": block.mlp_linears + block.attn_linears,
        }[scope]
        for block in model.architecture.blocks
    )


@with_both_losses
@pytest.mark.parametrize("scope", SCOPES)
def test_products_equal_the_double_backward(tiny, scope, loss):
    old, new = rows_of(tiny, loss)
    fast = gradient_products(tiny, old, new)
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        for kind, pair in (("product", (a, b)), ("norm-old", (a, a)), ("norm-new", (b, b))):
            naive = naive_gradient_products(tiny, *pair, matrices(tiny, scope)).numpy()
            naive = naive if kind == "product" else np.sqrt(naive)
            scale = fast[f"norm-old/{scope}"][i] * fast[f"norm-new/{scope}"][i] if kind == "product" else naive
            assert np.all(np.abs(fast[f"{kind}/{scope}"][i] - naive) <= 1e-6 * scale)
            assert np.all(scale > 0)


def test_the_sequences_loss_is_the_models_own_of_the_whole_text(tiny):
    """transformers' loss of a text with itself as labels: a mean over all tokens after the first."""
    old, new = rows_of(tiny)
    values = gradient_products(tiny, old, new)
    for name, rows in (("nll-old", old), ("nll-new", new)):
        for row, value in zip(rows, values[name], strict=True):
            ids = torch.tensor([row.ids])
            np.testing.assert_allclose(value, float(tiny.model(ids, labels=ids).loss), rtol=1e-6)


def test_a_bos_is_a_condition_and_never_asked_for(tiny):
    row, text = sequence_row(tiny.asking, "Paris is in", "France"), "Paris is in France"
    own = tuple(tiny.tokenizer(text, add_special_tokens=False)["input_ids"])
    assert row.ids[-len(own) :] == own
    assert row.answer == (own if len(row) > len(own) else own[1:])
    assert (len(row) > len(own)) == (tiny.model.config.model_type == "gemma3_text")


@with_both_losses
def test_pieces_of_the_head_change_nothing(tiny, loss, monkeypatch):
    old, new = rows_of(tiny, loss)
    whole = gradient_products(tiny, old, new)
    monkeypatch.setattr(lga, "head_positions", lambda _tokens: 1)
    for name, values in gradient_products(tiny, old, new).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-8, atol=1e-12)


def test_the_setting_decides_which_loss_is_measured(tiny, facts):
    checks = list(check_known_facts(tiny, facts))
    by_loss = {}
    for loss in LOSSES:
        by_loss[loss], *_ = in_order(gradient_rows(tiny, facts, checks, GradientSettings(loss=loss)), facts)
    for loss, row in by_loss.items():
        texts = (facts[0].target_old[0], facts[0].target_new)
        rows = [LOSSES[loss](tiny.asking, facts[0].prompt, text) for text in texts]
        expected = gradient_products(tiny, rows[:1], rows[1:])
        np.testing.assert_allclose(row.values["product/mlp"], expected["product/mlp"][0], rtol=1e-8)
    assert not np.allclose(*(row.values["product/mlp"] for row in by_loss.values()))
    assert GradientSettings().loss == "sequence"


@with_both_losses
def test_pairs_with_shared_inputs_are_among_those_compared(tiny, loss):
    old, new = rows_of(tiny, loss)
    shared = [a.ids[:-1] == b.ids[:-1] for a, b in zip(old, new, strict=True)]
    assert any(shared)
    assert not all(shared)


@with_both_losses
def test_batch_order_and_padding_side_never_matter(tiny, loss):
    old, new = rows_of(tiny, loss)
    reference = gradient_products(tiny, old, new)
    left = gradient_products(tiny, old, new, side="left")
    turned = gradient_products(tiny, old[::-1], new[::-1])
    alone = [gradient_products(tiny, [a], [b]) for a, b in zip(old, new, strict=True)]
    for name, values in reference.items():
        np.testing.assert_allclose(left[name], values, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(turned[name][::-1], values, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(np.concatenate([one[name] for one in alone]), values, rtol=1e-8, atol=1e-12)


@with_both_losses
def test_float32_stays_within_1e_4_of_the_norms_product(tiny, loss):
    old, new = rows_of(tiny, loss)
    exact = gradient_products(tiny, old, new)
    tiny.model.float()
    single = gradient_products(tiny, old, new)
    error = np.abs(single["product/mlp"] - exact["product/mlp"])
    assert np.all(error <= 1e-4 * exact["norm-old/mlp"] * exact["norm-new/mlp"])


def test_every_fact_has_a_row_that_says_why_it_is_not_used(tiny, facts):
    everything = [
        *facts,
        dataclasses.replace(facts[0], record=9, target_new="The seattle"),
        dataclasses.replace(facts[0], record=10, target_new=None),
    ]
    checks = list(check_known_facts(tiny, everything))
    rows = in_order(checked(gradient_rows(tiny, everything, checks, GradientSettings())), everything)
    assert [row.record for row in rows] == [fact.record for fact in everything]
    assert [row.status for row in rows[-2:]] == ["old answer equals new answer", "no new answer"]
    assert rows[4].old_source == "model" and rows[0].old_source == "data"
    assert all(row.values["product/mlp"].shape == (tiny.layers,) for row in rows if row.used)
    rest = in_order(gradient_rows(tiny, everything, checks, GradientSettings(), done={0, 1, 9}), everything)
    assert [row.record for row in rest] == [2, 3, 4, 10]
    np.testing.assert_allclose(rest[0].values["product/mlp"], rows[2].values["product/mlp"], rtol=1e-8)


def test_where_the_old_answer_is_the_models_own_its_check_is_paid_for(tiny, facts):
    given = [*facts, dataclasses.replace(facts[4], record=9)]
    checks = list(check_known_facts(tiny, given))
    checks[-1] = dataclasses.replace(checks[-1], greedy="", greedy_ids=())
    rows = in_order(gradient_rows(tiny, given, checks, GradientSettings()), given)
    own = in_order(gradient_rows(tiny, given, checks, GradientSettings(old="model")), given)
    assert checks[0].cost.forward_rows > 1
    assert rows[0].cost.forward_rows == 2 and own[0].cost.forward_rows == 2 + checks[0].cost.forward_rows
    assert rows[4].cost.forward_rows == 2 + checks[4].cost.forward_rows, "the data has no old answer"
    assert not rows[5].used and rows[5].cost == checks[5].cost, "nor is this one free, of an empty answer"


@pytest.mark.parametrize("component", ["product/attention", "norm-new/mlp", "nll-old"])
def test_a_fact_whose_values_are_not_finite_is_not_used_and_the_others_are(tiny, facts, component, monkeypatch):
    checks = list(check_known_facts(tiny, facts))
    whole = in_order(gradient_rows(tiny, facts, checks, GradientSettings()), facts)
    overflown = sequence_row(tiny.asking, facts[1].prompt, facts[1].target_new).ids

    def products(model, old, new):
        values = gradient_products(model, old, new)
        for i in range(len(new)):
            if new[i].ids == overflown:
                values[component][i] = np.inf
        return values

    monkeypatch.setattr(lga, "gradient_products", products)
    rows = in_order(gradient_rows(tiny, facts, checks, GradientSettings()), facts)
    assert rows[1].status == "its gradients are not finite: an overflow in float64"
    assert rows[1].values == {} and rows[1].old_answer == whole[1].old_answer and rows[1].cost.backward_rows == 2
    assert [row.status for row in rows[:1] + rows[2:]] == ["used"] * (len(facts) - 1)
    np.testing.assert_allclose(rows[2].values["product/mlp"], whole[2].values["product/mlp"], rtol=1e-12)


def test_a_batch_that_does_not_fit_is_halved_and_reported_as_of_the_facts(tiny, facts, monkeypatch):
    checks = list(check_known_facts(tiny, facts))
    whole = in_order(gradient_rows(tiny, facts, checks, GradientSettings()), facts)

    def short_of_memory(model, old, new, *given):
        if len(old) > 1:
            raise MemoryError
        return gradient_products(model, old, new, *given)

    monkeypatch.setattr(lga, "gradient_products", short_of_memory)
    report = Collect()
    rows = in_order(gradient_rows(tiny, facts, checks, GradientSettings(), report=report), facts)
    assert {(step.phase, step.total) for step in report.steps} == {(Phase.LGA, 5)}
    assert all("memory ran out" in step.detail for step in report.steps)
    for row, expected in zip(rows, whole, strict=True):
        np.testing.assert_allclose(row.values["product/mlp"], expected.values["product/mlp"], rtol=1e-8)


@pytest.mark.parametrize("wrong", [{"old": "both"}, {"loss": "prompt"}, {"old": None}, {"older": "data"}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GradientSettings(**wrong)


def test_nothing_is_left_on_the_model(tiny):
    old, new = rows_of(tiny)
    broken = [row.__class__(ids=(*row.ids, 10**6), start=row.start) for row in new]
    with pytest.raises(IndexError):
        gradient_products(tiny, old, broken)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in tiny.model.modules())
    gradient_products(tiny, old, new)
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in tiny.model.parameters())
    assert torch.is_grad_enabled()


def test_a_new_answer_that_is_any_accepted_old_one_is_not_scored(tiny, facts):
    fact = dataclasses.replace(facts[2], target_old=("Paris", facts[2].target_new.upper()))
    checks = list(check_known_facts(tiny, [fact]))
    (row,) = gradient_rows(tiny, [fact], checks, GradientSettings())
    assert row.status == "old answer equals new answer"
    (row,) = gradient_rows(tiny, [fact], checks, GradientSettings(old="model"))
    assert row.used, "the old answer is the model's own"
