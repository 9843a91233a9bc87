"""The two tables of layer scoring: what can be measured, and the scores that are views of a measurement.

A new measurement is one file with an iterator of rows and one line in MEASUREMENTS; a new score is one line in METHODS.
This module needs no torch: an implementation is imported when it is used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pkgutil import resolve_name
from typing import Any, Literal

import numpy as np
from pydantic.dataclasses import dataclass as settings_dataclass

from lga_core.errors import one_of
from lga_core.progress import Phase
from lga_core.results import METHOD_TITLES, Bootstrap, Cost, FactRow, LayerScores, Selection
from lga_core.scores.forecast.gain import Terms, gain, missing_terms, ranks
from lga_core.scores.rows import Rows, refused_first
from lga_core.scores.selection import Rank, Rule, bootstrap, no_pick, select
from lga_core.scores.settings import (
    CMA_VERSION,
    TRACE_PHASES,
    CmaSettings,
    ForecastSettings,
    GradientSettings,
    GradxactSettings,
    HiddenDistanceSettings,
    IgSettings,
    MeasurementSettings,
)
from lga_core.settings import Settings, flat_names, setting

Scope = Literal["mlp", "mlp-down", "attention", "block"]
Known = Literal["all", "known", "unknown"]
RANK_DIGITS = 9  # of a mean of ranks between 0 and 1: sums in another order differ only after them
FEWEST_TRACED = 8  # fewer usable facts: traces are shown, but no pick (METHOD.md §2)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Something that runs the model and gives one row of per-layer values a fact."""

    name: str
    phase: Phase  # of its progress
    version: int  # of its numbers: a change of them needs a new one, which is a part of the stored answer's key
    settings: type[MeasurementSettings]
    implementation: str  # "module:function" of its `Rows`

    @property
    def rows(self) -> Rows:
        """The implementation, which is given the facts that the model can be asked about; using it imports torch."""
        return partial(refused_first, resolve_name(self.implementation))


@settings_dataclass(frozen=True, kw_only=True)
class View(Settings):
    """Choices that need no new measurement; they turn stored rows into a score and a pick."""

    scope: Scope = setting("mlp", "Weights", "Of each block, whose gradients count in LGA.", source="LGA")
    normalize: Literal["raw", "cosine"] = setting("raw", "Products", "Raw, or divided by both norms.", source="LGA")
    rank: Rank = setting("signed", "Order of the totals", source="LGA")
    fences: float | None = setting(
        1.0,
        "Fence factor κ",
        "Layers outside of Q1 − κ·IQR to Q3 + κ·IQR are excluded.",
        source="LGA",
        ge=0,
        none_means="no fences",
    )
    known: Known = setting("all", "Facts that count")
    terms: Terms = setting(Terms, "Terms of the forecast's gain")
    top: int = setting(3, "Golden layers", source="LGA", ge=1)
    bootstrap: int = setting(1000, "Bootstrap draws", "0: no bootstrap.", ge=0)
    seed: int = setting(0, "Seed", "Of the bootstrap.", ge=0)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A score of layers: which measurement it reads, how a row becomes (L,) values, and how layers are picked."""

    name: str  # its title is in METHOD_TITLES
    measurement: str | None
    values: Callable[[FactRow, View], np.ndarray] | None
    total: Literal["sum", "mean"] = "mean"
    fenced: bool = False  # the paper's fences and signed or magnitude ranking belong to LGA
    fewest: int = 1  # usable facts below which there is no pick
    digits: int | None = None  # of a total; None: values of any size, of which none may be rounded away

    @property
    def title(self) -> str:
        return METHOD_TITLES[self.name]


def _product(row: FactRow, view: View) -> np.ndarray:
    product = row.values[f"product/{view.scope}"]
    if view.normalize == "raw":
        return product
    return product / _norms(row, view)


def _norms(row: FactRow, view: View) -> np.ndarray:
    return row.values[f"norm-old/{view.scope}"] * row.values[f"norm-new/{view.scope}"]


def _component(name: str, row: FactRow, view: View) -> np.ndarray:
    return row.values[name.format(scope=view.scope)]


def _forecast(row: FactRow, view: View) -> np.ndarray:
    return ranks(gain(row, view.terms))


_SCORES = "lga_core.scores"
_CAPTUM = f"{_SCORES}.attribution.layer_attribution"
_HIDDEN = f"{_SCORES}.hidden_distance:hidden_distance_rows"
MEASUREMENTS: Mapping[str, Measurement] = {
    name: Measurement(name=name, phase=phase, version=version, settings=settings, implementation=implementation)
    for name, phase, version, settings, implementation in (
        ("gradients", Phase.LGA, 3, GradientSettings, f"{_SCORES}.gradients.lga:gradient_rows"),
        *(
            (f"trace-{kind}", phase, CMA_VERSION, CmaSettings, f"{_SCORES}.tracing.cma:{kind}_rows")
            for kind, phase in TRACE_PHASES.items()
        ),
        ("gradxact", Phase.GRADIENT_ACTIVATION, 1, GradxactSettings, f"{_CAPTUM}:gradxact_rows"),
        ("ig", Phase.INTEGRATED_GRADIENTS, 1, IgSettings, f"{_CAPTUM}:ig_rows"),
        ("forecast", Phase.FORECAST, 2, ForecastSettings, f"{_SCORES}.forecast.forecast:forecast_rows"),
        ("hidden-distance", Phase.HIDDEN_DISTANCE, 1, HiddenDistanceSettings, _HIDDEN),
    )
}

METHODS: Mapping[str, Method] = {
    item.name: item
    for item in (
        Method(name="lga", measurement="gradients", values=_product, total="sum", fenced=True),
        *(
            Method(
                name=f"cma-{kind}",
                measurement=f"trace-{kind}",
                values=partial(_component, "effect"),
                fewest=FEWEST_TRACED,
            )
            for kind in TRACE_PHASES
        ),
        Method(name="gradxact", measurement="gradxact", values=partial(_component, "score")),
        Method(name="ig", measurement="ig", values=partial(_component, "score")),
        Method(name="gradnorm-old", measurement="gradients", values=partial(_component, "norm-old/{scope}")),
        Method(name="gradnorm-new", measurement="gradients", values=partial(_component, "norm-new/{scope}")),
        Method(name="forecast", measurement="forecast", values=_forecast, digits=RANK_DIGITS),
        Method(name="hidden-distance", measurement="hidden-distance", values=partial(_component, "distance")),
        Method(name="middle", measurement=None, values=None),
    )
}
ALIASES = {"cma": "cma-mlp"}


def method_named(name: str) -> Method:
    """The method of that name or alias. Raises LgaError with the names there are."""
    return one_of("method", name, {**METHODS, **{alias: METHODS[method] for alias, method in ALIASES.items()}})


def settings_read(method: Method) -> frozenset[str]:
    """The names of the settings and of the view's choices that this score depends on."""
    measured = MEASUREMENTS[method.measurement].settings if method.measurement is not None else None
    return frozenset((*described(method, View()), *(flat_names(measured) if measured is not None else ())))


def layer_scores(
    name: str, rows: Sequence[FactRow], layers: int, view: View, settings: Mapping[str, Any] | None = None
) -> LayerScores:
    """Score every layer from measured rows (plain numpy, at once)."""
    method = method_named(name)
    settings_shown = {**(settings or {}), **described(method, view)}
    rows = tuple(_left_out(row, method, view) for row in rows)
    if method.values is None:
        return _middle_scores(method, rows, layers, view, settings_shown)
    per_fact = np.full((len(rows), layers), np.nan)
    used = np.array([row.used for row in rows], dtype=bool)
    for place in np.flatnonzero(used):
        per_fact[place] = method.values(rows[place], view)
    scored = per_fact[used]  # (used facts, L)
    rule = _rule(method, view)
    total = rule.rounded(_total(method, scored))
    selection, resampled = _selection(method, scored, total, rule, view)
    return LayerScores(
        method=method.name,
        settings=settings_shown,
        rows=rows,
        per_fact=per_fact,
        total=total,
        total_is=method.total,
        selection=selection,
        bootstrap=resampled,
        cost=sum((row.cost for row in rows), Cost()),
    )


def _rule(method: Method, view: View) -> Rule:
    """How the pick is made of the totals."""
    if method.fenced:
        return Rule(fences=view.fences, rank=view.rank, top=view.top, digits=method.digits)
    return Rule(fences=None, rank="signed", top=view.top, digits=method.digits)


def _total(method: Method, scored: np.ndarray) -> np.ndarray:
    """Of the used facts' scores (n, L) their sum or mean (L,); NaN without a fact."""
    if not len(scored):
        return np.full(scored.shape[1], np.nan)
    return scored.sum(0) if method.total == "sum" else scored.mean(0)


def _selection(
    method: Method, scored: np.ndarray, total: np.ndarray, rule: Rule, view: View
) -> tuple[Selection, Bootstrap | None]:
    """The pick, or why there is none, and how firm it is."""
    facts = len(scored)
    if not facts:
        return no_pick("no usable fact"), None
    if facts < method.fewest:
        usable = "1 usable fact" if facts == 1 else f"{facts} usable facts"
        return no_pick(f"{usable}, at least {method.fewest} are needed for a pick"), None
    if not view.bootstrap or facts == 1:  # one fact can be drawn in one way only
        return select(total, rule), None
    drawn = bootstrap(scored, rule, mean=method.total == "mean", draws=view.bootstrap, seed=view.seed)
    return select(total, rule), drawn


def _middle_scores(
    method: Method, rows: tuple[FactRow, ...], layers: int, view: View, choices: Mapping[str, Any]
) -> LayerScores:
    """The baseline that measures nothing: layers by their distance from the middle one."""
    total = -np.abs(np.arange(layers) - layers // 2).astype(float)
    return LayerScores(
        method=method.name,
        settings=choices,
        rows=rows,
        total=total,
        total_is="mean",
        per_fact=np.tile(total, (len(rows), 1)),
        bootstrap=None,
        cost=Cost(),
        selection=select(total, Rule(fences=None, top=view.top)),
    )


def _left_out(row: FactRow, method: Method, view: View) -> FactRow:
    wanted = {"all": (True, False, None), "known": (True,), "unknown": (False,)}[view.known]
    if not row.used:
        return row
    reason = None if row.known in wanted else f"left out: {view.known} facts only"
    if reason is None and method.measurement == "forecast":
        reason = missing_terms(row, view.terms)
    if reason is None and method.fenced and view.normalize == "cosine" and not _norms(row, view).all():
        reason = "left out: a gradient is zero, which has no cosine"
    return row if reason is None else replace(row, status=reason, values={})


def described(method: Method, view: View) -> dict[str, Any]:
    """The choices that this score depends on."""
    settings: dict[str, Any] = {"known": view.known, "top": view.top}
    if method.measurement == "gradients":
        settings["scope"] = view.scope
    if method.measurement == "forecast":
        settings["terms"] = asdict(view.terms)
    if method.fenced:
        settings |= {"normalize": view.normalize, "rank": view.rank, "fences": view.fences}
    return settings
