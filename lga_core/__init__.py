"""Golden layers: which layer of a language model to edit a fact at, and what an edit there does.

    model = lga_core.load("smollm2-135m")
    scores = lga_core.score(model, "world", limit=32)
    report = lga_core.edit(model, "world", index=0, layers=[scores.selection.golden_layer])

Nothing heavy is imported before the first call.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel
    from lga_core.results import EditReport, LayerScores
    from lga_core.scores.methods import View

__all__ = ["edit", "load", "score"]


def load(name: str, *, device: str = "auto", dtype: str = "auto", accept_terms: bool = False) -> "LoadedModel":
    """A model of the catalogue, a hub id, a folder or a .gguf file, ready to be measured; fetched if need be."""
    from lga_core.models.loading import load_now

    return load_now(name, device=device, dtype=dtype, accept_terms=accept_terms)


def score(
    model: "LoadedModel", facts: str | Path, *, method: str = "lga", limit: int | None = None,
    shuffle: int | None = None, view: "View | None" = None, settings: Any = None,
) -> "LayerScores":
    """Every layer's score over the first `limit` facts of a shipped set or a file (shuffled by a seed first).

    `view` holds the choices that need no new measurement, `settings` those of the method's measurement.
    """
    from lga_core.data.load import choose, load_facts
    from lga_core.runs.checks import some
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import drain, score_layers
    from lga_core.scores.methods import View

    found = load_facts(facts)
    chosen = choose(some(found.facts, found.name), limit, shuffle)
    return drain(score_layers(model, found.name, chosen, method, settings, view or View(), Store()))[0]


def edit(
    model: "LoadedModel", facts: str | Path, *, index: int, layers: Iterable[int], editor: str = "r-rome",
    settings: Any = None,
) -> "EditReport":
    """One trial edit of the record `index`: what it changed, before and after. The model stays as it is."""
    from lga_core.data.load import load_facts
    from lga_core.runs.checks import fact_at
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import drain, trial

    found = load_facts(facts)
    return drain(trial(model, found.name, fact_at(found, index), tuple(layers), editor, settings, Store()))[0]
