"""Units together, against means in plain loops: who is left out where, draws that are shared, what is recommended."""

from dataclasses import replace
from statistics import fmean, median

import numpy as np
import pytest
from view.made_study import unit

from lga_core.errors import LgaError
from lga_core.results import METRICS
from lga_core.worth.ground_truth import Truth, drawn_weights
from lga_core.worth.held_out import best_overall
from lga_core.worth.judging import judge
from lga_core.worth.study.across import by_protocol, carried, of_most, summary

NAMES = ("lga", "cma-mlp", "middle", "brute-force")


@pytest.fixture(scope="module")
def units():
    return (unit(0), unit(1, fact_set="other"), unit(2, model="second", n=9, without="cma-mlp"))


@pytest.fixture(scope="module")
def over(units):
    return summary(units, selectors=NAMES, draws=200)


def judged(one, selector):
    return next(
        item
        for item in judge(one.picks, one.test, in_sample=False, draws=0).selectors
        if item.pick.selector == selector
    )


def test_every_selectors_means_are_those_of_its_units(units, over):
    assert (over.units, over.facts, over.different) == (3, 33, 27)  # two units of one set share 6
    for item in over.selectors:
        mine = [judged(one, item.selector) for one in units]
        mine = [worth for worth in mine if worth.pick.layer is not None]
        assert item.units == len(mine) == (2 if item.selector == "cma-mlp" else 3)
        for name, estimate in item.measures.items():
            values = [
                worth.metrics[name] if name in METRICS else getattr(worth, name.replace("-", "_")) for worth in mine
            ]
            assert estimate.value == pytest.approx(fmean(value.value for value in values))
            assert estimate.n == sum(value.n for value in values)
            assert estimate.low <= estimate.value <= estimate.high
        if item.selector == "middle":
            assert (item.fewer_rows, item.faster) == (None, None)
            continue
        costs = [(one.proxy.cost, worth.pick.cost) for one, worth in zip(units, mine, strict=False)]
        assert item.faster == pytest.approx(median(whole.seconds / own.seconds for whole, own in costs))
        assert item.fewer_rows == pytest.approx(
            median(
                (whole.forward_rows + whole.backward_rows) / (own.forward_rows + own.backward_rows)
                for whole, own in costs
            )
        )
    assert [item.selector for item in over.selectors] == list(NAMES)


def test_the_highest_overall_is_counted_among_those_compared(units, over):
    counted = dict.fromkeys(NAMES, 0)
    for one in units:
        reached = {name: judged(one, name).overall.value for name in NAMES}
        reached = {name: value for name, value in reached.items() if value is not None}
        for name in reached:
            counted[name] += reached[name] == max(reached.values())
    assert {item.selector: item.highest for item in over.selectors} == counted
    (alone,) = summary(units, selectors=["middle"], draws=0).selectors
    assert alone.highest == 3


def test_a_layer_drawn_at_random_is_the_mean_over_layers(units, over):
    means = [one.test.mean("overall") for one in units]
    assert over.any_layer["overall"].value == pytest.approx(fmean(mean.mean() for mean in means))
    best = [best_overall(Truth.of(one.test), np.ones((1, len(one.test.records))), in_sample=False)[0] for one in units]
    assert over.any_layer["regret"].value == pytest.approx(
        fmean(of_halves - mean.mean() for of_halves, mean in zip(best, means, strict=True))
    )
    assert over.best.value == pytest.approx(fmean(best))
    assert over.any_layer["rephrase"].value == pytest.approx(fmean(one.test.mean("rephrase").mean() for one in units))


def test_what_no_selector_can_pass(units, over):
    optimum = [one.test.overall.max(1).mean() for one in units]
    assert over.optimum.value == pytest.approx(fmean(optimum)) and over.best.value < over.optimum.value
    assert over.gap.value == pytest.approx(fmean(optimum) - over.best.value) and over.gap.n == over.best.n == 33
    assert over.same_layer == sum(
        one.proxy.mean("overall").argmax() == one.test.mean("overall").argmax() for one in units
    )


def test_two_selectors_are_compared_where_both_have_a_pick(units, over):
    for metric in (*METRICS, "overall"):
        difference = over.difference("lga", "cma-mlp", metric)
        pairs = [(judged(one, "lga"), judged(one, "cma-mlp")) for one in units[:2]]
        values = [
            (lga.overall.value - cma.overall.value)
            if metric == "overall"
            else lga.metrics[metric].value - cma.metrics[metric].value
            for lga, cma in pairs
        ]
        assert difference.units == 2 and difference.mean.value == pytest.approx(fmean(values))
        assert (difference.least, difference.most) == pytest.approx((min(values), max(values)))
        assert (difference.above, difference.below) == (sum(v > 0 for v in values), sum(v < 0 for v in values))
    none = summary(units[2:], selectors=NAMES, draws=10).difference("lga", "cma-mlp")
    assert (none.units, none.mean.value, none.least) == (0, None, None)


def test_units_of_one_set_draw_the_same_facts():
    """Twice the same unit: where both are drawn their facts are the same ones, where one is drawn twice they are not.
    The variance is 1/2 · 1 + 1/2 · 1/2 of the unit alone. Another set of the same numbers draws its own facts: 1/2."""
    one = unit(0)
    alone, twice, other = (
        summary(units, selectors=["lga"], draws=2000).selectors[0].measures["overall"]
        for units in ((one,), (one, replace(one, model="again")), (one, replace(one, fact_set="zzz")))
    )
    assert twice.value == other.value == alone.value
    for estimate, variance in ((twice, 0.75), (other, 0.5)):
        assert (estimate.high - estimate.low) / (alone.high - alone.low) == pytest.approx(variance**0.5, abs=0.06)


def test_units_are_drawn_and_facts_within_them_as_in_a_plain_loop(units):
    """The same draws, unit by unit, copy by copy and fact by fact; differences are of the same draws."""
    over = summary(units, selectors=["lga", "middle"], draws=30, seed=3)
    sets = sorted({one.fact_set for one in units})
    counts = drawn_weights(3, 30, (3, len(sets)))[1:].astype(int)
    most = int(counts.max())
    assert most > 1
    facts = [
        drawn_weights(len(one.test.records), 30 * most, (3, sets.index(one.fact_set)))[1:].reshape(30, most, -1)
        for one in units
    ]
    means: dict[str, list[float]] = {"lga": [], "middle": []}
    for name, drawn in means.items():
        columns = []  # by unit: each fact's Overall at the pick
        for one in units:
            layer = next(pick.layer for pick in one.picks if pick.selector == name)
            columns.append([one.test.overall[fact][layer] for fact in np.argsort(one.test.records)])
        drawn.append(fmean(fmean(column) for column in columns))
        for draw in range(30):
            copies = []
            for column, times, weights in zip(columns, counts[draw], facts, strict=True):
                for copy in range(times):
                    again = [[value] * int(w) for value, w in zip(column, weights[draw][copy], strict=True)]
                    copies.append(fmean(value for values in again for value in values))
            drawn.append(fmean(copies))
    for item in over.selectors:
        low, high = np.quantile(means[item.selector][1:], [0.025, 0.975])
        estimate = item.measures["overall"]
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((means[item.selector][0], low, high))
    paired = np.subtract(means["lga"], means["middle"])
    mean = over.difference("lga", "middle").mean
    assert (mean.value, mean.low, mean.high) == pytest.approx((paired[0], *np.quantile(paired[1:], [0.025, 0.975])))


def test_the_interval_over_units_covers_the_mean_of_all_units_and_is_no_wider_than_its_draws_make_it():
    """Ten units whose rewrite is drawn around 50, 40 times: what the unit adds, and noise of each fact and layer.

    A mean of copies with facts of their own has a variance that can be written down: that of the units drawn, and of
    the facts within each. With one draw of facts for all copies of a unit the intervals were 1.14 times as wide."""
    one = unit(0, n=12, layers=4)
    shape = one.test.after["rewrite"].shape
    covered, against_draws, against_truth = 0, [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        many, columns = [], []
        for i in range(10):
            rewrite = 50 + rng.normal(0, 10) + rng.normal(0, 34.6, shape)
            test = replace(one.test, after={**one.test.after, "rewrite": rewrite})
            many.append(replace(one, fact_set=f"set {i}", test=test))
            columns.append(rewrite[:, 2])  # the middle of four layers
        middle = summary(many, selectors=["middle"], draws=200, seed=seed).selectors[0].measures["rewrite"]
        covered += middle.low <= 50 <= middle.high
        of_units, of_facts = np.mean(columns, axis=1).var() / 10, np.var(columns, axis=1).mean() / 12 / 10
        against_draws.append((middle.high - middle.low) / (2 * 1.96 * (of_units + of_facts) ** 0.5))
        against_truth.append((middle.high - middle.low) / (2 * 1.96 * ((10**2 + 34.6**2 / 12) / 10) ** 0.5))
    assert covered >= 35
    assert fmean(against_draws) == pytest.approx(1, abs=0.05)
    assert 1 <= fmean(against_truth) <= 1.2  # noise of facts is in the spread of the units too, so it counts twice


def test_a_unit_with_too_few_facts_for_halves_has_no_regret(units):
    few = unit(7, fact_set="few", n=3)
    over = summary((*units, few), selectors=["lga"], draws=20)
    assert (over.units, over.with_regret) == (4, 3)
    lga = over.selectors[0]
    assert lga.measures["regret"].n == 33 and lga.measures["overall"].n == 36
    alone = summary((few,), selectors=["lga"], draws=20)
    assert alone.recommended is None and alone.selectors[0].measures["regret"].value is None


def test_a_metric_that_a_unit_lacks_is_of_the_others(units):
    lacking = {**units[1].test.after, "rephrase": np.full_like(units[1].test.after["rephrase"], np.nan)}
    lga = summary((units[0], replace(units[1], test=replace(units[1].test, after=lacking))), draws=0).selectors[0]
    assert lga.measures["rephrase"].value == judged(units[0], "lga").metrics["rephrase"].value
    assert lga.measures["rephrase"].n == 12 and lga.measures["rewrite"].n == 24


def test_recommended_is_who_has_a_pick_everywhere_and_sweeps_least(over, units):
    able = [item for item in over.selectors if item.selector in ("lga", "middle")]
    assert over.recommended == min(able, key=lambda item: item.measures["regret"].value)
    assert summary(units, selectors=["cma-mlp", "brute-force"], draws=0).recommended is None


def test_in_sample_the_brute_force_has_no_regret(units):
    (item,) = summary(units, selectors=["brute-force"], in_sample=True, draws=0).selectors
    assert item.measures["regret"].value == 0


def test_picks_are_carried_between_the_sets_of_a_model(units):
    table = carried(units[:2], "lga")
    assert table.sources == table.targets == ("Set world", "Set other")
    for i, source in enumerate(units[:2]):
        layer = next(pick.layer for pick in source.picks if pick.selector == "lga")
        for j, target in enumerate(units[:2]):
            mean = target.test.mean("overall")
            best = best_overall(Truth.of(target.test), np.ones((1, 12)), in_sample=False)[0]
            assert table.layers[i] == layer and table.regret[i, j] == pytest.approx(best - mean[layer])
    with pytest.raises(LgaError, match="several editors"):
        carried((units[0], replace(units[1], test=replace(units[1].test, editor="ft-m"))), "lga")


def test_units_of_other_settings_stand_apart_and_the_latest_come_first(units):
    later = replace(units[0].provenance, created="2999-01-01T00:00:00+00:00")
    changed = replace(units[0].test, settings={**units[0].test.settings, "contexts": 9})
    other = replace(units[0], test=changed, provenance=later)
    assert by_protocol((*units, other)) == ((other,), units) and by_protocol(()) == ()
    with pytest.raises(LgaError, match="settings"):
        carried((units[1], other), "lga")
    counted = "first" if units[0].test.answers == "best" else "best"
    otherwise = replace(units[0], test=replace(units[0].test, answers=counted), provenance=later)
    assert by_protocol((*units, otherwise)) == ((otherwise,), units), "another accepted answer counted"


def test_the_editor_of_most_units(units):
    other = unit(5, editor="ft-m")
    assert of_most((other, *units)) == units and of_most(()) == ()
