"""The table of selectors: everything that names a layer to edit at, and what it needs to do so.

A selector reads a score of scores/methods.py in one way; the last one reads a sweep of its own facts. A new one is
one line here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lga_core.errors import LgaError, one_of
from lga_core.results import METHOD_TITLES, LayerScores, Pick, Sweep
from lga_core.scores.forecast.gain import terms_of
from lga_core.scores.methods import ALIASES, MEASUREMENTS, View, method_named
from lga_core.worth.ground_truth import Truth


@dataclass(frozen=True, kw_only=True)
class Selector:
    """One way to name a layer."""

    name: str
    title: str
    method: str | None  # of METHODS; None: the sweep of its facts
    view: Mapping[str, Any] = field(default_factory=dict)  # choices of View that are not the default
    measured: Mapping[str, Any] = field(default_factory=dict)  # settings of its measurement that are not
    quick: bool = True  # runs unless others are asked for

    def choices(self, seed: int = 0, editor: Any = None) -> View:
        """How its scores are read; `editor` as for `need`: a forecast is at that editor's norm bound."""
        return View(**{"terms": terms_of(editor), **self.view}, seed=seed)

    def need(self, seed: int = 0, editor: Any = None) -> tuple[str, Any] | None:
        """The measurement that it reads, with its settings; None where it measures nothing.

        `editor`: the settings of the editor whose layer it names; what reads a second moment reads that editor's.
        """
        measurement = method_named(self.method).measurement if self.method else None
        if measurement is None:
            return None
        kind = MEASUREMENTS[measurement].settings
        return measurement, kind(**{**kind.given({"seed": seed}, editor), **self.measured})

    def settings(self, seed: int = 0, editor: Any = None) -> Any:
        """Its measurement's settings (see `need`); None where it measures nothing."""
        need = self.need(seed, editor)
        return None if need is None else need[1]


def _plain(method: str, *, quick: bool = True) -> Selector:
    """The method itself, as it is by default."""
    return Selector(name=method, title=METHOD_TITLES[method], method=method, quick=quick)


BRUTE_FORCE = "brute-force"
READINGS = ("lga", "lga-own-old", "lga-answer", "lga-answer-own-old")  # each loss with each old answer
SELECTORS: Mapping[str, Selector] = {
    item.name: item
    for item in (
        _plain("lga"),
        Selector(name="lga-own-old", title="LGA, the model's own old answer", method="lga", measured={"old": "model"}),
        Selector(name="lga-answer", title="LGA (loss: answer)", method="lga", measured={"loss": "answer"}),
        Selector(
            name="lga-answer-own-old",
            title="LGA (loss: answer), the model's own old answer",
            method="lga",
            measured={"loss": "answer", "old": "model"},
        ),
        Selector(name="lga-cosine", title="LGA, cosine", method="lga", view={"normalize": "cosine"}),
        Selector(name="lga-magnitude", title="LGA, magnitude", method="lga", view={"rank": "magnitude"}),
        Selector(name="lga-no-fences", title="LGA, no fences", method="lga", view={"fences": None}),
        Selector(name="lga-mlp-down", title="LGA, down projection", method="lga", view={"scope": "mlp-down"}),
        Selector(name="lga-attention", title="LGA, attention", method="lga", view={"scope": "attention"}),
        Selector(name="lga-block", title="LGA, whole block", method="lga", view={"scope": "block"}),
        _plain("cma-mlp"),
        _plain("cma-hidden", quick=False),
        _plain("cma-attn", quick=False),
        _plain("gradxact"),
        _plain("ig", quick=False),
        _plain("gradnorm-old"),
        _plain("gradnorm-new"),
        _plain("forecast"),
        _plain("hidden-distance"),
        _plain("middle"),
        Selector(name=BRUTE_FORCE, title="Brute force", method=None),
    )
}


def reading_of(settings: Mapping[str, Any]) -> str:
    """Which of `READINGS` LGA's scores with these settings are. Earlier runs, of the answer's loss, do not say it."""
    asked = {"loss": "answer", "old": "data", **settings}
    named = {(own.loss, own.old): name for name in READINGS for own in [SELECTORS[name].settings()]}
    return named[asked["loss"], asked["old"]]


def selectors_named(names: Sequence[str] | None = None) -> tuple[Selector, ...]:
    """These selectors once each, or the quick ones; the brute force, which the sweep gives away, is always the last.

    Raises LgaError with the names there are.
    """
    named = {**SELECTORS, **{alias: SELECTORS[method] for alias, method in ALIASES.items()}}
    chosen: dict[str, Selector] = {}
    for name in names or [item.name for item in SELECTORS.values() if item.quick]:
        selector = one_of("selector", name, named)
        chosen[selector.name] = selector
    chosen.pop(BRUTE_FORCE, None)
    return (*chosen.values(), SELECTORS[BRUTE_FORCE])


def pick_by_scores(selector: Selector, scores: LayerScores, layers: Sequence[int]) -> Pick:
    """The selector's pick among the swept `layers`: its ranking of the whole model without the others.

    Its scores are the totals, or their size where it ranks by size; layers outside its fences have a score but no
    rank.
    """
    missing = [layer for layer in layers if not 0 <= layer < scores.layers]
    if missing:
        raise LgaError(f"{selector.title} has no score of layer {missing[0]}.", hint="Sweep layers of the same model.")
    selection = scores.selection
    swept = set(layers)
    ranking = tuple(layer for layer in selection.ranking if layer in swept)
    reason = selection.reason
    if selection.ranking and not ranking:
        reason = "none of the layers that it ranks was swept"
    merit = np.abs(scores.total) if selector.view.get("rank") == "magnitude" else scores.total
    return Pick(
        selector=selector.name,
        title=selector.title,
        layer=ranking[0] if ranking else None,
        ranking=ranking,
        layers=tuple(layers),
        scores=merit[list(layers)],
        own_layer=selection.golden_layer,
        n_facts=scores.n_facts,
        reason=reason,
        cost=scores.cost,
    )


def pick_by_sweep(proxy: Sweep, layers: Sequence[int] | None = None) -> Pick:
    """The brute force: the layer with the largest mean Overall on the proxy, ties to the lower index.

    `layers`: those that the picks are judged at, where they are not the proxy's own. Facts that are not measured
    at every layer are left out.
    """
    selector = SELECTORS[BRUTE_FORCE]
    wanted = tuple(proxy.layers if layers is None else layers)
    truth = Truth.of(proxy)
    means = truth.mean("overall").tolist()
    score = {layer: mean for layer, mean in zip(proxy.layers, means, strict=True) if not np.isnan(mean)}
    order = sorted(score, key=lambda layer: (-score[layer], layer))
    ranking = tuple(layer for layer in order if layer in set(wanted))
    reason = None
    if not ranking:
        reason = "none of its layers was swept" if order else "no fact is measured at every layer"
    return Pick(
        selector=selector.name,
        title=selector.title,
        layer=ranking[0] if ranking else None,
        ranking=ranking,
        layers=wanted,
        scores=np.array([score.get(layer, np.nan) for layer in wanted]),
        own_layer=order[0] if order else None,
        n_facts=len(truth.records),
        reason=reason,
        cost=proxy.cost,
    )
