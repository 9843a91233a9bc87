"""A trial edit: ask the probes, edit, ask again. The model's weights are the same before, during and after."""

from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import Written
from lga_core.editing.table import editor_named
from lga_core.evaluation import diagnostics
from lga_core.evaluation.metrics import compare
from lga_core.evaluation.unedited import ask_under, ask_unedited
from lga_core.models.loaded import LoadedModel
from lga_core.probes.summary import summarize
from lga_core.progress import Reporter, silent
from lga_core.results import Cost, EditReport


def trial_edit(
    model: LoadedModel,
    fact: Fact,
    layers: Sequence[int],
    editor: str,
    settings: Any,
    *,
    diagnose: bool = True,
    report: Reporter = silent,
) -> EditReport:
    """Edit one fact at the chosen layers and report every metric before and after.

    With `diagnose`, also what the edit did to the model beside the fact, which takes as long as writing 200 tokens.
    Raises LgaError for a fact without a new answer, a layer that is not there, or an unknown editor.
    """
    begin = perf_counter()
    chosen = editor_named(editor)
    chosen.check(model, [fact], layers)
    name = fact.fingerprint
    before = ask_unedited(model, [fact], report=report)[name]
    written = chosen.run(model, [fact], tuple(layers), settings, (), report=report)
    edits = [item.edit for item in written]
    after = ask_under(model, {name: before.probes}, edits, detail="after the edit", report=report)[name]
    results = compare(before.probes.questions, before.answers, after)
    metrics_before, metrics_after = summarize(results)
    side_effects = diagnostics.diagnose(model, fact, edits, report=report) if diagnose else None
    return EditReport(
        record=fact.record,
        editor=editor,
        layers=tuple(edit.layer for edit in edits),
        settings=asdict(settings),
        prompt=fact.prompt,
        subject=fact.subject,
        target_new=fact.target_new,
        target_old=fact.target_old[0] if fact.target_old else None,
        before=metrics_before,
        after=metrics_after,
        probes=results,
        dropped_probes=before.probes.dropped,
        target_nll=diagnostics.target_nll(model, fact, edits),
        diagnostics=side_effects,
        cost=Cost(seconds=perf_counter() - begin),
        **_by_layer(written),
    )


def _by_layer(written: Sequence[Written]) -> dict[str, tuple]:
    return {
        "target_errors": tuple(item.target_errors[0] for item in written),
        "delta_norms": tuple(item.edit.norm for item in written),
        "weight_norms": tuple(item.weight_norm for item in written),
        "clamped": tuple(item.clamped[0] for item in written),
        "losses": tuple(item.losses[0] for item in written),
    }
