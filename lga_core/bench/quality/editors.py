"""`bench editors`: every editor on the same known facts, each at the layer that a small search finds best for it."""

from collections.abc import Sequence
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

from lga_core.bench.measure import FACT_SET, seconds_of
from lga_core.bench.quality.r_rome import PROTOCOL, known_facts, search, spread_layers, summary
from lga_core.data.facts import Fact
from lga_core.editing.search.values import searched_anew
from lga_core.editing.table import EDITORS, editor_named
from lga_core.evaluation.experiments.sweep_edits import edits_at
from lga_core.evaluation.side_effects.fluency import fluency, texts_after, texts_under
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.probes.summary import mean_of_present
from lga_core.progress import Reporter, silent
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.storage.store import Store

FACTS, SEARCH_FACTS, SEARCH_LAYERS, TIMED = 20, 4, 4, 3


def bench_editors(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """Every editor on 20 known facts of the shipped set at its own best single layer; no ratio, every metric with n.

    The layer is searched on a few of those facts over layers spread through the depth: the highest Rewrite, then
    Overall. Every edit is kept in the store, so a stopped run goes on. Seconds are the median of the editor alone on
    the first few facts, measured in this run with every v* searched anew.
    """
    model = load(model_name, report=report)
    begin = perf_counter()
    store = Store()
    known, _asked = known_facts(model, limit or FACTS, seed, store, report=report)
    layers = spread_layers(model, SEARCH_LAYERS)
    rows = []
    for editor in EDITORS:
        _searched, best = search(model, known[:SEARCH_FACTS], layers, editor, store, report=report)
        edited, _stored = sweep(model, FACT_SET, known, (best,), editor, None, store, report=report)
        rows.append(
            {
                "editor": editor,
                "layer": best,
                **summary(edited, best),
                "fluency": _fluency(model, known, best, editor, seed, report),
                "seconds_per_edit": edit_seconds(model, known[:TIMED], best, editor),
            }
        )
    return {
        "name": "editors",
        "seconds": perf_counter() - begin,
        "rows": rows,
        "machine": model.machine,
        "settings": {
            "model": model_name,
            "facts": FACT_SET,
            "n_known": len(known),
            "seed": seed,
            "search_facts": min(SEARCH_FACTS, len(known)),
            "search_layers": layers,
            "timed_facts": min(TIMED, len(known)),
            "protocol": PROTOCOL,
            "fluency_before": mean_of_present(
                [fluency(text) for text in texts_under(model, [fact.prompt for fact in known], (), seed, report=report)]
            ),
        },
    }


def _fluency(
    model: LoadedModel, facts: Sequence[Fact], layer: int, editor: str, seed: int, report: Reporter
) -> float | None:
    chosen = editor_named(editor)
    written = edits_at(model, facts, layer, chosen, chosen.settings(), report=report)
    texts = texts_after(model, [fact.prompt for fact in facts], [item.edit for item in written], seed, report=report)
    return mean_of_present([fluency(text) for text in texts])


def edit_seconds(model: LoadedModel, facts: Sequence[Fact], layer: int, editor: str) -> float:
    """Median seconds of an edit alone, without asking before and after; second moments and directions are there."""
    chosen = editor_named(editor)
    settings = chosen.settings()
    with searched_anew():
        return median(
            seconds_of(partial(chosen.run, model, [fact], (layer,), settings, ()), model.device) for fact in facts
        )
