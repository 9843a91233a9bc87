"""The two tables of layer scoring: what can be measured, and the scores that are views of a measurement.

A new measurement is one file with a generator of rows and one line in MEASUREMENTS; a new score is one line in METHODS.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Literal, get_args

import numpy as np

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.results import Cost, FactRow, LayerScores, Progress, SurveyRow
from lga_core.scores import attribution, cma, forecast, lga
from lga_core.scores.gain import Terms, gain, missing_terms, ranks
from lga_core.scores.selection import Rank, Rule, bootstrap, no_pick, select

Scope = Literal["mlp", "mlp-down", "attention", "block"]
Known = Literal["all", "known", "unknown"]
FEWEST_TRACED = 8                            # fewer usable facts: traces are shown, but no pick (METHOD §2)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Something that runs the model and yields one row of per-layer values a fact, and its progress to the first."""

    name: str
    version: int
    settings: type                           # a frozen dataclass with defaults
    rows: Callable[[LoadedModel, Sequence[Fact], Sequence[SurveyRow], Any, Collection[int]],
                   Iterator[FactRow | Progress]]


@dataclass(frozen=True, kw_only=True)
class View:
    """Choices that need no new measurement; they turn stored rows into a score and a pick."""

    scope: Scope = "mlp"
    normalize: Literal["raw", "cosine"] = "raw"
    rank: Rank = "signed"
    fences: float | None = 1.0
    known: Known = "all"
    terms: Terms = field(default_factory=Terms)          # of the forecast's gain
    top: int = 3
    bootstrap: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (("scope", Scope), ("rank", Rank), ("known", Known)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}")
        if self.normalize not in ("raw", "cosine"):
            raise ValueError("normalize must be raw or cosine")
        if self.fences is not None and self.fences < 0:
            raise ValueError("fences must be at least 0, or none")


@dataclass(frozen=True, kw_only=True)
class Method:
    """A score of layers: which measurement it reads, how a row becomes (L,) values, and how layers are picked."""

    name: str
    title: str
    measurement: str | None
    values: Callable[[FactRow, View], np.ndarray] | None
    total: Literal["sum", "mean"] = "mean"
    fenced: bool = False                     # the paper's fences and signed or magnitude ranking belong to LGA
    fewest: int = 1                          # usable facts below which there is no pick


def _product(row: FactRow, view: View) -> np.ndarray:
    product = row.values[f"product/{view.scope}"]
    if view.normalize == "raw":
        return product
    norms = row.values[f"norm-old/{view.scope}"] * row.values[f"norm-new/{view.scope}"]
    return np.divide(product, norms, out=np.zeros_like(product), where=norms > 0)


def _component(name: str, row: FactRow, view: View) -> np.ndarray:
    return row.values[name.format(scope=view.scope)]


def _forecast(row: FactRow, view: View) -> np.ndarray:
    return ranks(gain(row, view.terms))


def _trace(kind: str) -> Measurement:
    def rows(model: LoadedModel, facts: Sequence[Fact], survey: Sequence[SurveyRow], settings: cma.CmaSettings,
             done: Collection[int] = frozenset()) -> Iterator[FactRow]:
        return cma.cma_rows(model, facts, survey, kind, settings, done)

    return Measurement(name=f"trace-{kind}", version=cma.VERSION, settings=cma.CmaSettings, rows=rows)


MEASUREMENTS: Mapping[str, Measurement] = {item.name: item for item in (
    Measurement(name="gradients", version=lga.VERSION, settings=lga.GradientSettings, rows=lga.gradient_rows),
    _trace("mlp"), _trace("hidden"), _trace("attn"),
    Measurement(name="gradxact", version=attribution.GRADXACT_VERSION, settings=attribution.GradxactSettings,
                rows=attribution.gradxact_rows),
    Measurement(name="ig", version=attribution.IG_VERSION, settings=attribution.IgSettings, rows=attribution.ig_rows),
    Measurement(name="forecast", version=forecast.VERSION, settings=forecast.ForecastSettings,
                rows=forecast.forecast_rows),
)}

METHODS: Mapping[str, Method] = {item.name: item for item in (
    Method(name="lga", title="LGA", measurement="gradients", values=_product, total="sum", fenced=True),
    *(Method(name=f"cma-{kind}", title=f"CMA, {words}", measurement=f"trace-{kind}",
             values=partial(_component, "effect"), fewest=FEWEST_TRACED)
      for kind, words in (("mlp", "MLP"), ("hidden", "hidden state"), ("attn", "attention"))),
    Method(name="gradxact", title="Gradient × activation", measurement="gradxact", values=partial(_component, "score")),
    Method(name="ig", title="Integrated gradients", measurement="ig", values=partial(_component, "score")),
    Method(name="gradnorm-old", title="Gradient norm, old answer", measurement="gradients",
           values=partial(_component, "norm-old/{scope}")),
    Method(name="gradnorm-new", title="Gradient norm, new answer", measurement="gradients",
           values=partial(_component, "norm-new/{scope}")),
    Method(name="forecast", title="Forecast", measurement="forecast", values=_forecast),
    Method(name="middle", title="Middle layer", measurement=None, values=None),
)}
ALIASES = {"cma": "cma-mlp"}


def method_named(name: str) -> Method:
    """The method of that name or alias. Raises LgaError with the names there are."""
    found = METHODS.get(ALIASES.get(name, name))
    if found is None:
        raise LgaError(f"There is no method {name!r}.", mend=f"Choose one of {', '.join((*METHODS, *ALIASES))}.")
    return found


def layer_scores(name: str, rows: Sequence[FactRow], layers: int, view: View,
                 settings: Mapping[str, Any] | None = None) -> LayerScores:
    """Score every layer from measured rows (plain numpy, at once)."""
    method = method_named(name)
    rows = tuple(_left_out(row, method, view) for row in rows)
    described = {**(settings or {}), **_described(method, view)}
    if method.values is None:
        total = -np.abs(np.arange(layers) - layers // 2).astype(float)
        return LayerScores(method=method.name, settings=described, rows=rows, total=total, total_is="mean",
                           per_fact=np.tile(total, (len(rows), 1)), bootstrap=None, cost=Cost(),
                           selection=select(total, Rule(fences=None, top=view.top)))
    used = [row for row in rows if row.used]
    per_fact = np.stack([method.values(row, view) if row.used else np.full(layers, np.nan) for row in rows]) \
        if rows else np.empty((0, layers))
    scored = per_fact[[row.used for row in rows]]
    rule = Rule(fences=view.fences if method.fenced else None, rank=view.rank if method.fenced else "signed",
                top=view.top)
    total = np.full(layers, np.nan)
    if used:
        total = scored.sum(0) if method.total == "sum" else scored.mean(0)
    enough = len(used) >= method.fewest
    reason = f"{len(used)} usable facts, at least {method.fewest} are needed for a pick" if used else "no usable fact"
    return LayerScores(
        method=method.name, settings=described, rows=rows, per_fact=per_fact, total=total, total_is=method.total,
        selection=select(total, rule) if enough else no_pick(reason),
        bootstrap=bootstrap(scored, rule, mean=method.total == "mean", draws=view.bootstrap, seed=view.seed)
        if enough and view.bootstrap else None,
        cost=sum((row.cost for row in rows), Cost()),
    )


def _left_out(row: FactRow, method: Method, view: View) -> FactRow:
    wanted = {"all": (True, False, None), "known": (True,), "unknown": (False,)}[view.known]
    if not row.used:
        return row
    reason = None if row.known in wanted else f"left out: {view.known} facts only"
    if reason is None and method.measurement == "forecast":
        reason = missing_terms(row, view.terms)
    return row if reason is None else replace(row, status=reason, values={})


def _described(method: Method, view: View) -> dict[str, Any]:
    """The choices that had a say in this score."""
    settings: dict[str, Any] = {"known": view.known, "top": view.top}
    if method.measurement == "gradients":
        settings["scope"] = view.scope
    if method.measurement == "forecast":
        settings["terms"] = asdict(view.terms)
    if method.fenced:
        settings |= {"normalize": view.normalize, "rank": view.rank, "fences": view.fences}
    return settings
