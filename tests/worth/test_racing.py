"""Races: error rates over many seeds, the budget, every round against a naive race, and the live one."""

import math
import statistics
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from conftest import drain, tiny_model
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from worth.swept import random_sweep, sweep_of

from lga_core.data.load import load_facts
from lga_core.editing.rank_one import RankOneSettings
from lga_core.editing.value import ValueSettings
from lga_core.errors import LgaError
from lga_core.results import Cost, Pick, Race, RaceStep, SweepStep
from lga_core.runs.races import finished_race
from lga_core.runs.races import race as live_race
from lga_core.runs.store import Store
from lga_core.runs.sweeps import sweep
from lga_core.worth.racing import Block, RaceSettings, race, simulate
from lga_core.worth.selectors import pick_by_sweep
from lga_core.worth.student import quantile, within
from lga_core.worth.tradeoff import regret_against_cost
from lga_core.worth.truth import Truth

QUIET = RaceSettings(draws=0)                # no bootstrap, where only the rounds are looked at


def ranking_of(layers, cost=None, reason=None) -> Pick:
    return Pick(selector="forecast", title="Forecast", layer=next(iter(layers), None), ranking=tuple(layers),
                layers=tuple(range(10)), scores=np.zeros(10), own_layer=None, n_facts=1, reason=reason,
                cost=cost or Cost())


def noisy(means, seed, facts=32, spread=20.0, coarse=None):
    """A sweep whose Overall is the layer's mean plus what the fact and the cell add; `coarse`: in steps of so much."""
    rng = np.random.default_rng([seed, 1])
    values = np.array(means) + rng.normal(0, spread, (facts, 1)) + rng.normal(0, spread, (facts, len(means)))
    return replace(flat(*values.shape), after={**flat(*values.shape).after,
                                               "rewrite": np.round(values / coarse) * coarse if coarse else values})


@cache
def flat(facts, layers):
    """Making cells takes longer than racing them: they are made once."""
    return sweep_of({"rewrite": np.zeros((facts, layers)).tolist()})


# quantiles

@pytest.mark.parametrize(("tail", "df", "expected"), [
    (0.025, 1, 12.7062), (0.025, 2, 4.30265), (0.005, 3, 5.84091), (0.025, 10, 2.22814), (0.001, 30, 3.38518),
    (0.0005, 7, 5.40788), (0.025, 120, 1.97993), (0.1, 4, 1.53321)])
def test_quantiles_of_t_are_those_of_the_tables(tail, df, expected):
    assert quantile(tail, df) == pytest.approx(expected, rel=1e-5)


@given(df=st.integers(1, 200), t=st.floats(0.01, 30))
def test_t_is_the_integral_of_its_density(df, t):
    at = np.linspace(0, t, 20_001)
    constant = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    assert within(t, df) == pytest.approx(2 * constant * np.trapezoid((1 + at**2 / df)**(-(df + 1) / 2), at), abs=1e-6)


# how often it is wrong

@pytest.mark.parametrize("coarse", [None, 25.0])
def test_a_layer_that_is_better_by_design_is_found_with_fewer_edits(coarse):
    """25 points above the next, cells spread by 20: a paired difference of 8 facts is 2.5 of its standard errors."""
    run = [simulate(noisy([40, 30, 65, 35, 20], seed, coarse=coarse), ranking_of((1, 4, 2, 0, 3)), QUIET, [seed])[0]
           for seed in range(200)]
    assert np.mean([one.layer == 2 for one in run]) >= 0.95
    assert np.mean([2 not in one.left for one in run]) <= 0.05
    assert np.mean([one.cells / one.most_cells for one in run]) < 0.75
    assert np.mean([one.certain for one in run]) > 0.9 and all(one.error == run[0].error for one in run)


@pytest.mark.parametrize(("layers", "confidence", "coarse"), [
    (2, 0.95, None), (2, 0.8, None), (4, 0.8, None), (2, 0.8, 50.0)])
def test_a_layer_equal_to_the_leader_is_dropped_no_more_often_than_stated(layers, confidence, coarse):
    """All layers are equal, so whichever is called the best is dropped in at most 1 − confidence of the races, and
    not never, which any rule that drops nothing would do."""
    how, n = replace(QUIET, confidence=confidence), 400
    run = [simulate(noisy([50] * layers, seed, coarse=coarse), ranking_of(range(layers)), how, [seed])[0]
           for seed in range(n)]
    assert (run[0].looks, run[0].error) == (7, pytest.approx((1 - confidence) / (layers - 1) / 7))
    wrong = np.array([[layer not in one.left for layer in range(layers)] for one in run]).mean(0)
    assert (wrong <= 1 - confidence).all()
    assert wrong.sum() > 0.1 * (1 - confidence)


def test_looking_without_a_correction_goes_wrong_more_often_than_stated():
    """What the correction is for: the same two equal layers, each look at 5 %."""
    wrong = 0
    for seed in range(600):
        values = noisy([50, 50], seed).overall
        order = np.random.default_rng(seed).permutation(32)
        differences = (values[:, 0] - values[:, 1])[order]
        wrong += any(differences[:n].mean() < -quantile(0.05, n - 1) * differences[:n].std(ddof=1) / n**0.5
                     for n in range(8, 33, 4))
    assert wrong / 600 > 0.08


def test_agreement_of_a_few_facts_drops_nothing():
    """Differences without any spread: t alone would drop at two facts, by chance alone they agree at 2^−n."""
    one, = simulate(sweep_of({"rewrite": [[60, 50]] * 12}), ranking_of((1, 0)), replace(QUIET, block=2))
    assert (one.error, one.looks) == (pytest.approx(0.05 / 3), 3)
    assert [(item.facts, item.could_drop) for item in one.rounds] == [(2, False), (4, False), (6, False), (8, True)]
    assert one.rounds[-1].dropped == {1: "10.0 points below layer 0 on 8 facts, at least 10.0 with an error of 0.017"}
    assert (one.layer, one.ending, one.certain, one.cells, one.most_cells) == (0, "one layer left", True, 16, 24)


# the rules, one by one

def naive_race(sweep, layers, how, seed):
    """The same race with loops over records and the statistics module."""
    order = [int(record) for record in np.random.default_rng(seed).permutation(sorted(sweep.records))]
    overall = {record: dict(zip(sweep.layers, row.tolist(), strict=True))
               for record, row in zip(sweep.records, sweep.overall, strict=True)}
    layers = list(layers)[:how.candidates]
    missed = (1 - how.confidence) / max(len(layers) - 1, 1)
    ends = [*range(how.block, len(order), how.block), len(order)]
    possible = [end for place, end in enumerate(ends) if 2.0**-end <= missed / (len(ends) - place)]
    error = missed / max(len(possible), 1)
    left, used, rounds = layers, 0, []
    while len(left) > 1 and used < len(order):
        used = min(used + how.block, len(order))
        means = {layer: statistics.fmean(overall[record][layer] for record in order[:used]) for layer in left}
        leader = max(left, key=lambda layer: (round(means[layer], 9), -layers.index(layer)))
        dropped = set()
        for layer in left:
            behind = [overall[record][leader] - overall[record][layer] for record in order[:used]]
            if used in possible and used > 1:
                half = quantile(error, used - 1) * statistics.stdev(behind) / math.sqrt(used)
                if statistics.fmean(behind) - half > 1e-9:
                    dropped.add(layer)
        left = [layer for layer in left if layer not in dropped]
        rounds.append((used, leader, dropped, means))
    named = max(left, key=lambda layer: (round(rounds[-1][3][layer], 9), -layers.index(layer))) if rounds else left[0]
    return named, left, rounds


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), facts=st.integers(1, 14), block=st.integers(1, 5), candidates=st.integers(1, 6),
       confidence=st.sampled_from([0.3, 0.6, 0.95]))
def test_every_round_against_a_naive_race(seed, facts, block, candidates, confidence):
    sweep = random_sweep(seed, facts, 5)
    layers = np.random.default_rng(seed).permutation(5).tolist()
    how = RaceSettings(block=block, candidates=candidates, confidence=confidence, draws=20)
    one, = simulate(sweep, ranking_of(layers), how, [seed])
    named, left, rounds = naive_race(sweep, layers, how, seed)
    assert (one.layer, list(one.left)) == (named, left)
    assert [(item.facts, item.leader, set(item.dropped)) for item in one.rounds] == [item[:3] for item in rounds]
    for item, (_used, _leader, _dropped, means) in zip(one.rounds, rounds, strict=True):
        assert {standing.layer: standing.mean for standing in item.standings} == pytest.approx(means)
    before = [0, *(item.facts for item in one.rounds)]
    assert one.cells == sum(len(item.layers) * (item.facts - was)
                            for was, item in zip(before, one.rounds, strict=False))
    assert one.cost.seconds == pytest.approx(0.5 * one.cells)
    assert one.ending == ("one layer left" if len(left) == 1 else "no facts left")
    assert one.share is None or 0 <= one.share <= 1
    assert "NaN" not in one.to_json() and Race.from_json(one.to_json()).to_json() == one.to_json()


def test_the_whole_sweep_s_winner_is_named_where_nothing_is_dropped():
    for seed in range(20):
        sweep = random_sweep(seed, facts=9)
        one, = simulate(sweep, ranking_of(range(5)), replace(QUIET, confidence=0.999), [seed])
        assert one.layer == pick_by_sweep(sweep).layer and one.left == one.candidates and not one.certain
        assert (one.cells, one.most_cells, one.cost) == (45, 45, sweep.cost)


def test_how_sure_it_is():
    """Two layers, differences of 100 and −100: the share of draws and the interval follow from the binomial."""
    after = [[100, 0]] * 10 + [[0, 100]] * 6
    one, = simulate(sweep_of({"rewrite": after}), ranking_of((0, 1)), RaceSettings(block=16, draws=4000))
    assert (one.layer, one.runner_up, one.lead.value, one.lead.n) == (0, 1, 25, 16)
    share = sum(math.comb(16, k) * (10 / 16)**k * (6 / 16)**(16 - k) for k in range(8, 17))
    assert one.share == pytest.approx(share, abs=0.02)
    assert (one.lead.low, one.lead.high) == (pytest.approx(-25, abs=13), pytest.approx(75, abs=13))
    certain, = simulate(sweep_of({"rewrite": [[100, 0, 50]] * 12}), ranking_of((0, 1, 2)), RaceSettings())
    assert (certain.share, certain.runner_up) == (1.0, 2)
    assert (certain.lead.value, certain.lead.low, certain.lead.high) == (50, 50, 50)


def test_one_layer_or_no_fact_needs_no_edit():
    sweep = random_sweep(0)
    alone, = simulate(sweep, ranking_of((3, 1)), RaceSettings(candidates=1))
    assert (alone.layer, alone.ending, alone.cells, alone.rounds, alone.share) == (3, "one layer left", 0, (), None)
    assert not alone.certain
    none, = simulate(random_sweep(0, facts=1, missing=[(0, 1)]), ranking_of((3, 1)), RaceSettings())
    assert (none.layer, none.ending, none.share, none.lead.value) == (3, "no facts left", None, None)


def test_a_fact_without_an_overall_is_not_compared():
    after = [[None, None], [80, 20], [90, 30]]
    one, = simulate(sweep_of({"rewrite": after}), ranking_of((1, 0)), replace(QUIET, block=3))
    assert (one.rounds[0].facts, one.rounds[0].compared, one.layer, one.lead.n) == (3, 2, 0, 2)
    nothing, = simulate(sweep_of({"rewrite": [[None, None]] * 2}), ranking_of((1, 0)), RaceSettings())
    assert (nothing.layer, nothing.rounds[0].leader, nothing.share) == (1, None, None)


def test_what_cannot_be_raced_is_refused():
    with pytest.raises(LgaError, match="Forecast ranks no layer: no usable fact"):
        simulate(random_sweep(0), ranking_of((), reason="no usable fact"), RaceSettings())
    with pytest.raises(LgaError, match="no layer 7"):
        simulate(random_sweep(0), ranking_of((7, 1)), RaceSettings())
    for wrong in ({"block": 0}, {"candidates": 0}, {"confidence": 1.0}, {"seconds": 0.0}, {"rows": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RaceSettings(**wrong)


# the budget

@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), budget=st.floats(0.1, 60), first=st.floats(0, 20), rows=st.booleans(),
       block=st.integers(1, 6))
def test_the_budget_is_missed_by_less_than_one_block(seed, budget, first, rows, block):
    """Cells take 0.5 s and 4 rows, so both budgets come to the same."""
    assume(abs(first - budget) > 1e-6)
    sweep = random_sweep(seed, facts=12)
    how = replace(QUIET, block=block, **({"rows": 8 * budget} if rows else {"seconds": budget}))
    ranking = ranking_of(range(5), Cost(seconds=first, forward_rows=5 * first, backward_rows=3 * first))
    one, = simulate(sweep, ranking, how, [seed])
    spent = [first + 0.5 * cells for cells in (0, *(item.cells for item in one.rounds))]
    assert all(before < budget for before in spent[:-1])
    assert all(after <= budget + 1e-9 for after in spent[2:])          # after the first block, a block's cost is known
    assert one.spent.seconds == pytest.approx(spent[-1])
    if one.ending == "budget":                                         # and what is left is less than one more block
        assert spent[-1] + 0.5 * min(block, 12 - len(one.records)) * len(one.left) > budget - 1e-6
    if first >= budget:
        assert (one.rounds, one.layer, one.share) == ((), 0, None)


def test_steps_count_cells_of_the_most_there_can_be():
    values = noisy([50] * 5, 3)
    for how in (QUIET, replace(QUIET, seconds=31.0), replace(QUIET, rows=333.0)):
        steps, one = _watched(_race_of(values, how))
        assert all(isinstance(step, RaceStep) and step.done <= step.total for step in steps)
        assert (steps[-1].done, steps[-1].total) == (one.cells, one.cells)
        assert all(before.total >= after.total for before, after in pairwise(steps))
        assert tuple(step.round for step in steps) == one.rounds
    assert one.ending == "budget" and steps[0].total == 83             # 333 rows at 4 a cell


def _race_of(sweep, how):
    def measure(records, layers):
        yield from ()
        return Block.of(sweep, records, layers)

    return race(sweep.records, ranking_of(sweep.layers), measure, how)


def _watched(steps):
    shown = []
    while True:
        try:
            shown.append(next(steps))
        except StopIteration as end:
            return shown, end.value


# regret against cost

def test_regret_against_cost():
    proxy, test = noisy([40, 30, 65, 35, 20], 0), noisy([40, 30, 65, 35, 20], 1, facts=20)
    bad, none = ranking_of((4, 1), Cost(seconds=2)), ranking_of((), reason="no usable fact")
    how = {"five": (ranking_of((4, 0, 1, 2, 3), Cost(seconds=7)), QUIET), "one": (bad, replace(QUIET, candidates=1))}
    whole = pick_by_sweep(proxy)
    points = regret_against_cost([bad, none, whole], how, proxy, test, seeds=range(30), draws=50)
    worst, silent, brute, five, one = points
    means = Truth.of(test).mean("overall")
    assert (worst.layers, worst.cost.seconds, worst.cells, worst.seeds) == ({4: 1.0}, 2, 0, 1)
    assert (worst.regret.value, worst.overall.value) == pytest.approx((means.max() - means[4], means[4]))
    assert worst.regret.low < worst.regret.value < worst.regret.high
    assert (silent.layers, silent.regret.value) == ({}, None)
    assert (brute.layers, brute.cost, brute.cells, brute.regret.value) == ({2: 1.0}, proxy.cost, 160, 0)
    races = simulate(proxy, how["five"][0], QUIET, range(30))
    assert five.cells == pytest.approx(np.mean([item.cells for item in races])) and five.cells < 160
    assert five.cost.seconds == pytest.approx(7 + 0.5 * five.cells) and five.seeds == 30
    named = [means[item.layer] for item in races]
    assert five.overall.value == pytest.approx(np.mean(named))
    assert five.regret.value == pytest.approx(means.max() - np.mean(named)) and sum(five.layers.values()) == 1
    assert (one.layers, one.cells, one.regret) == (worst.layers, 0, worst.regret)
    with pytest.raises(LgaError, match="Forecast names layer 4, which the test did not sweep"):
        regret_against_cost([bad], {}, proxy, noisy([1, 2], 0))


# the live one

EDITING = RankOneSettings(value=ValueSettings(steps=3), contexts=1, covariance="identity")
HOW = RaceSettings(candidates=3, block=2, confidence=0.3, draws=50)
ORDER = (2, 0, 3, 1)


@pytest.fixture(scope="module")
def some():
    return load_facts("world").facts[:8]


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float64)


@contextmanager
def forwards(model):
    rows = []
    handle = model.architecture.embedding.register_forward_hook(lambda module, given, output: rows.append(len(output)))
    try:
        yield rows
    finally:
        handle.remove()


def ask(model, facts, store, how=HOW):
    return live_race(model, "world", facts, ranking_of(ORDER), "r-rome", EDITING, how, store)


def test_the_live_race_is_the_simulated_one_and_is_run_once(model, some, tmp_path):
    store, other = Store(tmp_path / "raced"), Store(tmp_path / "swept")
    asked = (model, "world", some, ranking_of(ORDER), "r-rome", EDITING)
    assert finished_race(*asked, HOW, store) is None
    steps, (live, stored) = _watched(ask(model, some, store))
    assert not stored.from_store and (stored.complete, stored.rows, stored.reused) == (True, live.cells, 0)
    assert live.cells < live.most_cells                                # a layer was dropped
    told = [step for step in steps if step.label == "race"]
    assert sum(len(step.cells) for step in told if isinstance(step, SweepStep)) == live.cells
    assert all(before.done <= after.done for before, after in pairwise(told))
    assert told[-1].done == told[-1].total == live.cells

    whole, _ = drain(sweep(model, "world", some, range(4), "r-rome", EDITING, other))
    found, = simulate(whole, ranking_of(ORDER), HOW)
    assert _without_seconds(live) == _without_seconds(found)
    for mine, its in zip(live.rounds, found.rounds, strict=True):
        assert (mine.cost.forward_rows, mine.cost.backward_rows) == pytest.approx(
            (its.cost.forward_rows, its.cost.backward_rows))

    with forwards(model) as run:
        again, stored = drain(ask(model, some[::-1], store))           # the order of the file says nothing
        after, swept = drain(ask(model, some, other))
        read, _ = finished_race(*asked, HOW, store)
    assert run == [] and stored.from_store and swept.from_store
    assert again == live == read and _without_seconds(after) == _without_seconds(live)
    _, stored = drain(sweep(model, "world", some, range(4), "r-rome", EDITING, store))
    assert (stored.complete, stored.rows, stored.reused) == (True, 32, live.cells)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_stopped_race_goes_on_where_it_was(model, some, tmp_path, steps):
    store = Store(tmp_path / "stopped")
    begun, cells = ask(model, some[:4], store), 0
    for step in begun:
        cells += len(step.cells) if isinstance(step, SweepStep) else 0
        if cells >= steps:
            break
    begun.close()
    one, stored = drain(ask(model, some[:4], store))
    assert (stored.rows, stored.reused) == (one.cells, cells)
    whole, _ = drain(ask(model, some[:4], Store(tmp_path / "whole")))
    assert _without_seconds(one) == _without_seconds(whole)


def test_other_layers_of_the_same_facts_are_no_cells_of_the_race(model, some, tmp_path):
    store = Store(tmp_path / "runs")
    drain(sweep(model, "world", some[:2], (1, 3), "r-rome", EDITING, store))
    for reused in (2, 6):
        one, stored = drain(ask(model, some[:2], store))
        assert (one.candidates, one.cells, stored.rows, stored.reused) == ((2, 0, 3), 6, 6, reused)


def _without_seconds(found: Race) -> Race:
    rounds = tuple(replace(item, cost=Cost()) for item in found.rounds)
    return replace(found, rounds=rounds, cost=Cost())
