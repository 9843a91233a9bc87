"""What the study's units say together: every selector over all of them, and some of them in pairs.

Every unit counts the same. Intervals are a bootstrap over the test facts within each unit, with units and picks held
fixed; units of one fact set draw the same facts. They do not say how other sets or models would turn out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from lga_core.results import METRICS, Across, Difference, Estimate, Pick, StudyUnit, Summary, Transfer
from lga_core.worth.ground_truth import Truth, drawn_weights, estimate
from lga_core.worth.judging import DRAWS, regrets
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
)
ANY = "any"  # no selector: a layer drawn at random

Drawn = Mapping[str, Mapping[str, np.ndarray]]  # selector -> measure -> (1 + draws,), the value first


def summary(
    units: Sequence[StudyUnit], *, selectors: Sequence[str] = TABLED, draws: int = DRAWS, seed: int = 0
) -> Summary:
    """Every selector's means over the units in which it has a pick, and the differences of `PAIRS`."""
    sets = sorted({unit.fact_set for unit in units})
    drawn = [_drawn(unit, draws, (seed, sets.index(unit.fact_set))) for unit in units]
    best = [measures[BEST] for measures in drawn]
    return Summary(
        units=len(units),
        facts=sum(len(unit.test.records) for unit in units),
        selectors=tuple(item for name in selectors if (item := _across(name, selectors, units, drawn)).units),
        any_layer={name: _mean(name, [measures[ANY] for measures in drawn], units) for name in MEASURED},
        best=_mean("overall", best, units),
        optimum=_mean("optimum", best, units),
        gap=_mean("below-optimum", best, units),
        differences=tuple(
            _difference(*pair, metric, units, drawn) for pair in PAIRS for metric in (*METRICS, "overall")
        ),
        same_layer=sum(_layer(unit, BRUTE_FORCE) == _best(Truth.of(unit.test)) for unit in units),
        draws=draws,
        seed=seed,
    )


def of_most(units: Sequence[StudyUnit]) -> tuple[StudyUnit, ...]:
    """The units of the editor that most of them are of: sets and models are compared with one editor."""
    editors = [unit.editor for unit in units]
    return tuple(unit for unit in units if unit.editor == max(editors, key=editors.count))


def in_sample(units: Sequence[StudyUnit]) -> tuple[StudyUnit, ...]:
    """The units with their picks judged on the very facts that they are from."""
    return tuple(replace(unit, test=unit.proxy) for unit in units)


def carried(units: Sequence[StudyUnit], selector: str) -> Transfer:
    """One selector's picks on every unit's proxy, each judged on every unit's test facts.

    Raises LgaError for units of several editors or settings.
    """
    picks = {unit.title: pick for unit in units for pick in unit.picks if pick.selector == selector}
    return transfer(picks, {unit.title: unit.test for unit in units})


def _drawn(unit: StudyUnit, draws: int, seed: tuple[int, int]) -> Drawn:
    """Every measure at every selector's layer, over the facts as they are and drawn again."""
    truth = Truth.of(unit.test)
    weights = drawn_weights(len(truth.records), draws, seed)
    means = {metric: truth.mean(metric, weights) for metric in (*METRICS, "overall")}
    optimum = weights @ truth.overall.max(1) / weights.sum(1)

    def at(layers: Sequence[int]) -> dict[str, np.ndarray]:
        columns = [truth.layers.index(layer) for layer in layers]
        measures = {metric: values[:, columns].mean(1) for metric, values in means.items()}
        regret = np.mean([regrets(truth, layer, weights) for layer in layers], axis=0)
        return measures | {"regret": regret, "optimum": optimum, "below-optimum": optimum - measures["overall"]}

    layers = {pick.selector: [pick.layer] for pick in unit.picks if pick.layer is not None}
    return {name: at(chosen) for name, chosen in (layers | {BEST: [_best(truth)], ANY: truth.layers}).items()}


def _across(selector: str, among: Sequence[str], units: Sequence[StudyUnit], drawn: Sequence[Drawn]) -> Across:
    mine = [
        (unit, _pick(unit, selector), measures)
        for unit, measures in zip(units, drawn, strict=True)
        if selector in measures
    ]
    costs = [(unit.proxy.cost, pick.cost) for unit, pick, _measures in mine if pick.cost.rows and pick.cost.seconds]
    return Across(
        selector=selector,
        title=mine[0][1].title if mine else selector,
        units=len(mine),
        measures={
            name: _mean(name, [measures[selector] for *_, measures in mine], [unit for unit, *_ in mine])
            for name in MEASURED
        },
        lowest=sum(
            _regret(measures, selector) <= min(_regret(measures, other) for other in among if other in measures)
            for *_, measures in mine
        ),
        fewer_rows=median(whole.rows / own.rows for whole, own in costs) if costs else None,
        faster=median(whole.seconds / own.seconds for whole, own in costs) if costs else None,
    )


def _difference(first: str, second: str, metric: str, units: Sequence[StudyUnit], drawn: Sequence[Drawn]) -> Difference:
    """One's layer less the other's on the same facts, where both have one and the set has the metric."""
    both = [
        (unit, measures[first][metric] - measures[second][metric])
        for unit, measures in zip(units, drawn, strict=True)
        if {first, second} <= set(measures)
    ]
    both = [(unit, values) for unit, values in both if not np.isnan(values[0])]
    values = [float(points[0]) for _unit, points in both]
    return Difference(
        first=first,
        second=second,
        metric=metric,
        units=len(both),
        above=sum(value > 0 for value in values),
        below=sum(value < 0 for value in values),
        least=min(values, default=None),
        most=max(values, default=None),
        mean=_mean(metric, [{metric: points} for _unit, points in both], [unit for unit, _points in both]),
    )


def _mean(name: str, measures: Sequence[Mapping[str, np.ndarray]], units: Sequence[StudyUnit]) -> Estimate:
    """Over the units that have it; `n` counts their test facts. A draw that lost it in one unit is left out."""
    present = [
        (unit, values[name]) for unit, values in zip(units, measures, strict=True) if not np.isnan(values[name][0])
    ]
    if not present:
        return Estimate()
    n = sum(Truth.of(unit.test).n("overall" if name not in METRICS else name) for unit, _values in present)
    return estimate(np.mean([values for _unit, values in present], axis=0), n)


def _regret(measures: Mapping[str, Mapping[str, np.ndarray]], selector: str) -> float:
    return float(measures[selector]["regret"][0])


def _pick(unit: StudyUnit, selector: str) -> Pick:
    return next(pick for pick in unit.picks if pick.selector == selector)


def _layer(unit: StudyUnit, selector: str) -> int | None:
    return _pick(unit, selector).layer


def _best(truth: Truth) -> int:
    return truth.layers[int(truth.mean("overall").argmax())]
