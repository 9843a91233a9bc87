"""What picks are worth: small examples worked out by hand, and every quantity against a naive loop."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from view.made_study import unit
from worth.swept import facts_of, lga_scores, random_sweep, sweep_of

from lga_core.errors import LgaError
from lga_core.results import METRICS, Estimate, Pick, Sweep, Worth
from lga_core.scores.selection import rank_correlations, spearman
from lga_core.worth.ground_truth import Truth, drawn_weights
from lga_core.worth.held_out import best_overall
from lga_core.worth.judging import harmonic_mean, judge
from lga_core.worth.selectors import SELECTORS, pick_by_scores, pick_by_sweep
from lga_core.worth.study.across import summary

NONE = Estimate()


def pick_of(ranking, layers, scores=None, reason=None) -> Pick:
    scores = [-float(ranking.index(layer)) for layer in layers] if scores is None else scores
    return Pick(
        selector="lga",
        title="LGA",
        layer=ranking[0] if ranking else None,
        ranking=tuple(ranking),
        layers=tuple(layers),
        scores=np.array(scores, dtype=float),
        own_layer=ranking[0] if ranking else None,
        n_facts=1,
        reason=reason,
    )


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


@pytest.mark.parametrize("seed", range(6))
def test_every_quantity_against_a_naive_loop(seed):
    """A fact at a time, a layer at a time, no arrays; the draws are the only thing that is shared."""
    proxy, test = random_sweep(seed), random_sweep(seed + 100, facts=7, first=50, missing=[(2, 3)])
    rng = np.random.default_rng(seed)
    scored = pick_by_scores(SELECTORS["lga-no-fences"], lga_scores(rng.normal(size=(4, 5))), test.layers)
    picks = [pick_by_sweep(proxy), scored]
    worth = judge(picks, test, in_sample=False, draws=40, seed=seed)
    rows = naive_rows(test)
    weights = drawn_weights(len(rows), 40, seed)
    assert weights.shape == (41, len(rows)) and (weights.sum(1) == len(rows)).all()
    draws = [[row for row, times in zip(rows, drawn, strict=True) for _ in range(int(times))] for drawn in weights]
    assert worth.n_facts == len(rows) == 6
    for name in (*METRICS, "overall"):
        assert worth.n[name] == sum(row[name][0] is not None for row in rows)
        same(worth.mean[name], [naive_mean(rows, name, column) for column in range(5)])
    whole = [naive(rows, column, picks[0]) for column in range(5)]
    best = max(range(5), key=lambda column: whole[column]["overall"])
    assert worth.best_layer == best
    assert_estimate(worth.best, [naive_mean(draw, "overall", best) for draw in draws])
    assert_estimate(worth.optimum, [naive_optimum(draw) for draw in draws])
    assert_estimate(
        worth.any_layer,
        [statistics.fmean(naive_mean(draw, "overall", column) for column in range(5)) for draw in draws],
    )
    counts = [0.0] * 5
    for row in rows:
        winners = [column for column in range(5) if row["overall"][column] == max(row["overall"])]
        for column in winners:
            counts[column] += 1 / len(winners)
    same(worth.histogram, counts)
    reference = best_overall(Truth.of(test), weights, in_sample=False)  # a loop of its own in test_held_out
    assert_estimate(worth.gap, [naive_optimum(draw) - best for best, draw in zip(reference, draws, strict=True)])
    for pick, judged in zip(picks, worth.selectors, strict=True):
        column = test.layers.index(pick.layer)
        resampled = [naive(draw, column, pick) for draw in draws]
        regrets = [best - item["overall"] for best, item in zip(reference, resampled, strict=True)]
        assert_estimate(judged.regret, regrets)
        for name in ("overall", "below_optimum", "harmonic", "spearman"):
            assert_estimate(getattr(judged, name), [item[name] for item in resampled])
        for name in METRICS:
            assert_estimate(judged.metrics[name], [item[name] for item in resampled])
            assert judged.metrics[name].n == worth.n[name]
        for k in (1, 3, 5):
            assert judged.hits[k] == resampled[0]["hit"][k]
            assert judged.hit_shares[k] == pytest.approx(statistics.fmean(item["hit"][k] for item in resampled[1:]))


def naive_rows(sweep: Sweep) -> list[dict[str, list[float | None]]]:
    """Finished facts: metric and "overall" -> value per layer."""
    rows = []
    for i in range(len(sweep.records)):
        if not all(sweep.measured[i][j] == 1 for j in range(len(sweep.layers))):
            continue
        row = {
            name: [None if math.isnan(value) else float(value) for value in sweep.after[name][i]] for name in METRICS
        }
        row["overall"] = [
            statistics.fmean(row[name][j] for name in METRICS if row[name][j] is not None)
            for j in range(len(sweep.layers))
        ]
        rows.append(row)
    return rows


def naive_mean(rows, name, column):
    having = [row[name][column] for row in rows if row[name][column] is not None]
    return round(statistics.fmean(having), 9) if having else math.nan


def naive_optimum(rows):
    return statistics.fmean(max(row["overall"]) for row in rows)


def naive(rows, column, pick):
    """Everything that is said of a pick at `column` of these facts."""
    means = [naive_mean(rows, "overall", j) for j in range(5)]
    metric_means = {name: naive_mean(rows, name, column) for name in METRICS}
    present = [metric_means[name] for name in METRICS if name != "rephrase"]  # no fact has rephrases
    harmonic = math.nan if any(map(math.isnan, present)) else 0.0 if 0 in present else statistics.harmonic_mean(present)
    correlation = spearman(pick.scores, np.array(means))
    return {
        **metric_means,
        "overall": means[column],
        "harmonic": harmonic,
        "below_optimum": naive_optimum(rows) - means[column],
        "spearman": math.nan if correlation is None else correlation,
        "hit": {k: any(means[layer] == max(means) for layer in pick.ranking[:k]) for k in (1, 3, 5)},
    }


def same(ours, expected):
    np.testing.assert_allclose(np.asarray(ours, dtype=float), expected, atol=2e-9)


def assert_estimate(estimate: Estimate, values):
    """The first value, and numpy's quantiles of the others that there are."""
    drawn = [value for value in values[1:] if not math.isnan(value)]
    if math.isnan(values[0]):
        assert estimate == NONE
        return
    assert estimate.value == pytest.approx(values[0], abs=5e-9)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=5e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), facts=st.integers(1, 6), layers=st.integers(1, 6))
def test_what_holds_of_every_sweep(seed, facts, layers):
    sweep = random_sweep(seed, facts, layers)
    rng = np.random.default_rng(seed)
    picks = [pick_by_sweep(sweep), pick_of(rng.permutation(layers).tolist(), range(layers))]
    worth = judge(picks, sweep, in_sample=True, draws=20, seed=seed)
    brute, other = worth.selectors
    assert brute.regret.value == 0 and brute.hits[1] and brute.pick.layer == worth.best_layer
    assert other.regret.value >= 0 and (other.regret.low is None or other.regret.low <= other.regret.high)
    assert other.hits[1] == (other.regret.value == 0)
    assert other.hits[1] <= other.hits[3] <= other.hits[5]
    assert worth.gap.value >= -1e-8 and other.below_optimum.value == pytest.approx(other.regret.value + worth.gap.value)
    assert worth.histogram.sum() == pytest.approx(facts)
    assert other.harmonic.value <= np.mean([other.metrics[name].value for name in worth.makeup]) + 1e-8
    text = worth.to_json()
    assert "NaN" not in text and Worth.from_json(text).to_json() == text


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(5)))
def test_the_order_of_the_facts_changes_nothing(seed, order):
    sweep = random_sweep(seed, facts=5)
    worths = [
        judge([pick_by_sweep(sweep)], facts_of(sweep, facts), in_sample=True, draws=20) for facts in (range(5), order)
    ]
    assert worths[0].to_json() == worths[1].to_json()


def test_the_draws_are_seeded():
    sweep = random_sweep(3, facts=6)
    one, again, other = (
        judge([pick_by_sweep(sweep)], sweep, in_sample=True, draws=50, seed=seed) for seed in (1, 1, 2)
    )
    assert one.to_json() == again.to_json()
    assert one.selectors[0].overall != other.selectors[0].overall
    assert one.selectors[0].overall.value == other.selectors[0].overall.value


def test_the_interval_covers_the_mean_of_many_facts():
    """Facts worth 0 or 100 with even odds at the picked layer: 64 of them have a standard error of 6.25 points."""
    values = [[100.0 * (i % 2), 0.0] for i in range(64)]
    (judged,) = judge([pick_of((0, 1), range(2))], sweep_of({"rewrite": values}), in_sample=False).selectors
    assert judged.overall.value == 50
    assert judged.overall.low == pytest.approx(50 - 1.96 * 6.25, abs=2)
    assert judged.overall.high == pytest.approx(50 + 1.96 * 6.25, abs=2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([100, 50], 200 / 3), ([100, 0], 0), ([30, 30, 30], 30), ([40], 40), ([math.nan, 50], math.nan), ([], math.nan)],
)
def test_the_harmonic_mean(values, expected):
    assert float(harmonic_mean(np.array(values, dtype=float))) == pytest.approx(expected, nan_ok=True)


def test_rank_correlations_are_pandas_own_row_by_row():
    rng = np.random.default_rng(0)
    scores, means = rng.integers(0, 4, 6).astype(float), rng.integers(0, 3, (30, 6)).astype(float)
    means[7] = 1.0
    ranks = pd.DataFrame(means).rank(axis=1)
    with np.errstate(invalid="ignore"):  # a constant row
        expected = ranks.corrwith(pd.Series(scores).rank(), axis=1)
    correlations = rank_correlations(scores, means)
    assert np.isnan(correlations[7]) and spearman(scores, means[7]) is None
    np.testing.assert_allclose(correlations, expected, atol=1e-12)
    assert np.isnan(rank_correlations(np.array([1, 2, np.nan, 4, 5, 6]), means)).all()
