"""`bench editors`: every editor on the same known facts, each at the layer that a small search finds best for it."""

from collections.abc import Sequence
from statistics import fmean, median
from time import perf_counter
from typing import Any

import torch

from lga_core.bench.edit import FACT_SET, PROTOCOL, edits, known_facts, search_layer, spread_layers, summary
from lga_core.bench.measure import seconds_of
from lga_core.data.facts import Fact
from lga_core.editing.edits import LowRankEdit
from lga_core.editing.table import EDITORS, editor_named
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load_now
from lga_core.results import EditReport
from lga_core.runs.store import Store
from lga_core.runs.tasks import drain

FACTS, SEARCH_FACTS, SEARCH_LAYERS, TIMED = 20, 4, 4, 3


def bench_editors(model_name: str, limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Every editor on 20 known facts of the shipped set at its own best single layer; no ratio, every metric with n.

    The layer is searched on a few of those facts over layers spread through the depth. Every edit is kept in the
    store, so a stopped run goes on. Seconds are of the editor alone on the first few facts, measured in this run
    with every v* searched anew.
    """
    model, store, begin = load_now(model_name), Store(), perf_counter()
    known, _asked = known_facts(model, limit or FACTS, seed, store)
    layers = spread_layers(model, SEARCH_LAYERS)
    rows = []
    for editor in EDITORS:
        best, _searched = search_layer(model, known[:SEARCH_FACTS], layers, editor, store)
        rows.append(_row(editor, best, edits(model, known, best, editor, store, diagnose=True))
                    | {"seconds_per_edit": _seconds(model, known[:TIMED], best, editor)})
    return {
        "name": "editors", "speedup": None, "baseline_seconds": None, "seconds": perf_counter() - begin,
        "peak_bytes": None, "rows": rows, "machine": model.machine,
        "settings": {"model": model_name, "facts": FACT_SET, "n_known": len(known), "seed": seed,
                     "search_facts": min(SEARCH_FACTS, len(known)), "search_layers": layers,
                     "timed_facts": min(TIMED, len(known)), "protocol": PROTOCOL},
    }


def _row(editor: str, layer: int, reports: Sequence[EditReport]) -> dict[str, Any]:
    measured = [report.diagnostics for report in reports if report.diagnostics is not None]
    return {"editor": editor, "layer": layer, **summary(reports),
            **{name: _mean([getattr(item, name) for item in measured]) for name in
               ("fluency_before", "fluency_after", "kl")}}


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return fmean(present) if present else None


def _seconds(model: LoadedModel, facts: Sequence[Fact], layer: int, editor: str) -> float:
    """Median seconds of an edit alone, without asking before and after; second moments and directions are there.

    On a model that is edited by nothing: what was found on the unedited one is not read.
    """
    chosen, down = editor_named(editor), model.architecture.blocks[layer].down
    settings = chosen.settings()
    nothing = LowRankEdit(layer=layer, matrix=down.name, left=torch.zeros(1, down.d_out, device=model.device),
                          right=torch.zeros(1, down.d_in, device=model.device))
    return median(seconds_of(lambda fact=fact: drain(chosen.run(model, [fact], (layer,), settings, (nothing,))),
                             model.device) for fact in facts)
