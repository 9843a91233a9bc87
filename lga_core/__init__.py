"""Golden layers: which layer of a language model to edit a fact at, and what an edit there does.

    model = lga_core.load("smollm2-135m")
    scores = lga_core.score(model, "world", limit=32)
    report = lga_core.edit(model, "world", index=0, layers=[scores.selection.golden_layer])

Results show themselves in a notebook, and `to_frame()` gives them as a pandas table.

Nothing heavy is imported before the first call. Each call takes a reporter (`lga_core.progress`), which is called
after each step.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lga_core.progress import Reporter, silent
from lga_core.showing import Presenter, shown_by

if TYPE_CHECKING:
    from lga_core.evaluation.settings import MetricSettings
    from lga_core.models.loaded import LoadedModel
    from lga_core.results import EditReport, LayerScores
    from lga_core.scores.methods import View

__all__ = ["edit", "load", "score"]


def _notebook() -> Presenter:
    from lga_core.view import notebook

    return notebook


shown_by(_notebook)


def load(
    name: str,
    *,
    chat: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    accept_terms: bool = False,
    report: Reporter = silent,
) -> "LoadedModel":
    """A model of the catalogue, a hub id, a folder or a .gguf file, ready to be measured; fetched where needed.

    `chat`: every prompt is the user's message in the model's chat template, and answers are the assistant's.
    """
    from lga_core.models.loading import load as load_model
    from lga_core.models.text.chat import chat_name

    return load_model(
        chat_name(name) if chat else name, device=device, dtype=dtype, accept_terms=accept_terms, report=report
    )


def score(
    model: "LoadedModel",
    facts: str | Path,
    *,
    method: str = "lga",
    limit: int | None = None,
    shuffle: int | None = None,
    view: "View | None" = None,
    settings: Any = None,
    report: Reporter = silent,
) -> "LayerScores":
    """Every layer's score over the first `limit` facts of a shipped set or a file (shuffled by a seed first).

    `view` holds the choices that need no new measurement, `settings` those of the method's measurement: for LGA
    `lga_core.scores.settings.GradientSettings(loss="answer")` is the answer's loss.
    """
    from lga_core.data.asked import some
    from lga_core.data.load import choose, load_facts
    from lga_core.runs.storage.store import Store
    from lga_core.runs.tasks import score_layers
    from lga_core.scores.methods import View

    fact_set = load_facts(facts)
    chosen = choose(some(fact_set.facts, fact_set.name), limit, shuffle)
    scores, _stored = score_layers(
        model, fact_set.name, chosen, method, settings, view or View(), Store(), report=report
    )
    return scores


def edit(
    model: "LoadedModel",
    facts: str | Path,
    *,
    index: int,
    layers: Iterable[int],
    editor: str = "r-rome",
    settings: Any = None,
    metrics: "MetricSettings | None" = None,
    report: Reporter = silent,
) -> "EditReport":
    """One trial edit of the record `index`: what it changed, before and after. The model stays as it is.

    `settings` of the editor and `metrics`, how it is measured: None for the defaults.
    """
    from lga_core.data.asked import fact_at
    from lga_core.data.load import load_facts
    from lga_core.evaluation.settings import TRIAL_METRICS
    from lga_core.runs.storage.store import Store
    from lga_core.runs.tasks import trial

    fact_set = load_facts(facts)
    edited, _stored = trial(
        model,
        fact_set.name,
        fact_at(fact_set, index),
        tuple(layers),
        editor,
        settings,
        Store(),
        metrics=metrics or TRIAL_METRICS,
        report=report,
    )
    return edited
