"""A trial edit: ask the probes, edit, ask again. The model's weights are the same before, during and after."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import Written
from lga_core.editing.edits import Edit
from lga_core.editing.table import editor_named
from lga_core.evaluation.metrics.asking import predict
from lga_core.evaluation.metrics.probe_results import forced_results, with_texts
from lga_core.evaluation.metrics.unedited import UneditedForced, predict_unedited, tell, write_both
from lga_core.evaluation.settings import TRIAL_METRICS, MetricSettings
from lga_core.evaluation.side_effects import diagnostics
from lga_core.models.loaded import LoadedModel
from lga_core.probes.questions import dropped_locality
from lga_core.probes.summary import summarize
from lga_core.progress import Reporter, silent
from lga_core.results import Cost, EditReport, TrialPart, TrialStage, UneditedMetrics
from lga_core.scores.steps import Stopwatch


def trial_stages(
    model: LoadedModel,
    fact: Fact,
    layers: Sequence[int],
    editor: str,
    settings: Any,
    *,
    begun: TrialStage | None = None,
    metrics: MetricSettings = TRIAL_METRICS,
    diagnose: bool = True,
    show: Callable[[UneditedMetrics], None] = lambda unedited: None,
    report: Reporter = silent,
) -> Iterator[TrialStage]:
    """Edit one fact at the chosen layers and measure it before and after, in stages; the last one has the whole report.

    First the edit with its teacher-forced metrics, then the texts, then, with `diagnose`, what the edit did to the
    model beside the fact: drift and fluency. `begun`: a stage of the same trial that is measured already; those after
    it are yielded, and the edit itself is computed again for them. `show` is called before the edit is searched. Raises
    LgaError for a fact without a new answer, a layer that is not there, or an unknown editor.
    """
    watch = Stopwatch(report)
    parts: tuple[TrialPart, ...] = ("texts", "side effects") if diagnose else ("texts",)
    chosen = editor_named(editor)
    chosen.check(model, [fact], layers)
    unedited = predict_unedited(model, fact, answers=metrics.answers, report=watch.report)
    if begun is None:
        same = forced_results(unedited.probes.questions, unedited.predicted, unedited.predicted)
        show(UneditedMetrics(metrics=summarize(same)[0]))
    written = chosen.run(model, [fact], tuple(layers), settings, (), report=watch.report)
    edits = [item.edit for item in written]
    spent = 0.0 if begun is None else begun.report.cost.seconds

    def stage(measured: EditReport, missing: tuple[TrialPart, ...]) -> TrialStage:
        return TrialStage(report=replace(measured, cost=Cost(seconds=spent + watch.seconds)), missing=missing)

    if begun is None:
        begun = stage(_edited(model, fact, editor, settings, metrics, unedited, written, watch.report), parts)
        yield begun
    measured = begun.report
    for number, part in enumerate(parts, start=1):
        if part not in begun.missing:
            continue
        if part == "texts":
            measured = _with_texts(model, fact, unedited, edits, measured, watch.report)
        else:
            measured = replace(measured, diagnostics=diagnostics.diagnose(model, fact, edits, report=watch.report))
        yield stage(measured, parts[number:])


def _edited(
    model: LoadedModel,
    fact: Fact,
    editor: str,
    settings: Any,
    metrics: MetricSettings,
    unedited: UneditedForced,
    written: Sequence[Written],
    report: Reporter,
) -> EditReport:
    """What was written, and the teacher-forced metrics."""
    edits = [item.edit for item in written]
    questions = unedited.probes.questions
    after = predict(model, questions, edits, report=partial(tell, report, "after the edit"))
    results = forced_results(questions, unedited.predicted, after)
    metrics_before, metrics_after = summarize(results)
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
        dropped_probes=unedited.probes.dropped,
        dropped_locality=dropped_locality([fact]),
        target_nll=diagnostics.target_nll(model, fact, edits),
        answers=metrics.answers,
        target_errors=tuple(item.target_errors[0] for item in written),
        delta_norms=tuple(edit.norm for edit in edits),
        weight_norms=tuple(item.weight_norm for item in written),
        clamped=tuple(item.clamped[0] for item in written),
        losses=tuple(item.losses[0] for item in written),
    )


def _with_texts(
    model: LoadedModel,
    fact: Fact,
    unedited: UneditedForced,
    edits: Sequence[Edit],
    measured: EditReport,
    report: Reporter,
) -> EditReport:
    """The report with what the model writes freely before and after the edit."""
    before, after = write_both(model, fact, unedited, edits, answers=measured.answers, report=report)
    results = with_texts(unedited.probes.questions, measured.probes, before, after)
    metrics_before, metrics_after = summarize(results)
    return replace(measured, before=metrics_before, after=metrics_after, probes=results)
