"""What holds of every judged sweep, of its draws, and of the means and ranks that it is judged by."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worth.judging.picking import pick_of
from worth.swept import facts_of, random_sweep, sweep_of

from lga_core.results import Worth
from lga_core.scores.selection import rank_correlations, spearman
from lga_core.worth.judging import harmonic_mean, judge
from lga_core.worth.selectors import pick_by_sweep


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
