"""What picks are worth: every quantity against a naive loop."""

import math
import statistics

import numpy as np
import pytest
from worth.judging.picking import NONE
from worth.swept import lga_scores, random_sweep

from lga_core.results import METRICS, Estimate, Sweep
from lga_core.scores.selection import spearman
from lga_core.worth.ground_truth import Truth, drawn_weights
from lga_core.worth.held_out import best_overall
from lga_core.worth.judging import judge
from lga_core.worth.selectors import SELECTORS, pick_by_scores, pick_by_sweep


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
