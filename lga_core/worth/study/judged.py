"""The reproduction study: its selectors, and a unit's table of their layers on held-out facts (METHOD.md §6, §7)."""

from dataclasses import replace
from typing import Any

from lga_core.results import METRICS, Estimate, SelectorWorth, StudyUnit, Worth
from lga_core.scores.forecast.gain import Terms
from lga_core.worth.judging import judge
from lga_core.worth.racing import RACE
from lga_core.worth.selectors import READINGS, SELECTORS, Selector

TABLED = (*READINGS, "cma-mlp", "middle", "forecast", RACE, "brute-force")  # the rows of the table
WITH_FEWER = ("lga", "lga-answer", "cma-mlp", "forecast")  # picked again from fewer proxy facts

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
STUDIED = (*(item for item in SELECTORS.values() if item.method and item.quick), *FORECASTS)


def verdict(unit: StudyUnit) -> Worth:
    """What the unit's test facts say of the proxy's picks."""
    return judge(unit.picks, unit.test, in_sample=False, seed=unit.settings["seed"])


def table_rows(unit: StudyUnit) -> list[dict[str, Any]]:
    """A row a selector, and one of the sample-wise optimum; percent and points, each metric with its n."""
    worth = verdict(unit)
    by_name = {item.pick.selector: item for item in worth.selectors}
    rows = [_row(unit, by_name[name]) for name in TABLED if name in by_name]
    nothing = {key: value for metric in METRICS for key, value in ((metric, None), (f"{metric}_n", 0))}
    return [
        *rows,
        {
            "model": unit.model,
            "set": unit.title,
            "editor": unit.editor,
            "selector": "Sample-wise optimum",
            "layer": None,
            **nothing,
            "fluency": None,
            "fluency_n": 0,
            **_interval("overall", worth.optimum),
            **_interval("regret", Estimate()),
            "rows": None,
            "seconds": None,
            "fewer_rows": None,
            "faster": None,
            "reason": None,
        },
    ]


def _row(unit: StudyUnit, worth: SelectorWorth) -> dict[str, Any]:
    pick = worth.pick
    brute = unit.proxy.cost
    fluency = unit.fluency.get(pick.layer, Estimate())
    metrics = {name: worth.metrics.get(name, Estimate()) for name in METRICS}
    return {
        "model": unit.model,
        "set": unit.title,
        "editor": unit.editor,
        "selector": pick.title,
        "layer": pick.layer,
        **{
            key: value
            for metric, estimate in metrics.items()
            for key, value in ((metric, estimate.value), (f"{metric}_n", estimate.n))
        },
        "fluency": fluency.value,
        "fluency_n": fluency.n,
        **_interval("overall", worth.overall),
        **_interval("regret", worth.regret),
        "rows": pick.cost.rows,
        "seconds": pick.cost.seconds,
        "fewer_rows": brute.rows / pick.cost.rows if pick.cost.rows else None,
        "faster": brute.seconds / pick.cost.seconds if pick.cost.seconds else None,
        "reason": pick.reason,
    }


def _interval(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high, f"{name}_n": estimate.n}
