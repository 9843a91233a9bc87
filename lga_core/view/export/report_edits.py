"""The parts of a question's report about edits: trials, one fact at every layer, the sweep, kept edits, many edits."""

from lga_core.results import QuestionReport, ReportedSweep, ReportedTrial, Worth
from lga_core.view.export import page
from lga_core.view.figures.edits.ledger_history import ledger_history
from lga_core.view.figures.edits.loss_curve import loss_curve
from lga_core.view.figures.edits.many_edits import many_edits_curves
from lga_core.view.figures.sweep.best_layers import best_layers
from lga_core.view.figures.sweep.every_layer import every_layer_figure
from lga_core.view.figures.sweep.regret import regret_against_cost
from lga_core.view.figures.sweep.sweep_figure import sweep_figure
from lga_core.view.words.cards import Card, metric_cards
from lga_core.view.words.charts import chart_sentence, loss_chart
from lga_core.view.words.edits.many import COLLAPSE_RULE, checkpoint_rows, collapse_sentence, counts_sentence
from lga_core.view.words.edits.rows import (
    WRITTEN_FORMATS,
    WRITTEN_NOTE,
    ledger_rows,
    probe_row,
    side_effect_cards,
    written_rows,
)
from lga_core.view.words.edits.sentences import best_layer_sentence
from lga_core.view.words.names import unscored_sentences
from lga_core.view.words.protocol import edit_note, ledger_note, protocol_words
from lga_core.view.words.sentences import duration, layers_in_words
from lga_core.view.words.sweep.rows import (
    compared,
    cost_rows,
    golden_layer,
    judging_words,
    marked_picks,
    metric_rows,
    regret_rows,
)
from lga_core.view.words.sweep.sentences import figure_in_words, optimum_sentence, recommendation
from lga_core.view.words.text import count, fixed, number

_HISTORY = "rewrite"  # the metric whose history is drawn


def trials(report: QuestionReport) -> str:
    """Each trial edit, the last one first; "" where there is none."""
    return "".join(map(_trial, reversed(report.trials)))


def _trial(trial: ReportedTrial) -> str:
    """Metrics before and after, side effects, what was written, and every probe's texts."""
    done = trial.report
    overall = f"{fixed(trial.overall_before)} → {fixed(trial.overall_after)}"
    curve = page.both(loss_curve, done)
    written = [row | {name: show(row[name]) for name, show in WRITTEN_FORMATS.items()} for row in written_rows(done)]
    parts = [
        page.heading(
            3, f"{trial.editor} at {layers_in_words(done.layers)}: {done.target_old or '?'} → {done.target_new}"
        ),
        page.paragraph(done.prompt),
        page.cards(
            [
                *metric_cards(done.before, done.after),
                Card(label="Overall", value=overall, below="mean, teacher-forced"),
                Card(label="Time", value=duration(done.cost.seconds), below=f"nll {number(done.target_nll, 3)} nats"),
            ]
        ),
        page.paragraph(edit_note(done.answers, done.dropped_locality), kind="note"),
    ]
    if done.diagnostics is None:
        parts.append(page.paragraph("Side effects: not measured.", kind="missing"))
    else:
        parts += [page.paragraph(warning, kind="answer") for warning in done.diagnostics.warnings]
        parts.append(page.cards(side_effect_cards(done, done.diagnostics)))
    parts += [
        page.table(written, "What was written at each layer"),
        page.paragraph(WRITTEN_NOTE, kind="note"),
        page.figure(
            curve,
            "Line chart of the loss at each step",
            chart_sentence(loss_chart(done)),
            stored=page.origin(trial.stored),
        ),
        page.table([probe_row(probe) for probe in done.probes], "Probes, with the texts before and after the edit"),
        page.listing([f"Dropped: {dropped}" for dropped in done.dropped_probes]) if done.dropped_probes else "",
    ]
    return "".join(parts)


def every_layer(report: QuestionReport) -> str:
    """One fact's metrics after an edit at each layer, with its scores under them; "" where it was not begun."""
    every = report.every_layer
    if every is None:
        return ""
    golden = report.golden
    drawn = page.both(
        every_layer_figure, every.sweep, every.scores, layers=report.layers, best=every.best, golden=golden
    )
    return (
        page.heading(3, every.fact)
        + page.figure(
            drawn,
            "Metrics of this fact after an edit at each layer, with its scores per layer",
            best_layer_sentence(every.sweep, every.best, golden),
            f"Percent after the edit, {protocol_words(every.sweep.answers)}; {duration(every.sweep.cost.seconds)}.",
            chart_sentence("every_layer_figure"),
            stored=page.origin(every.stored),
        )
        + "".join(page.paragraph(words, kind="missing") for words in unscored_sentences(every.scores))
    )


def sweep(report: QuestionReport) -> str:
    """The verdict in words, the figure and the tables; "" where no edit is measured."""
    reported = report.sweep
    if reported is None:
        return ""
    worth = reported.worth
    runs = "".join(page.origin(stored) for _sweep, stored in reported.parts.values())
    sweeps = {part: swept for part, (swept, _stored) in reported.parts.items()}
    drawn = page.both(
        sweep_figure,
        sweeps[reported.judged],
        reported.lga if reported.judged == "proxy" else None,
        layers=report.layers,
        picks=marked_picks(worth),
        best=worth.best_layer,
        labels=reported.labels[reported.judged],
    )
    return "".join(
        [
            page.paragraph(recommendation(worth), kind="answer"),
            page.figure(
                drawn, figure_in_words(worth), figure_in_words(worth), chart_sentence("sweep_heat"), stored=runs
            ),
            page.paragraph(judging_words(worth, sweeps), kind="note"),
            page.heading(3, "Selectors"),
            page.table(regret_rows(worth), "What each selector’s pick is worth"),
            page.heading(3, "Metrics at the picks"),
            page.table(metric_rows(worth), "The metrics at each selector’s pick"),
            page.heading(3, "Cost"),
            page.table(cost_rows(worth), "What each selector costs"),
            _regret(worth, runs),
            _best_layers(report, reported, runs),
        ]
    )


def _regret(worth: Worth, runs: str) -> str:
    judged = compared(worth)
    if all(item.regret.value is None for item in judged):
        return ""
    drawn = page.both(regret_against_cost, judged)
    return page.figure(drawn, "Points: regret over seconds", chart_sentence("sweep_regret"), stored=runs)


def _best_layers(report: QuestionReport, reported: ReportedSweep, runs: str) -> str:
    worth = reported.worth
    drawn = page.both(best_layers, worth, report.layers, golden_layer(worth))
    about = "Bar chart: for how many facts each layer is the best one"
    return page.figure(drawn, about, optimum_sentence(worth), chart_sentence("sweep_best"), stored=runs)


def ledger(report: QuestionReport) -> str:
    """The kept edits and how their facts fare; "" where none is kept."""
    kept = report.ledger
    if kept is None:
        return ""
    parts = [page.table(kept.entries, "Kept edits")]
    if kept.report is None:
        return parts[0] + page.paragraph("The facts of the ledger: not measured.", kind="missing")
    measured = kept.report
    parts += [
        page.cards(metric_cards(measured.before, measured.now)),
        page.paragraph(ledger_note(measured.dropped_locality), kind="note"),
    ]
    if kept.changes:
        drawn = page.both(ledger_history, kept.changes, _HISTORY)
        said = f"{_HISTORY.capitalize()} of each fact after {count(len(kept.changes), 'change')}."
        parts.append(page.figure(drawn, f"Heatmap: {_HISTORY} of each fact", said, chart_sentence("ledger_history")))
    parts.append(page.table(ledger_rows(measured), "The facts of the kept edits"))
    return "".join(parts)


def many_edits(report: QuestionReport) -> str:
    """How edits in a row fare over their number, and where they collapse; "" before the first checkpoint."""
    if report.many_edits is None:
        return ""
    many, stored = report.many_edits
    planned = f"{count(many.planned, 'edit')} with {many.editor} at {layers_in_words(many.layers)}"
    return (
        page.heading(3, planned if many.complete else f"{planned}, in part")
        + page.paragraph(collapse_sentence(many), kind="answer")
        + page.paragraph(COLLAPSE_RULE, counts_sentence(many), kind="note")
        + page.figure(
            page.both(many_edits_curves, many),
            "Curves over the number of edits: rewrite, rephrase, locality, drift, fluency and norm",
            chart_sentence("many_edits_curves"),
            stored=page.origin(stored),
        )
        + page.table(checkpoint_rows(many), "The checkpoints of the many edits")
    )
