"""What the study's units say together: every selector over all of them, and some of them in pairs.

Every unit counts the same. Intervals are a hierarchical bootstrap: units are drawn, and within each its test facts,
anew each time that the unit is drawn; picks are held fixed. Units of one fact set draw the same facts, and all
selectors the same units and facts, so that differences are paired. METHOD.md §6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import numpy as np

from lga_core.results import METRICS, Across, Answers, Difference, Estimate, Pick, StudyUnit, Summary, Transfer
from lga_core.worth.ground_truth import Truth, drawn_weights, estimate
from lga_core.worth.held_out import best_overall
from lga_core.worth.judging import DRAWS
from lga_core.worth.selectors import BRUTE_FORCE
from lga_core.worth.study.judged import TABLED
from lga_core.worth.transfer import transfer

MEASURED = (*METRICS, "overall", "regret", "below-optimum")
BEST = "best"  # no selector: the layer that is best for the test facts themselves
PAIRS = (
    ("lga", "cma-mlp"),
    ("lga-answer", "cma-mlp"),
    ("lga", "lga-answer"),
    ("forecast", "lga"),
    ("forecast", "lga-answer"),
    ("forecast", "cma-mlp"),
    ("lga", "middle"),
    ("lga-answer", "middle"),
    ("forecast", "middle"),
)
ANY = "any"  # no selector: a layer drawn at random

Drawn = Mapping[str, Mapping[str, np.ndarray]]  # selector -> measure -> (1 + copies,), the facts as they are first


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bootstrap:
    """Units with their measures over the facts as they are, and over facts drawn for each copy of the unit."""

    units: Sequence[StudyUnit]
    drawn: Sequence[Drawn]  # by unit
    judged_on: Sequence[Truth]  # by unit
    copied_in: Sequence[np.ndarray]  # by unit, (1 + copies,) the draw that each copy is in; 0: the units as they are
    draws: int

    def mean(self, metric: str, values: Sequence[np.ndarray | None]) -> Estimate:
        """Of what each unit has (None: nothing) over those that have it; `n` counts their facts."""
        present = [i for i, value in enumerate(values) if value is not None and not np.isnan(value[0])]
        if not present:
            return Estimate()
        copies = np.concatenate([values[i] for i in present])
        draw = np.concatenate([self.copied_in[i] for i in present])
        kept = ~np.isnan(copies)  # a copy without a fact that has the metric
        total = np.bincount(draw[kept], copies[kept], minlength=1 + self.draws)
        count = np.bincount(draw[kept], minlength=1 + self.draws)
        n = sum(self.judged_on[i].n(metric if metric in METRICS else "overall") for i in present)
        return estimate(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0), n)

    def measure(self, selector: str, name: str) -> Estimate:
        """A measure at a selector's layers."""
        return self.mean(name, [measures.get(selector, {}).get(name) for measures in self.drawn])


def summary(
    units: Sequence[StudyUnit],
    *,
    selectors: Sequence[str] = TABLED,
    in_sample: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Summary:
    """Every selector's means over the units in which it has a pick, and the differences of `PAIRS`.

    `in_sample`: judged on the very facts that the picks are from, which flatters them.
    """
    sets = sorted({unit.fact_set for unit in units})
    truths = [Truth.of(unit.proxy if in_sample else unit.test) for unit in units]
    copies = drawn_weights(len(units), draws, (seed, len(sets)))[1:].astype(int)  # (draws, units)
    if len(units) == 1 and len(truths[0].records) > 1:  # one unit has nothing to be drawn from, its facts have
        copies = np.ones((draws, 1), dtype=int)
    rounds = 1 + np.arange(len(copies))
    weights = [
        _fact_weights(len(truth.records), own, copies.max(initial=0), (seed, sets.index(unit.fact_set)))
        for unit, truth, own in zip(units, truths, copies.T, strict=True)
    ]
    study = _Bootstrap(
        units=units,
        drawn=[_drawn(*each, in_sample) for each in zip(units, truths, weights, strict=True)],
        judged_on=truths,
        copied_in=[np.append(0, np.repeat(rounds, own)) for own in copies.T],
        draws=len(copies),
    )
    return Summary(
        units=len(units),
        facts=sum(len(truth.records) for truth in truths),
        different=different_facts(units, truths),
        with_regret=sum(not np.isnan(measures[ANY]["regret"][0]) for measures in study.drawn),
        selectors=tuple(item for name in selectors if (item := _across(name, selectors, study)).units),
        any_layer={name: study.measure(ANY, name) for name in MEASURED},
        best=study.measure(BEST, "overall"),
        optimum=study.measure(BEST, "optimum"),
        gap=study.measure(BEST, "below-optimum"),
        differences=tuple(_difference(*pair, metric, study) for pair in PAIRS for metric in (*METRICS, "overall")),
        same_layer=sum(_pick(unit, BRUTE_FORCE).layer == _best(Truth.of(unit.test)) for unit in units),
        draws=draws,
        seed=seed,
    )


def different_facts(units: Sequence[StudyUnit], truths: Sequence[Truth]) -> int:
    """Of these units' facts, those that are not the same: a record of a set is one fact, however many judge by it."""
    return len({(unit.fact_set, record) for unit, truth in zip(units, truths, strict=True) for record in truth.records})


def of_most(units: Sequence[StudyUnit]) -> tuple[StudyUnit, ...]:
    """The units of the editor that most of them are of: sets and models are compared with one editor."""
    editors = [unit.editor for unit in units]
    return tuple(unit for unit in units if unit.editor == max(editors, key=editors.count))


def by_protocol(units: Sequence[StudyUnit]) -> tuple[tuple[StudyUnit, ...], ...]:
    """The units apart by how their sweeps were made: only like units are compared. Those measured last come first.

    Alike are the editor's settings, and which accepted answer of a probe counted.
    """
    groups: list[list[StudyUnit]] = []
    for unit in units:
        like = next((group for group in groups if _protocol(group[0]) == _protocol(unit)), None)
        if like is None:
            groups.append([unit])
        else:
            like.append(unit)
    latest = sorted(groups, key=lambda group: max(unit.provenance.created for unit in group), reverse=True)
    return tuple(map(tuple, latest))


def _protocol(unit: StudyUnit) -> tuple[Mapping[str, Any], Answers]:
    return unit.test.settings, unit.test.answers


def carried(units: Sequence[StudyUnit], selector: str) -> Transfer:
    """One selector's picks on every unit's proxy, each judged on every unit's test facts.

    Raises LgaError for units of several editors or settings.
    """
    picks = {unit.title: pick for unit in units for pick in unit.picks if pick.selector == selector}
    return transfer(picks, {unit.title: unit.test for unit in units}, held_out=True)


def _fact_weights(n: int, copies: np.ndarray, most: int, seed: tuple[int, int]) -> np.ndarray:
    """(1 + copies.sum(), n): every fact once, then facts drawn anew for each copy of a unit, draw by draw.

    `copies` (draws,): how often each draw has the unit. The k-th copies of two units in one draw have the same facts
    where seed and n are the same; `most`: the copies that any unit has, so that the stream of random numbers is too.
    """
    drawn = drawn_weights(n, len(copies) * most, seed)[1:]
    if not len(drawn):  # one fact has nothing to be drawn from
        return np.ones((1 + copies.sum(), n))
    has = np.arange(most) < copies[:, None]  # (draws, most)
    return np.concatenate([np.ones((1, n)), drawn[has.ravel()]])


def _drawn(unit: StudyUnit, truth: Truth, weights: np.ndarray, in_sample: bool) -> Drawn:
    """Every measure at every selector's layer, over the facts as they are and drawn again by `weights`."""
    means = {metric: truth.mean(metric, weights) for metric in (*METRICS, "overall")}
    best = best_overall(truth, weights, in_sample=in_sample)
    optimum = weights @ truth.overall.max(1) / weights.sum(1)

    def at(layers: Sequence[int]) -> dict[str, np.ndarray]:
        columns = [truth.layers.index(layer) for layer in layers]
        measures = {metric: values[:, columns].mean(1) for metric, values in means.items()}
        return measures | {"regret": best - measures["overall"], "below-optimum": optimum - measures["overall"]}

    layers = {pick.selector: [pick.layer] for pick in unit.picks if pick.layer is not None}
    return {name: at(chosen) for name, chosen in (layers | {ANY: truth.layers}).items()} | {
        BEST: {"overall": best, "optimum": optimum, "below-optimum": optimum - best}
    }


def _across(selector: str, among: Sequence[str], study: _Bootstrap) -> Across:
    mine = [
        (unit, _pick(unit, selector), measures)
        for unit, measures in zip(study.units, study.drawn, strict=True)
        if selector in measures
    ]
    costs = [(unit.proxy.cost, pick.cost) for unit, pick, _measures in mine if pick.cost.rows and pick.cost.seconds]
    firm = [item.firm for unit in study.units for item in unit.stability if item.selector == selector]
    known = [share for share in firm if share is not None]
    return Across(
        selector=selector,
        title=mine[0][1].title if mine else selector,
        units=len(mine),
        measures={name: study.measure(selector, name) for name in MEASURED},
        highest=sum(
            _overall(measures, selector) >= max(_overall(measures, other) for other in among if other in measures)
            for *_, measures in mine
        ),
        fewer_rows=median(whole.rows / own.rows for whole, own in costs) if costs else None,
        faster=median(whole.seconds / own.seconds for whole, own in costs) if costs else None,
        firm=fmean(known) if known else None,
    )


def _difference(first: str, second: str, metric: str, study: _Bootstrap) -> Difference:
    """One's layer less the other's on the same facts, where both have one and the set has the metric."""
    both = [
        measures[first][metric] - measures[second][metric] if {first, second} <= set(measures) else None
        for measures in study.drawn
    ]
    values = [float(points[0]) for points in both if points is not None and not np.isnan(points[0])]
    return Difference(
        first=first,
        second=second,
        metric=metric,
        units=len(values),
        above=sum(value > 0 for value in values),
        below=sum(value < 0 for value in values),
        least=min(values, default=None),
        most=max(values, default=None),
        mean=study.mean(metric, both),
    )


def _overall(measures: Mapping[str, Mapping[str, np.ndarray]], selector: str) -> float:
    return float(measures[selector]["overall"][0])


def _pick(unit: StudyUnit, selector: str) -> Pick:
    return next(pick for pick in unit.picks if pick.selector == selector)


def _best(truth: Truth) -> int:
    return truth.layers[int(truth.mean("overall").argmax())]
