"""`bench r-rome`: one editor over every known fact of the shipped set at the layer that a small search finds best."""

from collections.abc import Sequence
from statistics import fmean, median
from time import perf_counter
from typing import Any

from lga_core.data.facts import Fact
from lga_core.data.load import choose, load_facts
from lga_core.editing.table import editor_named
from lga_core.evaluation.metrics import METRICS, overall
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load_now
from lga_core.results import EditReport
from lga_core.runs.store import Store
from lga_core.runs.tasks import choose_known, drain, trial

FACT_SET = "world"
SEARCH_FACTS, SEARCH_LAYERS = 6, 6


def bench_r_rome(model_name: str, limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """R-ROME on the shipped set's known facts at its best single layer; no ratio, every metric with its n.

    The layer is searched on a few known facts over layers spread through the depth, by Overall; those facts are
    among the ones that are then edited. Every edit is kept in the store, so a stopped run goes on.
    """
    return edit_known(model_name, "r-rome", limit, seed)


def edit_known(model_name: str, editor: str, limit: int | None, seed: int) -> dict[str, Any]:
    """Search the layer, then edit every known fact there alone, each on the unedited model."""
    model, store, begin = load_now(model_name), Store(), perf_counter()
    facts = choose(load_facts(FACT_SET).facts, None, seed)
    known = drain(choose_known(model, facts, limit or len(facts), store))
    spread = sorted({round(i * (model.layers - 1) / (SEARCH_LAYERS + 1)) for i in range(1, SEARCH_LAYERS + 1)})
    searched = [
        {"facts": "search", "layer": layer, **_summary(_edits(model, known[:SEARCH_FACTS], layer, editor, store))}
        for layer in spread
    ]
    best = max(searched, key=lambda row: (row["rewrite"], row["overall"]))["layer"]
    rows = [*searched, {"facts": "all known", "layer": best, **_summary(_edits(model, known, best, editor, store))}]
    return {
        "name": editor, "speedup": None, "baseline_seconds": None, "seconds": perf_counter() - begin,
        "peak_bytes": None, "rows": rows, "machine": model.machine,
        "settings": {"model": model_name, "facts": FACT_SET, "n_known": len(known), "n_asked": len(facts), "seed": seed,
                     "editor": editor, "search_facts": min(SEARCH_FACTS, len(known)),
                     "protocol": "teacher-forced token accuracy, percent; one edit at a time"},
    }


def _edits(model: LoadedModel, facts: Sequence[Fact], layer: int, editor: str, store: Store) -> list[EditReport]:
    settings = editor_named(editor).settings()
    return [drain(trial(model, FACT_SET, fact, (layer,), editor, settings, store))[0] for fact in facts]


def _summary(reports: Sequence[EditReport]) -> dict[str, Any]:
    """Mean of each metric over the facts that have it, with how many those are."""
    summary: dict[str, Any] = {"n": len(reports)}
    for name in METRICS:
        values = [report.after[name].teacher_forced for report in reports]
        present = [value for value in values if value is not None]
        summary[name] = fmean(present) if present else None
    free = [report.after["rewrite"].free for report in reports]
    return {
        **summary, "rewrite_free": fmean(free),
        "overall": fmean(overall(report.after)[0] for report in reports),
        "rewrite_before": fmean(report.before["rewrite"].teacher_forced for report in reports),
        "target_error_max": max((report.target_error for report in reports if report.target_error is not None),
                                default=None),
        "seconds_per_edit": median(report.cost.seconds for report in reports),
    }
