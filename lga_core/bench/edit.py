"""`bench r-rome`: one editor over every known fact of the shipped set at the layer that a small search finds best."""

from collections.abc import Sequence
from statistics import fmean, median
from time import perf_counter
from typing import Any

from lga_core.data.facts import Fact
from lga_core.data.load import choose, load_facts
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.evaluation.metrics import METRICS, overall
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load_now
from lga_core.results import EditReport
from lga_core.runs.store import Store
from lga_core.runs.tasks import choose_known, drain, trial

FACT_SET = "world"
SEARCH_FACTS, SEARCH_LAYERS = 6, 6
PROTOCOL = "teacher-forced token accuracy, percent; one edit at a time"


def bench_r_rome(model_name: str, limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """R-ROME on the shipped set's known facts at its best single layer; no ratio, every metric with its n.

    The layer is searched on a few known facts over layers spread through the depth; those facts are among the ones
    that are then edited. Every edit is kept in the store, so a stopped run goes on.
    """
    return edit_known(model_name, "r-rome", limit, seed)


def edit_known(model_name: str, editor: str, limit: int | None, seed: int) -> dict[str, Any]:
    """Search the layer, then edit every known fact there alone, each on the unedited model."""
    model, store, begin = load_now(model_name), Store(), perf_counter()
    known, asked = known_facts(model, limit, seed, store)
    best, searched = search_layer(model, known[:SEARCH_FACTS], spread_layers(model, SEARCH_LAYERS), editor, store)
    rows = [*searched, {"facts": "all known", "layer": best,
                        **summary(edits(model, known, best, editor, store, diagnose=False))}]
    return {
        "name": editor, "speedup": None, "baseline_seconds": None, "seconds": perf_counter() - begin,
        "peak_bytes": None, "rows": rows, "machine": model.machine,
        "settings": {"model": model_name, "facts": FACT_SET, "n_known": len(known), "n_asked": asked, "seed": seed,
                     "editor": editor, "search_facts": min(SEARCH_FACTS, len(known)), "protocol": PROTOCOL},
    }


def known_facts(model: LoadedModel, limit: int | None, seed: int, store: Store) -> tuple[tuple[Fact, ...], int]:
    """The shipped set's first `limit` known facts in a seeded order, or all; and how many the set has."""
    facts = choose(load_facts(FACT_SET).facts, None, seed)
    known = drain(choose_known(model, facts, limit or len(facts), store))
    if not known:
        raise LgaError(f"{model.name} knows no fact of {FACT_SET}.", mend="Choose a trained model.")
    return known, len(facts)


def spread_layers(model: LoadedModel, count: int) -> list[int]:
    """At most `count` layers at like distances, neither the first nor the last."""
    return sorted({round(i * (model.layers - 1) / (count + 1)) for i in range(1, count + 1)})


def search_layer(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], editor: str,
                 store: Store) -> tuple[int, list[dict[str, Any]]]:
    """The layer with the highest Rewrite, then Overall, over a few facts; and a row a layer."""
    rows = [{"facts": "search", "layer": layer,
             **summary(edits(model, facts, layer, editor, store, diagnose=False))} for layer in layers]
    return max(rows, key=lambda row: (row["rewrite"], row["overall"]))["layer"], rows


def edits(model: LoadedModel, facts: Sequence[Fact], layer: int, editor: str, store: Store, *,
          diagnose: bool) -> list[EditReport]:
    """Each fact edited alone at one layer with the editor's defaults; what the store has is not edited again."""
    settings = editor_named(editor).settings()
    return [drain(trial(model, FACT_SET, fact, (layer,), editor, settings, store, diagnose=diagnose))[0]
            for fact in facts]


def summary(reports: Sequence[EditReport]) -> dict[str, Any]:
    """Mean of each metric over the facts that have it, each with how many those are."""
    found: dict[str, Any] = {"n": len(reports)}
    for name in METRICS:
        values = [report.after[name].teacher_forced for report in reports]
        present = [value for value in values if value is not None]
        found |= {name: fmean(present) if present else None, f"{name}_n": len(present)}
    return {
        **found, "rewrite_free": fmean(report.after["rewrite"].free for report in reports),
        "overall": fmean(overall(report.after)[0] for report in reports),
        "rewrite_before": fmean(report.before["rewrite"].teacher_forced for report in reports),
        "target_error_max": max((report.target_error for report in reports if report.target_error is not None),
                                default=None),
        "seconds_per_edit": median(report.cost.seconds for report in reports),
    }
