"""`bench r-rome`: one editor over every known fact of the shipped set at the layer that a small search finds best."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from lga_core.bench.measure import FACT_SET, some_facts
from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.progress import Reporter, silent
from lga_core.results import METRICS, Sweep
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import choose_known

SEARCH_FACTS, SEARCH_LAYERS = 6, 6
PROTOCOL = "teacher-forced token accuracy, percent; every fact edited alone"


def bench_r_rome(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """R-ROME on the shipped set's known facts at its best single layer; no ratio, every metric with its n.

    The layer is searched on a few known facts over layers spread through the depth; those facts are among the ones
    that are then edited. Every edit is kept in the store, so a stopped run goes on.
    """
    model = load(model_name, report=report)
    begin = perf_counter()
    store = Store()
    known, asked = known_facts(model, limit, seed, store, report=report)
    layers = spread_layers(model, SEARCH_LAYERS)
    searched, best = search(model, known[:SEARCH_FACTS], layers, "r-rome", store, report=report)
    edited, _stored = sweep(model, FACT_SET, known, (best,), "r-rome", None, store, report=report)
    rows = [{"facts": "search", "layer": layer, **summary(searched, layer)} for layer in layers]
    return {
        "name": "r-rome",
        "seconds": perf_counter() - begin,
        "rows": [*rows, {"facts": "all known", "layer": best, **summary(edited, best)}],
        "machine": model.machine,
        "settings": {
            "model": model_name,
            "facts": FACT_SET,
            "n_known": len(known),
            "n_asked": asked,
            "seed": seed,
            "editor": "r-rome",
            "search_facts": min(SEARCH_FACTS, len(known)),
            "protocol": PROTOCOL,
        },
    }


def known_facts(
    model: LoadedModel, limit: int | None, seed: int, store: Store, *, report: Reporter = silent
) -> tuple[tuple[Fact, ...], int]:
    """The shipped set's first `limit` known facts in a seeded order, or all; and how many the set has."""
    facts = some_facts(None, seed)
    known = choose_known(model, facts, limit or len(facts), store, report=report)
    if not known:
        raise LgaError(f"{model.name} knows no fact of {FACT_SET}.", hint="Choose a trained model.")
    return known, len(facts)


def spread_layers(model: LoadedModel, count: int) -> list[int]:
    """At most `count` layers at like distances, neither the first nor the last."""
    return sorted({round(i * (model.layers - 1) / (count + 1)) for i in range(1, count + 1)})


def search(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[Sweep, int]:
    """A sweep of a few facts, and its layer with the highest Rewrite, then Overall; ties to the lower index."""
    swept, _stored = sweep(model, FACT_SET, facts, layers, editor, None, store, report=report)
    order = zip(swept.mean("rewrite"), swept.mean("overall"), [-layer for layer in layers], strict=True)
    return swept, -max(order)[2]


def summary(swept: Sweep, layer: int) -> dict[str, Any]:
    """Of one layer: each metric's mean with how many facts have it."""
    at = swept.layers.index(layer)
    means: dict[str, Any] = {"n": len(swept.records)}
    for name in METRICS:
        values = swept.after[name][:, at]
        present = values[~np.isnan(values)]
        means |= {name: float(present.mean()) if len(present) else None, f"{name}_n": len(present)}
    errors = swept.target_error[:, at]
    return {
        **means,
        "overall": float(swept.mean("overall")[at]),
        "rewrite_before": float(swept.before["rewrite"].mean()),
        "target_error_max": None if np.isnan(errors).all() else float(np.nanmax(errors)),
    }
