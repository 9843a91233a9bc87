"""One fact edited at every layer, with what the methods score for this fact alone: what the store has of it.

No model and no torch. A score that the proxy set's scores hold for this fact is read there; another one is measured
for the fact alone, with the noise of CMA scaled on its own subject.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lga_core.results import METHODS_OF_ONE_FACT, FactRow, LayerScores, ModelIdentity, Stored, Sweep
from lga_core.runs.reading import finished_rows, finished_sweep, rows_by_record
from lga_core.runs.storage.keys import measurement_run
from lga_core.runs.storage.store import Store
from lga_core.scores.forecast.gain import terms_of
from lga_core.scores.methods import METHODS, View, layer_scores
from lga_core.service.reading.method_scores import LGA, ScoreChoices
from lga_core.service.reading.stored import proxy_facts, scored_facts
from lga_core.service.requests import EveryLayerRequest, Need, ProxySet
from lga_core.worth.ground_truth import DIGITS


@dataclass(frozen=True, kw_only=True, eq=False)
class EveryLayer:
    """One fact at every layer, as far as it is measured."""

    sweep: Sweep  # of this one fact
    stored: Stored
    scores: Mapping[str, LayerScores]  # by method, of this one fact; those that are measured

    @property
    def begun(self) -> bool:
        return bool((self.sweep.measured == 1).any())

    @property
    def complete(self) -> bool:
        return self.sweep.complete and len(self.scores) == len(METHODS_OF_ONE_FACT)

    @property
    def best(self) -> int | None:
        """The layer with the highest Overall, ties to the lower index; None before the sweep is complete."""
        overall = np.round(self.sweep.overall[0], DIGITS)
        return self.sweep.layers[int(overall.argmax())] if self.sweep.complete else None


def needs(choices: ScoreChoices, editor: Any) -> tuple[Need, ...]:
    """What the methods shown are read from. `editor`: the settings of the editor: the forecast is of that very edit."""
    measurements = (METHODS[method].measurement for method in METHODS_OF_ONE_FACT)
    return tuple(choices.need(name, editor) for name in measurements if name is not None)


def stored_row(identity: ModelIdentity, request: EveryLayerRequest, need: Need, store: Store) -> FactRow | None:
    """The fact's row of a measurement: among the proxy's, else measured alone; None where there is neither."""
    proxy = proxy_facts(identity, request.proxy, store) or ()
    if request.fact.fingerprint in {fact.fingerprint for fact in proxy}:
        run = measurement_run(identity, request.proxy.name, proxy, need.measurement, need.settings, store)
        rows = rows_by_record(run, FactRow, [request.fact])
        if rows:
            return rows[request.fact.record]
    alone, _ = finished_rows(identity, request.proxy.name, [request.fact], need.measurement, need.settings, store)
    return alone[0] if alone else None


def read(identity: ModelIdentity, request: EveryLayerRequest, store: Store) -> EveryLayer:
    """What the store has. Raises LgaError for a text of C that cannot be read."""
    layers = range(identity.layers)
    sweep, stored = finished_sweep(
        identity,
        request.proxy.name,
        [request.fact],
        layers,
        request.editor,
        request.settings,
        store,
        metrics=request.sweep_metrics,
    )
    methods = {METHODS[method].measurement: method for method in METHODS_OF_ONE_FACT}
    view = View(bootstrap=0, terms=terms_of(request.settings))
    scores = {}
    for need in request.needs:
        method = methods[need.measurement]
        row = stored_row(identity, request, need, store)
        if row is not None:
            scores[method] = layer_scores(method, [row], identity.layers, view, asdict(need.settings))
    return EveryLayer(sweep=sweep, stored=stored, scores=scores)


def golden_layer(identity: ModelIdentity, proxy: ProxySet, choices: ScoreChoices, store: Store) -> int | None:
    """LGA's pick on a proxy set, where the store has the scores of all of its facts."""
    need = choices.need("gradients")
    known = scored_facts(identity, proxy, (need,), store)
    rows, _ = known.measured.get(need, ((), None))
    if len(rows) < len(known.facts) or not rows:
        return None
    view = replace(choices.view, bootstrap=0)
    return layer_scores(LGA, rows, identity.layers, view).selection.golden_layer
