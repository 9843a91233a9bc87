"""A gradient that is zero has no cosine: the fact is left out of the cosine scores and listed, never counted as 0."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import tiny_model
from scores.ordering import in_order

from lga_core.scores.gradients.lga import gradient_rows
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import View, layer_scores
from lga_core.scores.settings import GradientSettings
from lga_core.view.words.sentences import unused_reasons

RAW = View(fences=None, bootstrap=0)
COSINE = dataclasses.replace(RAW, normalize="cosine")
WHY = "left out: a gradient is zero, which has no cosine"


def rows_of(model, facts):
    checks = list(check_known_facts(model, facts))
    return in_order(gradient_rows(model, facts, checks, GradientSettings(old="data")), facts)


def without_gradient(row, layer):
    """The row of a fact whose new answer's loss has no gradient at a layer, as where it is saturated."""
    values = {name: np.array(value) for name, value in row.values.items()}
    for name in values:
        if name.startswith(("product", "norm-new")):
            values[name][layer] = 0
    return dataclasses.replace(row, values=values)


def test_a_fact_without_a_cosine_is_left_out_of_the_total_and_listed(tiny, facts):
    first, second, *others = rows_of(tiny, facts)
    rows = [first, without_gradient(second, 2), *others]
    scores = layer_scores("lga", rows, tiny.layers, COSINE)
    without = layer_scores("lga", [first, *others], tiny.layers, COSINE)
    np.testing.assert_array_equal(scores.total, without.total)
    assert np.isnan(scores.per_fact[1]).all() and scores.n_facts == len(facts) - 1
    assert unused_reasons(scores) == {WHY: [1]}
    raw = layer_scores("lga", rows, tiny.layers, RAW)
    assert raw.n_facts == len(facts) and raw.per_fact[1, 2] == 0  # a product of zero is one
    assert layer_scores("gradnorm-new", rows, tiny.layers, COSINE).n_facts == len(facts)


def test_the_cosines_of_the_others_are_the_products_of_unit_gradients(tiny, facts):
    rows = rows_of(tiny, facts)
    scores = layer_scores("lga", rows, tiny.layers, COSINE)
    for row, cosines in zip(rows, scores.per_fact, strict=True):
        norms = row.values["norm-old/mlp"] * row.values["norm-new/mlp"]
        np.testing.assert_allclose(cosines * norms, row.values["product/mlp"], rtol=1e-12)
    assert scores.n_facts == len(facts) and (np.abs(scores.per_fact) <= 1 + 1e-9).all()


@pytest.mark.parametrize("scope", ["mlp", "block"])
def test_a_model_with_a_dead_layer_has_no_pick_and_says_why(facts, scope):
    model = tiny_model("llama")
    with torch.no_grad():
        for matrix in model.architecture.blocks[1].mlp_linears:
            matrix.module.weight.zero_()
    scores = layer_scores("lga", rows_of(model, facts), model.layers, dataclasses.replace(COSINE, scope=scope))
    if scope == "mlp":
        assert unused_reasons(scores) == {WHY: [fact.record for fact in facts]}
        assert scores.selection.golden_layer is None and np.isnan(scores.total).all()
    else:  # its attention has gradients
        assert scores.n_facts == len(facts) and scores.selection.golden_layer is not None
