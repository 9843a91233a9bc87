"""Races: error rates over many seeds, the budget, every round against a naive race, and the live one."""

import math
import statistics
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reporting import Collect
from scipy.stats import t as student
from worth.swept import QUIET, noisy, random_sweep, ranking_of, sweep_of

from lga_core.errors import LgaError
from lga_core.progress import Phase, Progress
from lga_core.results import Cost, Race
from lga_core.worth.racing import RaceBlock, RaceSettings, race
from lga_core.worth.selectors import pick_by_sweep
from lga_core.worth.simulated_race import simulate

# how often it is wrong


@pytest.mark.parametrize("coarse", [None, 25.0])
def test_a_layer_that_is_better_by_design_is_found_with_fewer_edits(coarse):
    """25 points above the next, cells spread by 20: a paired difference of 8 facts is 2.5 of its standard errors."""
    run = [
        simulate(
            noisy([40, 30, 65, 35, 20], seed, coarse=coarse), ranking_of((1, 4, 2, 0, 3)), replace(QUIET, seed=seed)
        )
        for seed in range(200)
    ]
    assert np.mean([one.layer == 2 for one in run]) >= 0.95
    assert np.mean([2 not in one.left for one in run]) <= 0.05
    assert np.mean([one.cells / one.most_cells for one in run]) < 0.75
    assert np.mean([len(one.left) == 1 for one in run]) > 0.9 and all(one.error == run[0].error for one in run)


@pytest.mark.parametrize(
    ("layers", "confidence", "coarse"), [(2, 0.95, None), (2, 0.8, None), (4, 0.8, None), (2, 0.8, 50.0)]
)
def test_a_layer_equal_to_the_leader_is_dropped_no_more_often_than_stated(layers, confidence, coarse):
    """All layers are equal, so whichever is called the best is dropped in at most 1 − confidence of the races, and
    not never, which any rule that drops nothing would do."""
    how, n = replace(QUIET, confidence=confidence), 400
    run = [
        simulate(noisy([50] * layers, seed, coarse=coarse), ranking_of(range(layers)), replace(how, seed=seed))
        for seed in range(n)
    ]
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
        wrong += any(
            differences[:n].mean() < -student.isf(0.05, n - 1) * differences[:n].std(ddof=1) / n**0.5
            for n in range(8, 33, 4)
        )
    assert wrong / 600 > 0.08


def test_agreement_of_a_few_facts_drops_nothing():
    """Differences without any spread: t alone would drop at two facts, by chance alone they agree at 2^−n."""
    one = simulate(sweep_of({"rewrite": [[60, 50]] * 12}), ranking_of((1, 0)), replace(QUIET, block=2))
    assert (one.error, one.looks) == (pytest.approx(0.05 / 3), 3)
    assert [(item.facts, item.could_drop) for item in one.rounds] == [(2, False), (4, False), (6, False), (8, True)]
    assert one.rounds[-1].dropped == {1: "10.0 points below layer 0 on 8 facts, at least 10.0 with an error of 0.017"}
    assert (one.layer, one.ending, one.left, one.cells, one.most_cells) == (0, "one layer left", (0,), 16, 24)


# the rules, one by one


def naive_race(sweep, layers, how, seed):
    """The same race with loops over records and the statistics module."""
    order = [int(record) for record in np.random.default_rng(seed).permutation(sorted(sweep.records))]
    overall = {
        record: dict(zip(sweep.layers, row.tolist(), strict=True))
        for record, row in zip(sweep.records, sweep.overall, strict=True)
    }
    layers = list(layers)[: how.candidates]
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
                half = student.isf(error, used - 1) * statistics.stdev(behind) / math.sqrt(used)
                if statistics.fmean(behind) - half > 1e-9:
                    dropped.add(layer)
        left = [layer for layer in left if layer not in dropped]
        rounds.append((used, leader, dropped, means))
    named = max(left, key=lambda layer: (round(rounds[-1][3][layer], 9), -layers.index(layer))) if rounds else left[0]
    return named, left, rounds


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    facts=st.integers(1, 14),
    block=st.integers(1, 5),
    candidates=st.integers(1, 6),
    confidence=st.sampled_from([0.3, 0.6, 0.95]),
)
def test_every_round_against_a_naive_race(seed, facts, block, candidates, confidence):
    sweep = random_sweep(seed, facts, 5)
    layers = np.random.default_rng(seed).permutation(5).tolist()
    how = RaceSettings(block=block, candidates=candidates, confidence=confidence, draws=20)
    one = simulate(sweep, ranking_of(layers), replace(how, seed=seed))
    named, left, rounds = naive_race(sweep, layers, how, seed)
    assert (one.layer, list(one.left)) == (named, left)
    assert [(item.facts, item.leader, set(item.dropped)) for item in one.rounds] == [item[:3] for item in rounds]
    for item, (_used, _leader, _dropped, means) in zip(one.rounds, rounds, strict=True):
        assert {standing.layer: standing.mean for standing in item.standings} == pytest.approx(means)
    before = [0, *(item.facts for item in one.rounds)]
    assert one.cells == sum(
        len(item.layers) * (item.facts - was) for was, item in zip(before, one.rounds, strict=False)
    )
    assert one.cost.seconds == pytest.approx(0.5 * one.cells)
    assert one.ending == ("one layer left" if len(left) == 1 else "no facts left")
    assert one.share is None or 0 <= one.share <= 1
    assert "NaN" not in one.to_json() and Race.from_json(one.to_json()).to_json() == one.to_json()


def test_the_whole_sweep_s_winner_is_named_where_nothing_is_dropped():
    for seed in range(20):
        sweep = random_sweep(seed, facts=9)
        one = simulate(sweep, ranking_of(range(5)), replace(QUIET, confidence=0.999, seed=seed))
        assert one.layer == pick_by_sweep(sweep).layer and one.left == one.candidates
        assert (one.cells, one.most_cells, one.cost) == (45, 45, sweep.cost)


def test_how_sure_it_is():
    """Two layers, differences of 100 and −100: the share of draws and the interval follow from the binomial."""
    after = [[100, 0]] * 10 + [[0, 100]] * 6
    one = simulate(sweep_of({"rewrite": after}), ranking_of((0, 1)), RaceSettings(block=16, draws=4000))
    assert (one.layer, one.runner_up, one.lead.value, one.lead.n) == (0, 1, 25, 16)
    share = sum(math.comb(16, k) * (10 / 16) ** k * (6 / 16) ** (16 - k) for k in range(8, 17))
    assert one.share == pytest.approx(share, abs=0.02)
    assert (one.lead.low, one.lead.high) == (pytest.approx(-25, abs=13), pytest.approx(75, abs=13))
    certain = simulate(sweep_of({"rewrite": [[100, 0, 50]] * 12}), ranking_of((0, 1, 2)), RaceSettings())
    assert (certain.share, certain.runner_up) == (1.0, 2)
    assert (certain.lead.value, certain.lead.low, certain.lead.high) == (50, 50, 50)


def test_one_layer_or_no_fact_needs_no_edit():
    sweep = random_sweep(0)
    alone = simulate(sweep, ranking_of((3, 1)), RaceSettings(candidates=1))
    assert (alone.layer, alone.ending, alone.cells, alone.rounds, alone.share) == (3, "one layer left", 0, (), None)
    assert alone.left == alone.candidates == (3,)
    none = simulate(random_sweep(0, facts=1, missing=[(0, 1)]), ranking_of((3, 1)), RaceSettings())
    assert (none.layer, none.ending, none.share, none.lead.value) == (3, "no facts left", None, None)


def test_a_fact_without_an_overall_is_not_compared():
    after = [[None, None], [80, 20], [90, 30]]
    one = simulate(sweep_of({"rewrite": after}), ranking_of((1, 0)), replace(QUIET, block=3))
    assert (one.rounds[0].facts, one.rounds[0].compared, one.layer, one.lead.n) == (3, 2, 0, 2)
    nothing = simulate(sweep_of({"rewrite": [[None, None]] * 2}), ranking_of((1, 0)), RaceSettings())
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
@given(
    seed=st.integers(0, 10_000),
    budget=st.floats(0.1, 60),
    first=st.floats(0, 20),
    rows=st.booleans(),
    block=st.integers(1, 6),
)
def test_the_budget_is_missed_by_less_than_one_block(seed, budget, first, rows, block):
    """Cells take 0.5 s and 4 rows, so both budgets come to the same."""
    assume(abs(first - budget) > 1e-6)
    sweep = random_sweep(seed, facts=12)
    how = replace(QUIET, block=block, **({"rows": 8 * budget} if rows else {"seconds": budget}))
    ranking = ranking_of(range(5), Cost(seconds=first, forward_rows=5 * first, backward_rows=3 * first))
    one = simulate(sweep, ranking, replace(how, seed=seed))
    spent = [first + 0.5 * cells for cells in (0, *(item.cells for item in one.rounds))]
    assert all(before < budget for before in spent[:-1])
    assert all(after <= budget + 1e-9 for after in spent[2:])  # after the first block, a block's cost is known
    assert one.spent.seconds == pytest.approx(spent[-1])
    if one.ending == "budget":  # and what is left is less than one more block
        assert spent[-1] + 0.5 * min(block, 12 - len(one.records)) * len(one.left) > budget - 1e-6
    if first >= budget:
        assert (one.rounds, one.layer, one.share) == ((), 0, None)


def test_progress_counts_cells_of_the_most_there_can_be():
    values = noisy([50] * 5, 3)
    for how in (QUIET, replace(QUIET, seconds=31.0), replace(QUIET, rows=333.0)):
        report = Collect()
        one = race(values.records, ranking_of(values.layers), measure_from(values), how, report=report)
        assert all(step.phase is Phase.RACE and step.done <= step.total for step in report.steps)
        assert (report.steps[-1].done, report.steps[-1].total) == (one.cells, one.cells)
        assert all(before.total >= after.total for before, after in pairwise(report.steps))
        assert [step.done for step in report.steps] == [item.cells for item in one.rounds]
    assert one.ending == "budget" and report.steps[0].total == 83  # 333 rows at 4 a cell


def test_steps_of_a_block_count_on_from_the_cells_before():
    values, report = noisy([50, 50], 3, facts=6), Collect()

    def measure(records, layers, tell):
        tell(Progress(phase=Phase.READ_TEXT, done=1, total=2))
        tell(Progress(phase=Phase.SWEEP, done=1, total=len(records) * len(layers), detail="layer 3"))
        return RaceBlock.of(values, records, layers)

    race(values.records, ranking_of(values.layers), measure, QUIET, report=report)
    steps = [(step.phase, step.done, step.total, step.detail) for step in report.steps]
    assert steps == [
        (Phase.READ_TEXT, 1, 2, ""),
        (Phase.RACE, 1, 12, "layer 3"),
        (Phase.RACE, 8, 12, ""),
        (Phase.READ_TEXT, 1, 2, ""),
        (Phase.RACE, 9, 12, "layer 3"),
        (Phase.RACE, 12, 12, ""),
    ]


def measure_from(sweep):
    return lambda records, layers, _report: RaceBlock.of(sweep, records, layers)
