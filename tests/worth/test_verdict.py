"""The verdict of a sweep: which picks it judges, and on which facts."""

import numpy as np
from worth.swept import facts_of, lga_scores, random_sweep, sweep_of

from lga_core.worth.selectors import SELECTORS, pick_by_scores
from lga_core.worth.simulated_race import RACE, raced
from lga_core.worth.verdict import sweep_verdict

AFTER = {"rewrite": [[0, 50, 100], [0, 100, 50], [50, 100, 100]]}


def picks(worth) -> dict[str, int | None]:
    return {item.pick.selector: item.pick.layer for item in worth.selectors}


def test_the_brute_force_stands_beside_the_scored_selectors():
    proxy = sweep_of(AFTER)
    worth = sweep_verdict({"lga": lga_scores([[3.0, 2.0, 1.0]])}, proxy, proxy, in_sample=True, seed=0)
    assert picks(worth) == {"lga": 0, "brute-force": 1}
    assert worth.in_sample and worth.records == (0, 1, 2)


def test_picks_of_the_proxy_are_judged_by_the_test_facts():
    every = random_sweep(3)
    proxy = facts_of(every, [0, 1, 2])
    test = facts_of(every, [3, 4, 5])
    worth = sweep_verdict({}, proxy, test, in_sample=False, seed=0)
    in_sample = sweep_verdict({}, proxy, proxy, in_sample=True, seed=0)
    assert worth.records == (3, 4, 5) and not worth.in_sample
    assert picks(worth) == picks(in_sample)


def test_a_race_needs_the_forecast_and_every_cell_of_the_proxy():
    forecast = {"forecast": lga_scores([[3.0, 2.0, 1.0]])}
    whole = sweep_of(AFTER)
    partial = sweep_of(AFTER, missing=[(2, 2)])
    assert RACE in picks(sweep_verdict(forecast, whole, whole, in_sample=True, seed=0))
    assert RACE not in picks(sweep_verdict(forecast, partial, partial, in_sample=True, seed=0))
    assert RACE not in picks(sweep_verdict({}, whole, whole, in_sample=True, seed=0))


def test_the_race_and_the_bootstrap_have_the_verdict_s_seed():
    drawn = np.random.default_rng(0).normal([70, 60, 40, 30, 20, 10], 20, (24, 6))  # layers drop out in some round
    proxy = sweep_of({"rewrite": drawn.tolist()})
    scores = {"forecast": lga_scores([[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])}
    ranking = pick_by_scores(SELECTORS["forecast"], scores["forecast"], proxy.layers)
    costs = set()
    for seed in range(6):
        worth = sweep_verdict(scores, proxy, proxy, in_sample=True, seed=seed)
        (race,) = (item.pick for item in worth.selectors if item.pick.selector == RACE)
        own = raced(ranking, proxy, seed)
        assert (worth.seed, race.layer, race.cost) == (seed, own.layer, own.cost)
        costs.add(race.cost.seconds)
    assert len(costs) > 1
