"""What picks are worth: small examples worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from view.made_study import unit
from worth.judging.picking import NONE, pick_of
from worth.swept import facts_of, lga_scores, random_sweep, sweep_of

from lga_core.errors import LgaError
from lga_core.results import METRICS, Estimate, Worth
from lga_core.worth.judging import judge
from lga_core.worth.selectors import SELECTORS, pick_by_scores, pick_by_sweep
from lga_core.worth.study.across import summary


@pytest.mark.parametrize("in_sample", [True, False])
def test_layers_that_tie_give_the_lower_one_in_whatever_order_they_were_swept(in_sample):
    """Layers 2 and 7 have the same mean."""
    values = [[50, 0, 50], [100, 0, 50], [50, 0, 100], [50, 0, 50]]  # at layers 7, 4 and 2
    asked = sweep_of({"rewrite": values}, layers=(7, 4, 2))
    in_order = sweep_of({"rewrite": [row[::-1] for row in values]}, layers=(2, 4, 7))
    assert asked.layers == (2, 4, 7)
    np.testing.assert_array_equal(asked.overall, in_order.overall)
    pick = pick_of((4, 2, 7), (2, 4, 7))
    one, other = (judge([pick], sweep, in_sample=in_sample) for sweep in (asked, in_order))
    assert one.best_layer == other.best_layer == 2
    assert one.selectors[0].regret == other.selectors[0].regret


def test_a_small_sweep_by_hand():
    """A = [[100, 50, 50], [0, 50, 100], [50, 100, 0]]: means 50, 66.7, 50; each fact's best is 100."""
    sweep = sweep_of(
        {
            "rewrite": [[100, 100, 100], [0, 100, 100], [100, 100, 0]],
            "locality": [[100, 0, 0], [0, 0, 100], [0, 100, 0]],
        },
        layers=(3, 4, 8),
    )
    worth = judge([pick_of((8, 4, 3), (3, 4, 8))], sweep, in_sample=True)
    assert (worth.layers, worth.records, worth.n_facts, worth.unfinished) == ((3, 4, 8), (0, 1, 2), 3, 0)
    assert worth.makeup == ("rewrite", "locality") and worth.editor == "r-rome" and worth.in_sample
    np.testing.assert_allclose(worth.mean["overall"], [50, 200 / 3, 50], atol=1e-8)
    np.testing.assert_allclose(worth.mean["rewrite"], [200 / 3, 100, 200 / 3], atol=1e-8)
    assert np.isnan(worth.mean["portability"]).all()
    assert worth.n == {"rewrite": 3, "rephrase": 0, "locality": 3, "portability": 0, "overall": 3}
    assert (worth.best_layer, worth.best.value) == (4, pytest.approx(200 / 3))
    assert worth.any_layer.value == pytest.approx(500 / 9) and worth.any_regret.value == pytest.approx(100 / 9)
    assert (worth.optimum.value, worth.gap.value) == (100, pytest.approx(100 / 3))
    np.testing.assert_array_equal(worth.histogram, [1, 1, 1])
    (judged,) = worth.selectors
    assert judged.overall.value == pytest.approx(50) and judged.overall.n == 3
    assert judged.regret.value == pytest.approx(50 / 3)
    assert judged.below_optimum.value == pytest.approx(50)
    assert {name: (value.value, value.n) for name, value in judged.metrics.items()} == {
        "rewrite": (pytest.approx(200 / 3), 3),
        "rephrase": (None, 0),
        "locality": (pytest.approx(100 / 3), 3),
        "portability": (None, 0),
    }
    assert judged.harmonic.value == pytest.approx(2 / (3 / 200 + 3 / 100))
    assert judged.hits == {1: False, 3: True, 5: True}
    assert judged.spearman.value == pytest.approx(0)  # ranks 1 2 3 against 1.5 3 1.5


def test_a_best_layer_that_is_shared_is_shared_in_the_histogram_and_is_a_hit():
    sweep = sweep_of({"rewrite": [[50, 50, 0], [10, 10, 10], [0, 0, 30]]})
    worth = judge([pick_of((1, 2, 0), range(3))], sweep, in_sample=True)
    np.testing.assert_allclose(worth.histogram, [1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 + 1 / 3])
    tied = judge([pick_of((1, 0), range(2))], sweep_of({"rewrite": [[40, 40]]}), in_sample=True)
    assert (tied.best_layer, tied.selectors[0].regret.value, tied.selectors[0].hits[1]) == (0, 0, True)
    assert tied.selectors[0].spearman == NONE  # the truth is constant


def test_held_out_the_best_layer_is_named_on_other_facts_than_it_is_measured_on():
    """The pick is best on all facts by one fact that stands out; the halves without it name the other layer."""
    values = [[100, 60], [50, 60], [50, 60], [50, 60]]  # means 62.5 and 60
    inside, held_out = (
        judge([pick_of((0, 1), range(2))], sweep_of({"rewrite": values}), in_sample=in_sample, draws=50).selectors[0]
        for in_sample in (True, False)
    )
    assert inside.regret.value == 0 > held_out.regret.value
    assert held_out.regret.low <= held_out.regret.value <= held_out.regret.high
    few = judge([pick_of((0, 1), range(2))], sweep_of({"rewrite": values[:3]}), in_sample=False)
    assert few.selectors[0].regret == few.any_regret == few.gap == NONE and few.selectors[0].overall.n == 3


def test_the_golden_gap_is_to_the_best_layer_that_regret_is_to():
    """So a selector's loss to the optimum is its regret and the golden gap, in sample and held out; and one unit alone
    has the gap that the study says of it."""
    kept = unit(0)
    inside, held_out = (judge(kept.picks, kept.test, in_sample=in_sample, draws=50) for in_sample in (True, False))
    for worth in (inside, held_out):
        for item in worth.selectors:
            assert item.below_optimum.value == pytest.approx(item.regret.value + worth.gap.value)
    assert held_out.gap.value > inside.gap.value == pytest.approx(inside.optimum.value - inside.best.value)
    assert summary([kept], draws=0).gap.value == pytest.approx(held_out.gap.value)


def test_scores_that_are_the_judged_means_themselves_have_no_interval_of_their_correlation():
    """Brute force in sample: its correlation is 1 by construction, which the draws are all below."""
    sweep = random_sweep(1)
    brute, other = judge([pick_by_sweep(sweep), pick_of((1, 0, 2, 3, 4), range(5))], sweep, in_sample=True).selectors
    assert brute.spearman == Estimate(value=pytest.approx(1), n=6)
    assert other.spearman.low is not None
    (held_out,) = judge([pick_by_sweep(random_sweep(2))], sweep, in_sample=False).selectors
    assert held_out.spearman.low is not None


def test_one_fact_has_no_interval():
    worth = judge([pick_of((0, 1), range(2))], sweep_of({"rewrite": [[40, 60]]}), in_sample=True)
    (judged,) = worth.selectors
    assert judged.regret == Estimate(value=20, n=1) and judged.hit_shares == dict.fromkeys((1, 3, 5))


def test_a_selector_without_a_pick_is_null_with_its_reason():
    sweep = random_sweep(0)
    pick = pick_by_scores(SELECTORS["lga"], lga_scores([[1] * 5], unused=[0]), sweep.layers)
    (judged,) = judge([pick], sweep, in_sample=False).selectors
    assert judged.pick.reason == "no usable fact"
    assert judged.overall == judged.regret == judged.below_optimum == judged.spearman == judged.harmonic == NONE
    assert judged.metrics == dict.fromkeys(METRICS, NONE)
    assert judged.hits == judged.hit_shares == dict.fromkeys((1, 3, 5))


def test_a_sweep_without_a_finished_fact_says_nothing():
    sweep = random_sweep(0, facts=2, layers=3, missing=[(0, 0), (1, 2)])
    worth = judge([pick_of((1, 0, 2), range(3)), pick_by_sweep(sweep)], sweep, in_sample=True)
    assert (worth.n_facts, worth.unfinished, worth.best_layer, worth.makeup) == (0, 2, None, ())
    assert worth.best == worth.any_layer == worth.optimum == worth.gap == NONE
    assert worth.n["overall"] == 0 and np.isnan(worth.mean["overall"]).all()
    np.testing.assert_array_equal(worth.histogram, [0, 0, 0])
    assert [judged.regret for judged in worth.selectors] == [NONE, NONE]
    assert "NaN" not in worth.to_json() and Worth.from_json(worth.to_json()).to_json() == worth.to_json()


def test_unfinished_facts_are_counted_and_left_out():
    part = random_sweep(4, facts=7, missing=[(5, 0), (6, 4)])
    pick, kept = pick_by_sweep(part), facts_of(part, range(5))
    worth = judge([pick], part, in_sample=True)
    assert (worth.records, worth.unfinished, kept.complete) == ((0, 1, 2, 3, 4), 2, True)
    assert replace(worth, unfinished=0).to_json() == judge([pick], kept, in_sample=True).to_json()


def test_a_pick_among_other_layers_is_refused():
    with pytest.raises(LgaError, match="LGA picked among other layers"):
        judge([pick_of((0, 1), range(2))], random_sweep(0), in_sample=False)
