"""The best layer on halves: against a naive loop, and without bias and with its coverage where the truth is known."""

import statistics

import numpy as np
import pytest
from worth.swept import random_sweep, sweep_of

from lga_core.worth.ground_truth import Truth, drawn_weights, estimate
from lga_core.worth.held_out import FEWEST, best_overall, halves, held_out_best

FLAT, SLOPE, PEAK = np.zeros(18), np.linspace(0, 20, 18), np.append(np.zeros(17), 30.0)  # means of layers, points


def simulated(means, facts, seed):
    """Overall of facts: the layer's mean, what the fact adds at all layers, and what the cell adds."""
    rng = np.random.default_rng(seed)
    return means + rng.normal(0, 20, (facts, 1)) + rng.normal(0, 20, (facts, len(means)))


def naive_named(overall, first):
    """Cut by cut and fact by fact, the layer that is best on the half without the fact."""
    named = []
    for cut in first.tolist():
        for fact in range(len(overall)):
            others = [i for i in range(len(overall)) if cut[i] != cut[fact]]
            means = [round(statistics.fmean(overall[i][layer] for i in others), 9) for layer in range(len(overall[0]))]
            named.append((fact, means.index(max(means))))
    return named


def naive_best(overall, first, times):
    """With each fact as often as `times` says, in both halves; a half without a drawn fact names as it does undrawn."""
    total = 0.0
    for cut in first.tolist():
        for name, measure in ((True, False), (False, True)):
            naming = [i for i, side in enumerate(cut) if side == name for _ in range(int(times[i]))]
            naming = naming or [i for i, side in enumerate(cut) if side == name]
            means = [round(statistics.fmean(overall[i][layer] for i in naming), 9) for layer in range(len(overall[0]))]
            best = means.index(max(means))
            total += sum(times[i] * overall[i][best] for i, side in enumerate(cut) if side == measure)
    return total / sum(times) / len(first)


def test_halves_are_halves_and_seeded():
    for n in (4, 7, 32):
        cuts = halves(n, 10)
        assert cuts.shape == (10, n) and (cuts.sum(1) == n // 2).all()
        np.testing.assert_array_equal(cuts, halves(n, 10))
        assert (cuts != halves(n, 10, seed=1)).any()


@pytest.mark.parametrize("seed", range(3))
def test_every_draw_equals_a_naive_loop(seed):
    overall = Truth.of(random_sweep(seed, facts=5)).overall  # coarse, so that ties are common
    weights, first = drawn_weights(5, 12, seed), halves(5, 4)
    expected = [naive_best(overall.tolist(), first, times) for times in weights.tolist()]
    assert expected[0] == pytest.approx(statistics.fmean(overall[i][layer] for i, layer in naive_named(overall, first)))
    shift = expected[0] - statistics.fmean(expected[1:])
    centred = [expected[0], *(value + shift for value in expected[1:])]
    np.testing.assert_allclose(held_out_best(overall, weights, first), centred, atol=2e-9)


def test_by_hand():
    """Two layers, four facts that all agree: whoever names it, the second layer is measured."""
    truth = Truth.of(sweep_of({"rewrite": [[10, 30], [20, 60], [0, 50], [40, 100]]}))
    weights = np.ones((1, 4))
    assert best_overall(truth, weights, in_sample=False)[0] == best_overall(truth, weights, in_sample=True)[0] == 60
    few = Truth.of(sweep_of({"rewrite": [[10, 30]] * (FEWEST - 1)}))
    assert np.isnan(best_overall(few, np.ones((2, 3)), in_sample=False)).all()
    assert (best_overall(few, np.ones((2, 3)), in_sample=True) == 30).all()


def test_a_value_hardly_depends_on_which_cuts_are_drawn_and_its_draws_are_around_it():
    """The same facts in ten orders, so cut in other ways: the reference moves by far less than a point."""
    overall = np.round(simulated(FLAT, 12, 0), 3)
    orders = [np.random.default_rng(seed).permutation(12) for seed in range(10)]
    best = [
        best_overall(Truth.of(sweep_of({"rewrite": overall[order].tolist()})), np.ones((1, 12)), in_sample=False)[0]
        for order in orders
    ]
    assert 0 < np.std(best) < 0.3
    weights = drawn_weights(12, 100, 0)
    drawn = best_overall(Truth.of(sweep_of({"rewrite": overall.tolist()})), weights, in_sample=False)
    assert drawn[0] == held_out_best(overall, weights[:1], halves(12))[0] == pytest.approx(drawn[1:].mean())


@pytest.mark.parametrize("means", [FLAT, SLOPE], ids=["flat", "slope"])
def test_on_halves_there_is_no_bias_and_on_the_same_facts_there_is(means):
    """Regret of layer 4 with 12 facts, 150 times: on halves, against the known means of the layers that they name; on
    the same facts, against those of the layer that is truly best, which is the larger regret."""
    halved, same = [], []
    for seed in range(150):
        overall = simulated(means, 12, seed)
        first = halves(12, 5, seed)
        named = np.array([layer for _fact, layer in _named(overall, first)])
        at_pick = overall[:, 4].mean()
        halved.append(held_out_best(overall, np.ones((1, 12)), first)[0] - at_pick - (means[named].mean() - means[4]))
        same.append(overall.mean(0).max() - at_pick - (means.max() - means[4]))
    for errors, biased in ((halved, False), (same, True)):
        assert (abs(np.mean(errors)) > 3 * np.std(errors) / 150**0.5) == biased
    assert np.mean(same) > 4  # points: a maximum over noise


@pytest.mark.parametrize("means", [FLAT, SLOPE, PEAK], ids=["flat", "slope", "peak"])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(means):
    """95 % of 32 facts, 80 times: within sampling error of that; the value lies in its interval every time."""
    covered = 0  # times
    for seed in range(80):
        overall = simulated(means, 32, seed)
        weights, first = drawn_weights(32, 150, seed), halves(32, 4, seed)
        best = held_out_best(overall, weights, first)
        regret = estimate(best - weights @ overall[:, 4] / 32, 32)
        truth = np.mean([means[layer] for _fact, layer in _named(overall, first)]) - means[4]
        assert regret.low <= regret.value <= regret.high
        covered += regret.low <= truth <= regret.high
    assert covered / 80 >= 0.88


def _named(overall, first):
    """`naive_named`, quickly."""
    for half in (*first, *~first):
        best = int(np.round(overall[half].mean(0), 9).argmax())
        yield from ((int(fact), best) for fact in np.flatnonzero(~half))
