"""Picks carried from set to set, and made from fewer facts: by hand, and against a naive loop."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worth.swept import facts_of, lga_scores, random_sweep, sweep_of

from lga_core.errors import LgaError
from lga_core.results import Result, Stability, Transfer
from lga_core.scores.methods import View, layer_scores
from lga_core.worth.ground_truth import Truth
from lga_core.worth.held_out import best_overall
from lga_core.worth.judging import judge
from lga_core.worth.selectors import SELECTORS, pick_by_scores, pick_by_sweep
from lga_core.worth.transfer import default_sizes, stability_of_scores, stability_of_sweep, transfer


def mean_of(sweep, layer):
    """Mean Overall there, over the finished facts, one at a time."""
    values = []
    for i, measured in enumerate(sweep.measured):
        if all(measured == 1):
            have = [sweep.after[name][i][sweep.layers.index(layer)] for name in sweep.has]
            values.append(statistics.fmean(value for value in have if not math.isnan(value)))
    return statistics.fmean(values)


def regret_of(sweep, layer):
    """In sample."""
    return max(mean_of(sweep, other) for other in sweep.layers) - mean_of(sweep, layer)


def held_out_regret_of(sweep, layer):
    truth = Truth.of(sweep)
    return best_overall(truth, np.ones((1, len(truth.records))), in_sample=False)[0] - mean_of(sweep, layer)


def goes_through_json(result: Result):
    text = result.to_json()
    assert "NaN" not in text and type(result).from_json(text).to_json() == text


def test_the_matrix_by_hand():
    sweeps = {
        "a": sweep_of({"rewrite": [[90, 50, 10]]}),
        "b": sweep_of({"rewrite": [[20, 30, 80]]}),
        "c": sweep_of({"rewrite": [[0, 70, 60]]}, missing=[(0, 1)]),
    }
    picks = {name: pick_by_sweep(sweep) for name, sweep in sweeps.items()}
    carried = transfer(picks, sweeps)
    assert (carried.sources, carried.targets, carried.layers, carried.n) == (("a", "b", "c"),) * 2 + (
        (0, 2, None),
        (1, 1, 0),
    )
    assert (carried.selector, carried.title) == ("brute-force", "Brute force")
    nan = math.nan
    np.testing.assert_array_equal(carried.regret, [[0, nan, nan], [nan, 0, nan], [nan, nan, nan]])
    np.testing.assert_array_equal(carried.overall, [[90, 20, nan], [10, 80, nan], [nan, nan, nan]])
    assert np.isnan(carried.low).all() and np.isnan(carried.high).all()  # one fact has no interval
    goes_through_json(carried)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_proxy_to_test_and_back_is_what_judge_says(seed):
    sweeps = {"proxy": random_sweep(seed), "test": random_sweep(seed + 1, facts=5, first=9, missing=[(1, 1)])}
    picks = {name: pick_by_sweep(sweep) for name, sweep in sweeps.items()}
    carried = transfer(picks, sweeps, draws=20, seed=seed)
    for i, source in enumerate(carried.sources):
        assert carried.regret[i, i] == 0
        for j, target in enumerate(carried.targets):
            (judged,) = judge(
                [picks[source]], sweeps[target], in_sample=source == target, draws=20, seed=seed
            ).selectors
            assert (
                carried.regret[i, j]
                == judged.regret.value
                == pytest.approx(
                    (regret_of if source == target else held_out_regret_of)(sweeps[target], picks[source].layer),
                    abs=2e-9,
                )
            )
            assert (carried.low[i, j], carried.high[i, j]) == (judged.regret.low, judged.regret.high)
            assert (
                carried.overall[i, j]
                == judged.overall.value
                == pytest.approx(mean_of(sweeps[target], picks[source].layer))
            )
    goes_through_json(carried)


def test_a_selector_s_pick_on_a_proxy_alone_is_judged_on_every_set():
    test = sweep_of({"rewrite": [[10, 40], [20, 60], [0, 50], [40, 100]]})
    pick = pick_by_scores(SELECTORS["lga"], lga_scores([[3, 1]]), (0, 1))
    carried = transfer({"proxy": pick}, {"test": test, "other": sweep_of({"rewrite": [[5, 5]]}, layers=(1, 2))})
    np.testing.assert_array_equal(carried.regret, [[45, np.nan]])  # layer 0 was not swept there
    assert (carried.sources, carried.targets) == (("proxy",), ("test", "other")) and carried.low[
        0, 0
    ] < 45 < carried.high[0, 0]
    same = transfer({"test": pick}, {"test": test}, held_out=True)
    assert same.regret[0, 0] == 45 and transfer({"test": pick}, {"test": test}).regret[0, 0] == 45


def test_only_like_is_compared_with_like():
    sweep, other = random_sweep(0), sweep_of({"rewrite": [[1.0] * 5]}, editor="rome")
    pick = pick_by_sweep(sweep)
    with pytest.raises(LgaError, match="several editors"):
        transfer({"a": pick}, {"a": sweep, "b": other})
    lga = pick_by_scores(SELECTORS["lga"], lga_scores([[1] * 5]), range(5))
    with pytest.raises(LgaError, match="not those of one selector"):
        transfer({"a": pick, "b": lga}, {"a": sweep})
    with pytest.raises(LgaError, match="not those of one selector"):
        transfer({}, {"a": sweep})


def naive_stability(pick, n, test, sizes, draws, seed):
    """share, silent, regret, overall of every size, draw by draw."""
    whole, columns = pick(list(range(n))), []
    for size in sizes:
        rng = np.random.default_rng([seed, size])
        picks = [pick(sorted(rng.choice(n, size, replace=False).tolist())) for _ in range(draws)]
        some = [layer for layer in picks if layer is not None]
        columns.append(
            (
                sum(layer == whole for layer in picks) / draws if whole is not None else math.nan,
                picks.count(None) / draws,
                statistics.fmean(held_out_regret_of(test, layer) for layer in some) if some else math.nan,
                statistics.fmean(mean_of(test, layer) for layer in some) if some else math.nan,
                sum(layer in (whole - 1, whole, whole + 1) for layer in some) / draws
                if whole is not None
                else math.nan,
            )
        )
    return whole, list(zip(*columns, strict=True))


def assert_stability(stability: Stability, whole, columns):
    assert stability.layer == whole
    for name, expected in zip(("share", "silent", "regret", "overall", "near"), columns, strict=True):
        np.testing.assert_allclose(getattr(stability, name), expected, atol=2e-9)
    goes_through_json(stability)


@pytest.mark.parametrize("seed", range(3))
def test_stability_of_the_brute_force_against_a_naive_loop(seed):
    proxy, test = random_sweep(seed, facts=7, missing=[(3, 0)]), random_sweep(seed + 50, facts=5, missing=[(0, 0)])
    finished = facts_of(proxy, [0, 1, 2, 4, 5, 6])

    def pick(facts):
        return pick_by_sweep(facts_of(finished, facts)).layer

    stability = stability_of_sweep(proxy, test, draws=12, seed=seed)
    assert (stability.selector, stability.sizes, stability.draws, stability.seed) == (
        "brute-force",
        (1, 2, 4, 6),
        12,
        seed,
    )
    assert_stability(stability, *naive_stability(pick, 6, test, stability.sizes, 12, seed))
    assert stability.share[-1] == 1  # all facts: always the same pick


@pytest.mark.parametrize("name", ["lga", "lga-magnitude", "gradnorm-new"])
def test_stability_of_scores_against_a_naive_loop(name):
    selector, test = SELECTORS[name], random_sweep(9)
    rows = lga_scores(np.random.default_rng(1).normal(size=(6, 5)), unused=[4]).rows
    scores = layer_scores(selector.method, rows, 5, selector.choices())

    def pick(facts):
        some = layer_scores(selector.method, [rows[i] for i in facts], 5, View(**selector.view))
        return some.selection.golden_layer

    stability = stability_of_scores(selector, scores, test, sizes=(1, 3, 6), draws=20, seed=2)
    assert_stability(stability, *naive_stability(pick, 6, test, (1, 3, 6), 20, 2))
    assert stability.share[-1] == 1 and stability.silent[0] > 0 == stability.silent[-1]  # one of six facts is not used


def test_a_selector_that_never_picks_has_no_stability():
    scores = layer_scores("cma-mlp", lga_scores([[1.0] * 5] * 3, unused=[0, 1, 2]).rows, 5, View())
    stability = stability_of_scores(SELECTORS["cma-mlp"], scores, random_sweep(0), draws=3)
    assert stability.layer is None and stability.sizes == (1, 2, 3) and (stability.silent == 1).all()
    assert np.isnan([stability.share, stability.regret, stability.overall]).all()
    goes_through_json(stability)


def test_the_middle_layer_holds_whatever_the_facts():
    scores = layer_scores("middle", lga_scores([[1.0] * 5] * 4).rows, 5, View())
    stability = stability_of_scores(SELECTORS["middle"], scores, random_sweep(0), draws=3)
    assert stability.layer == 2 and (stability.share == 1).all()
    assert (stability.near == 1).all() and set(stability.picks) == {2} and stability.firm == 1
    np.testing.assert_allclose(stability.regret, held_out_regret_of(random_sweep(0), 2), atol=2e-9)


def test_picks_are_among_the_layers_of_the_test_sweep():
    proxy = sweep_of({"rewrite": [[90, 10, 20], [80, 40, 30]]})
    test = sweep_of({"rewrite": [[10, 60]]}, layers=(1, 2))
    stability = stability_of_sweep(proxy, test, in_sample=True, sizes=(1, 2), draws=30)
    assert stability.layer == 1 and stability.share[1] == 1 and 0 < stability.share[0] < 1
    assert stability.regret[1] == 50 and stability.regret[0] == pytest.approx(50 * stability.share[0])


def test_a_pick_is_firm_where_proxies_drawn_again_pick_it_or_a_layer_beside_it():
    """Facts of two kinds, three to one: a bootstrap proxy picks layer 3 but where the other kind has the most."""
    test = random_sweep(0)
    one, other = [0, 0, 0, 1, 0], [1.01, 0, 0, 0, 0]
    scores = lga_scores([one, one, one, other], View(fences=None))
    stability = stability_of_scores(SELECTORS["lga-no-fences"], scores, test, draws=400, seed=1)
    chance = sum(math.comb(4, k) * 0.25**k * 0.75 ** (4 - k) for k in (0, 1))  # of at most one of the other kind
    assert stability.layer == 3 and stability.firm == pytest.approx(chance, abs=0.06)
    assert stability.picks[-1] == 3 and stability.near[-1] == 1
    beside = lga_scores([one, one, one, [0, 0, 1.01, 0, 0]], View(fences=None))
    assert stability_of_scores(SELECTORS["lga-no-fences"], beside, test, draws=40).firm == 1


def test_the_order_of_the_proxy_says_nothing():
    proxy, test = random_sweep(5), random_sweep(6)
    turned = facts_of(proxy, [3, 1, 5, 0, 2, 4])
    one, other = (stability_of_sweep(sweep, test, draws=9) for sweep in (proxy, turned))
    assert one.to_json() == other.to_json()
    scores = lga_scores(np.random.default_rng(1).normal(size=(6, 5)), View())
    again = layer_scores("lga", scores.rows[::-1], 5, View())
    one, other = (stability_of_scores(SELECTORS["lga"], item, test, draws=9) for item in (scores, again))
    assert one.to_json() == other.to_json()


def test_sizes():
    assert [default_sizes(n) for n in (0, 1, 2, 3, 12, 16)] == [
        (),
        (1,),
        (1, 2),
        (1, 2, 3),
        (1, 2, 4, 8, 12),
        (1, 2, 4, 8, 16),
    ]
    for size in (0, 7):
        with pytest.raises(LgaError, match=f"{size} facts cannot be drawn from 6"):
            stability_of_sweep(random_sweep(0), random_sweep(1), sizes=(size,))


def test_without_a_finished_fact_there_is_nothing_to_draw():
    empty = random_sweep(0, facts=1, missing=[(0, 0)])
    stability = stability_of_sweep(empty, random_sweep(1))
    assert (stability.layer, stability.sizes) == (None, ())
    judged_on_nothing = stability_of_sweep(random_sweep(1), empty, draws=3)
    assert judged_on_nothing.layer is not None and np.isnan(judged_on_nothing.regret).all()
    assert isinstance(transfer({"a": pick_by_sweep(empty)}, {"b": empty}), Transfer)
