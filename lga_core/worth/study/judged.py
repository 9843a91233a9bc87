"""The reproduction study: its selectors, and a unit's table of their layers on held-out facts (METHOD.md §6, §7)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lga_core.results import METRICS, Estimate, SelectorWorth, Stability, StudyUnit, Worth
from lga_core.scores.forecast.gain import Terms
from lga_core.worth.ground_truth import Truth
from lga_core.worth.held_out import best_overall
from lga_core.worth.judging import judge
from lga_core.worth.selectors import READINGS, SELECTORS, Selector
from lga_core.worth.simulated_race import RACE

WITH_FEWER = (  # picked again from fewer proxy facts
    *READINGS,
    *("cma-mlp", "cma-hidden", "cma-attn"),
    *("gradnorm-old", "gradnorm-new", "hidden-distance"),
    "forecast",
)
TABLED = (*WITH_FEWER, "middle", RACE, "brute-force")  # the rows of the table
AT_RANDOM = "A layer drawn at random"  # a row of the table, no selector

_TERMS = {
    "cut at bounds": Terms(saturating=False),
    "rewrite alone": Terms(rephrase=None, locality=None),
    "rephrase alone": Terms(rewrite=None, locality=None),
    "locality alone": Terms(rewrite=None, rephrase=None),
    "without rewrite": Terms(rewrite=None),
    "without rephrase": Terms(rephrase=None),
    "without locality": Terms(locality=None),
    "locality twice": Terms(locality=replace(Terms().locality, weight=2.0)),
    "all tokens of the rewrite": Terms(whole_rewrite=True),
}
FORECASTS = (  # the forecast, taken apart; none of these is offered elsewhere
    *(
        Selector(name=f"forecast: {words}", title=f"Forecast, {words}", method="forecast", view={"terms": terms})
        for words, terms in _TERMS.items()
    ),
    Selector(
        name="forecast: with portability",
        title="Forecast, with portability",
        method="forecast",
        measured={"portability": True},
    ),
    Selector(
        name="forecast: one probe a group",
        title="Forecast, one probe a group",
        method="forecast",
        measured={"probes": 1},
    ),
    Selector(
        name="forecast: one probe, cut",
        title="Forecast, one probe a group, cut at bounds",
        method="forecast",
        measured={"probes": 1},
        view={"terms": _TERMS["cut at bounds"]},
    ),
)
STUDIED = (*(item for item in SELECTORS.values() if item.method and (item.quick or item.name in TABLED)), *FORECASTS)


def verdict(unit: StudyUnit) -> Worth:
    """What the unit's test facts say of the proxy's picks."""
    return judge(unit.picks, unit.test, in_sample=False, seed=unit.settings["seed"])


def stability(unit: StudyUnit) -> tuple[Stability, ...]:
    """How its picks hold with fewer proxy facts; regret as in its table, whatever it was when the unit was measured."""
    truth = Truth.of(unit.test)
    best = best_overall(truth, np.ones((1, len(truth.records))), in_sample=False)[0]
    return tuple(replace(item, regret=best - item.overall) for item in unit.stability)


def table_rows(unit: StudyUnit) -> list[dict[str, Any]]:
    """A row a selector, one of a layer drawn at random (exactly: the mean over layers), and one of the sample-wise
    optimum; percent and points, each metric with its n."""
    worth = verdict(unit)
    by_name = {item.pick.selector: item for item in worth.selectors}
    rows = [_selector_row(unit, by_name[name]) for name in TABLED if name in by_name]
    at_random = {name: Estimate(value=float(np.mean(worth.mean[name])), n=worth.n[name]) for name in worth.makeup}
    return [
        *rows,
        _row(unit, AT_RANDOM, at_random, worth.any_layer, worth.any_regret),
        _row(unit, "Sample-wise optimum", {}, worth.optimum, Estimate()),
    ]


def _row(
    unit: StudyUnit, title: str, metrics: Mapping[str, Estimate], overall: Estimate, regret: Estimate, **pick: Any
) -> dict[str, Any]:
    """A row of the table; `pick`: what a selector's row has beyond that of what is no selector."""
    without_pick = dict.fromkeys(("firm", "rows", "seconds", "fewer_rows", "faster", "reason"))
    return {
        "model": unit.model,
        "set": unit.title,
        "editor": unit.editor,
        "selector": title,
        "layer": None,
        **_metrics(metrics),
        "fluency": None,
        "fluency_n": 0,
        **_interval("overall", overall),
        **_interval("regret", regret),
        **without_pick,
        **pick,
    }


def _metrics(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Each metric and its n; None and 0 where there is none."""
    all_four = {name: estimates.get(name, Estimate()) for name in METRICS}
    return {key: value for name, item in all_four.items() for key, value in ((name, item.value), (f"{name}_n", item.n))}


def _selector_row(unit: StudyUnit, worth: SelectorWorth) -> dict[str, Any]:
    pick = worth.pick
    brute = unit.proxy.cost
    fluency = unit.fluency.get(pick.layer, Estimate())
    return _row(
        unit,
        pick.title,
        worth.metrics,
        worth.overall,
        worth.regret,
        layer=pick.layer,
        fluency=fluency.value,
        fluency_n=fluency.n,
        firm=next((item.firm for item in unit.stability if item.selector == pick.selector), None),
        rows=pick.cost.rows,
        seconds=pick.cost.seconds,
        fewer_rows=brute.rows / pick.cost.rows if pick.cost.rows else None,
        faster=brute.seconds / pick.cost.seconds if pick.cost.seconds else None,
        reason=pick.reason,
    )


def _interval(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high, f"{name}_n": estimate.n}
