"""Fences, ranking, bootstrap and signs, with numbers worked out by hand."""

import numpy as np
import pytest

from lga_core.errors import LgaError
from lga_core.results import Cost, FactRow
from lga_core.scores.methods import METHODS, View, layer_scores, method_named
from lga_core.scores.selection import Rule, bootstrap, fence_bounds, select, signs, spearman


def row(record, product, known=True, status="used", norm=1.0):
    product = np.asarray(product, dtype=float)
    values = {}
    for scope, factor in (("mlp", 1), ("mlp-down", 2), ("attention", 3), ("block", 4)):
        values |= {
            f"product/{scope}": product * factor,
            f"norm-old/{scope}": np.full_like(product, norm),
            f"norm-new/{scope}": np.full_like(product, 2 * norm),
        }
    return FactRow(
        record=record,
        status=status,
        old_answer="a",
        old_source="data",
        known=known,
        values=values if status == "used" else {},
        cost=Cost(seconds=1.0),
    )


@pytest.mark.parametrize(
    ("total", "kappa", "ranking", "excluded"),
    [
        # Q1 = 2, Q3 = 4, fences [0, 6] for κ = 1: 100 is out
        ([1, 2, 3, 4, 100], 1.0, (3, 2, 1, 0), {4}),
        ([1, 2, 3, 4, 6], 1.0, (4, 3, 2, 1, 0), set()),  # a bound is inside
        ([1, 2, 3, 4, 100], None, (4, 3, 2, 1, 0), set()),
        ([5, 5, 1], None, (0, 1, 2), set()),  # ties to the lower index
        ([-1, -2, -3, -4, -100], 1.0, (0, 1, 2, 3), {4}),
    ],
)
def test_fences_and_ranking(total, kappa, ranking, excluded):
    selection = select(np.array(total, dtype=float), Rule(fences=kappa))
    assert selection.ranking == ranking
    assert set(selection.excluded_layers) == excluded
    assert selection.golden_layer == ranking[0]
    assert selection.golden_layers == ranking[:3]


@pytest.mark.parametrize(
    ("total", "kappa", "reason", "excluded"),
    [
        ([1, 2], 0.0, "no layer lies within the fences", {0, 1}),  # fences [1.25, 1.75]
        ([1, 2], 0.3, "no layer lies within the fences", {0, 1}),  # [1.1, 1.9]
        ([1, 2, 3, np.nan], 1.0, "the total of layer 3 is not finite", {3}),  # no quartiles, so no fences
        ([1, 2, np.inf], 1.0, "the total of layer 2 is not finite", {2}),
        # of eight layers one does not spoil the quartiles, 2.75 and 6.25: still there are no fences
        ([1, 2, 3, 4, 5, 6, 7, np.inf], 1.0, "the total of layer 7 is not finite", {7}),
        ([-np.inf, 2, 3, 4, 5, 6, 7, 8], 1.0, "the total of layer 0 is not finite", {0}),
        ([np.nan, np.nan], None, "the total of layer 0 is not finite", {0, 1}),
    ],
)
def test_no_layer_left_is_no_pick_with_the_reason(total, kappa, reason, excluded):
    selection = select(np.array(total, dtype=float), Rule(fences=kappa))
    assert (selection.golden_layer, selection.golden_layers, selection.ranking) == (None, (), ())
    assert selection.reason == reason
    assert set(selection.excluded_layers) == excluded


def test_without_fences_only_a_layer_that_is_not_finite_has_no_rank():
    selection = select(np.array([1, np.inf, 2, np.nan]), Rule(fences=None))
    assert selection.ranking == (2, 0)
    assert selection.excluded_layers == dict.fromkeys((1, 3), "its total is not finite")
    assert selection.reason is None


def test_draws_without_a_pick_count_for_no_layer():
    """Two layers: fences of κ = 0.3 hold both where their totals are equal, and none where they are not."""
    rule = Rule(fences=0.3)
    drawn = bootstrap(np.array([[1.0, 2.0], [2.0, 1.0]]), rule, mean=False, draws=400, seed=0)
    assert drawn.share[0] == pytest.approx(0.5, abs=0.1)  # one of each fact is drawn in half of the draws
    assert drawn.share[1] == 0
    assert (drawn.low, drawn.high) == (0, 0)
    assert bootstrap(np.array([[1.0, 2.0], [1.0, 2.0]]), rule, mean=False, draws=400, seed=0) is None


def test_scores_without_a_layer_in_the_fences_have_no_pick_and_no_bootstrap():
    scores = layer_scores("lga", [row(0, [1, 2]), row(1, [1, 2])], 2, View(fences=0))
    assert scores.selection.reason == "no layer lies within the fences"
    assert scores.bootstrap is None
    again = type(scores).from_json(scores.to_json())
    assert again.selection == scores.selection


def test_fences_are_tukeys():
    low, high = fence_bounds(np.array([1.0, 2, 3, 4, 100]), 1.5)
    assert (low, high) == (2 - 3, 4 + 3)


def test_magnitude_ranks_by_size_and_keeps_the_fences_on_the_sum():
    selection = select(np.array([1.0, -3, 2, -2, 0]), Rule(rank="magnitude", fences=None))
    assert selection.ranking == (1, 2, 3, 0, 4)


def test_bootstrap_is_sure_of_a_clear_pick_and_seeded():
    rng = np.random.default_rng(0)
    clear = rng.normal(size=(40, 6)) + np.array([0, 0, 5, 0, 0, 0])
    drawn = bootstrap(clear, Rule(fences=None), mean=False, draws=200, seed=3)
    assert drawn.share[2] == 1
    assert (drawn.low, drawn.high) == (2, 2)
    assert drawn.margin > 5
    again = bootstrap(clear, Rule(fences=None), mean=False, draws=200, seed=3)
    np.testing.assert_array_equal(drawn.share, again.share)
    vague = bootstrap(rng.normal(size=(40, 6)), Rule(fences=None), mean=True, draws=500, seed=3)
    assert vague.share.max() < 0.95
    assert vague.share.sum() == pytest.approx(1)


def test_bootstrap_of_the_sum_and_the_mean_agree_on_picks():
    values = np.random.default_rng(1).normal(size=(12, 5))
    summed = bootstrap(values, Rule(), mean=False, draws=300, seed=0)
    averaged = bootstrap(values, Rule(), mean=True, draws=300, seed=0)
    np.testing.assert_array_equal(summed.share, averaged.share)
    assert summed.margin == pytest.approx(averaged.margin)


def test_scope_normalization_and_known_are_views_of_the_same_rows():
    rows = [row(0, [1, 2, 3]), row(1, [10, 0, 0], known=False), row(2, [1, 1, 1], status="no new answer")]
    plain = layer_scores("lga", rows, 3, View(fences=None))
    np.testing.assert_array_equal(plain.total, [11, 2, 3])
    assert plain.n_facts == 2
    assert np.isnan(plain.per_fact[2]).all()
    np.testing.assert_array_equal(layer_scores("lga", rows, 3, View(scope="block")).total, [44, 8, 12])
    np.testing.assert_allclose(layer_scores("lga", rows, 3, View(normalize="cosine")).total, [5.5, 1, 1.5])
    known = layer_scores("lga", rows, 3, View(known="known"))
    np.testing.assert_array_equal(known.total, [1, 2, 3])
    assert known.rows[1].status == "left out: known facts only"
    np.testing.assert_array_equal(layer_scores("lga", rows, 3, View(known="unknown")).total, [10, 0, 0])
    assert layer_scores("gradnorm-new", rows, 3, View()).total.tolist() == [2, 2, 2]
    assert plain.cost.seconds == 3


def test_too_few_traced_facts_give_traces_without_a_pick():
    rows = [
        FactRow(
            record=i,
            status="used",
            old_answer="a",
            old_source="data",
            known=True,
            values={"effect": np.array([0.1, 0.3])},
        )
        for i in range(7)
    ]
    few = layer_scores("cma", rows, 2, View())
    assert few.selection.golden_layer is None
    assert "7 usable facts" in few.selection.reason
    np.testing.assert_allclose(few.total, [0.1, 0.3])
    assert layer_scores("cma-mlp", [*rows, rows[0]], 2, View()).selection.golden_layer == 1


def test_no_usable_fact_gives_no_pick():
    none = layer_scores("lga", [row(0, [1, 2], status="no new answer")], 2, View())
    assert none.selection.golden_layer is None
    assert np.isnan(none.total).all()
    assert layer_scores("lga", [], 2, View()).selection.reason == "no usable fact"


def test_middle_needs_no_measurement():
    assert layer_scores("middle", [], 18, View()).selection.ranking[:3] == (9, 8, 10)


def test_signs_split_known_from_unknown():
    scores = layer_scores("lga", [row(0, [-1, -2]), row(1, [-5, 1], known=False)], 2, View())
    shares = signs(scores)
    assert shares.negative_share == 0.75
    assert shares.all_negative
    np.testing.assert_array_equal(shares.known, [-1, -2])
    np.testing.assert_array_equal(shares.unknown, [-5, 1])


def test_spearman():
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)
    assert spearman([1, 1, 1], [1, 2, 3]) is None


def test_results_survive_json():
    scores = layer_scores("lga", [row(0, [1, 2, 3.3]), row(1, [1, 2, 3], status="no new answer")], 3, View())
    again = type(scores).from_json(scores.to_json())
    np.testing.assert_array_equal(again.per_fact, scores.per_fact)
    assert again.selection == scores.selection
    assert again.rows[0].values["product/mlp"].tolist() == [1, 2, 3.3]
    assert "NaN" not in scores.to_json()


def test_an_unknown_method_is_named_with_those_there_are():
    with pytest.raises(LgaError, match="cma-hidden"):
        method_named("saliency")
    assert method_named("cma").name == "cma-mlp"
    assert set(METHODS) >= {
        "lga",
        "cma-mlp",
        "cma-hidden",
        "cma-attn",
        "gradxact",
        "ig",
        "gradnorm-old",
        "gradnorm-new",
        "forecast",
        "hidden-distance",
        "middle",
    }
