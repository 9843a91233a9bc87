"""A question's report as one HTML page: what is measured of it, each figure with its sentence and its run.

The parts about edits are in `report_edits`.
"""

from collections.abc import Sequence

from lga_core.results import (
    CausalTrace,
    LayerScores,
    MethodScores,
    QuestionReport,
    ReportedAverage,
    ReportedTrace,
    Stored,
)
from lga_core.view.export import page, report_edits
from lga_core.view.figures.scores.attribution_bars import attribution_bars
from lga_core.view.figures.scores.average_trace_heatmap import average_trace_heatmap
from lga_core.view.figures.scores.bootstrap import pick_shares
from lga_core.view.figures.scores.layer_heatmaps import layer_heatmaps
from lga_core.view.figures.scores.trace_heatmap import trace_heatmap
from lga_core.view.words.charts import chart_sentence
from lga_core.view.words.names import KIND_TITLES
from lga_core.view.words.runs import origin_rows
from lga_core.view.words.scores.answer import answer_rows, obstacles_sentence, past_sentence, recommendation
from lga_core.view.words.scores.average_trace import average_sentence, averaged_facts_sentence
from lga_core.view.words.scores.headline import headline
from lga_core.view.words.sentences import (
    cost_sentence,
    excluded_reasons,
    firmness_sentence,
    pick_sentence,
    spoken,
    unused_reasons,
)
from lga_core.view.words.text import capitalized, count, listed, number

PAPER = (
    "Shrestha Datta, Hongfu Liu and Anshuman Chhabra: Golden Layers and Where to Find Them: Improved Knowledge Editing "
    "for Large Language Models Via Layer Gradient Analysis. arXiv:2602.20207, 2026."
)
_PARTS = {
    "question": "The question",
    "answer": "The answer",
    "scores": "Scores of every layer",
    "trace": "Causal trace",
    "trial": "Trial edits",
    "every-layer": "One edit at every layer",
    "sweep": "Layer sweep",
    "ledger": "Kept edits",
    "many-edits": "Many edits",
    "origin": "Runs, versions, licences and citation",
}


def report_html(report: QuestionReport) -> str:
    """The whole page. What is not measured has a line that says so."""
    written = {
        "question": _question(report),
        "answer": _answer(report),
        "scores": _scores(report),
        "trace": "".join(map(_trace, report.traces)) + _averages(report.averages),
        "trial": report_edits.trials(report),
        "every-layer": report_edits.every_layer(report),
        "sweep": report_edits.sweep(report),
        "ledger": report_edits.ledger(report),
        "many-edits": report_edits.many_edits(report),
        "origin": _origin(report),
    }
    title = f"Golden layers: {report.title}"
    made = f"Written {report.made[:16].replace('T', ' ')} UTC from stored runs."
    links = "".join(f'<li><a href="#{anchor}">{page.text(name)}</a></li>' for anchor, name in _PARTS.items())
    missing = page.paragraph("Not measured.", kind="missing")
    sections = "".join(
        f"<section>{page.heading(2, name, anchor)}{written[anchor] or missing}</section>"
        for anchor, name in _PARTS.items()
    )
    return page.page(
        title,
        f"<header>{page.heading(1, title)}{page.paragraph(made, kind='note')}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>{sections}</main>',
    )


def _question(report: QuestionReport) -> str:
    return page.pairs(report.asked, "What was asked")


def _answer(report: QuestionReport) -> str:
    """The recommendation, one row a way to pick, and where the study's numbers are from."""
    answer = report.answer
    if answer is None or not answer.candidates:
        return ""
    return (
        page.paragraph(recommendation(answer), kind="answer")
        + page.table(answer_rows(answer), "Each way to pick a layer, what it picks and what that is worth")
        + page.paragraph(past_sentence(answer), obstacles_sentence(report.obstacles), kind="note")
    )


def _scores(report: QuestionReport) -> str:
    """The cards, the heatmaps, how firm the pick is, and the tables."""
    measured = {
        title: item
        for title, item in (("LGA", report.lga), ("CMA", report.cma), ("Forecast", report.forecast))
        if item is not None
    }
    missing = [title for title in ("LGA", "CMA", "Forecast") if title not in measured]
    parts = [page.paragraph(f"{listed(missing)}: not measured.", kind="missing") if missing and measured else ""]
    lga, cma, forecast = (_used(item) for item in (report.lga, report.cma, report.forecast))
    if measured:
        shown = headline(
            report.lga.scores if report.lga is not None else None,
            report.cma.scores if report.cma is not None else None,
            report.agreement,
            len(report.facts),
        )
        parts.append(page.cards(shown))
    if lga is not None or cma is not None:
        drawn = page.both(layer_heatmaps, lga, cma, forecast, labels=report.labels, published=report.published)
        sentences = [*(pick_sentence(item.scores) for item in measured.values()), chart_sentence("heat")]
        runs = "".join(page.origin(item.stored) for item in measured.values())
        parts.append(page.figure(drawn, "Heatmaps of facts by layers", *sentences, stored=runs))
    if lga is not None:
        parts.append(_firmness(lga, report.lga.stored))
    for item in measured.values():
        for reason, records in unused_reasons(item.scores).items():
            sentence = f"{spoken(item.scores.method)}: {reason}: {count(len(records), 'record')}, {listed(records)}."
            parts.append(page.paragraph(sentence, kind="note"))
    for title, rows in (
        ("Picks of every method", report.picks),
        ("Readings of LGA", report.readings if report.lga is not None else ()),
        ("Facts", report.facts if measured else ()),
    ):
        if rows:
            parts += [page.heading(3, title), page.table(rows, title)]
    return "".join(parts)


def _used(item: MethodScores | None) -> LayerScores | None:
    """Scores that can be drawn: of a fact at least."""
    return item.scores if item is not None and item.scores.n_facts else None


def _firmness(lga: LayerScores, stored: Stored | None) -> str:
    """How often each layer is the pick when the facts are drawn again, and which layers are left out and why."""
    parts = []
    if lga.bootstrap is not None:
        drawn = page.both(pick_shares, lga.bootstrap, lga.selection.golden_layer)
        about = "How often each layer is the pick when the facts are drawn again"
        parts.append(
            page.figure(drawn, about, firmness_sentence(lga), chart_sentence("pick_shares"), stored=page.origin(stored))
        )
    reasons = excluded_reasons(lga)
    if reasons:
        parts += [page.heading(3, "Excluded layers"), page.listing(reasons)]
    return "".join(parts)


def _trace(traced: ReportedTrace) -> str:
    """One fact's heatmaps, one a kind, and its token attributions."""
    parts = [page.heading(3, traced.fact)]
    subject = None
    for trace, stored in traced.traces:
        subject = trace.subject
        drawn = page.both(trace_heatmap, trace)
        parts.append(
            page.figure(
                drawn,
                f"Heatmap of tokens by layers, restored {KIND_TITLES[trace.kind]}",
                _trace_sentence(trace),
                chart_sentence(f"trace_{trace.kind}"),
                stored=page.origin(stored),
            )
        )
    if not traced.traces:
        parts.append(page.paragraph("Causal traces: not measured.", kind="missing"))
    if traced.attribution is None:
        parts.append(page.paragraph("Token attributions: not measured.", kind="missing"))
    else:
        attribution, stored = traced.attribution
        drawn = page.both(attribution_bars, attribution, subject=subject)
        parts.append(
            page.figure(
                drawn,
                "Bar chart of what each token adds to the answers",
                f"Integrated gradients (Captum) of log p(answer) on the token embeddings, {attribution.n_steps} steps, "
                "against a blank prompt.",
                chart_sentence("attribution"),
                f"{cost_sentence('Measured in', attribution.cost)}.",
                stored=page.origin(stored),
            )
        )
    return "".join(parts)


def _averages(averages: Sequence[ReportedAverage]) -> str:
    """A heatmap a kind of the traces of several facts; "" without any."""
    parts = [page.heading(3, "Average over facts")] if averages else []
    for item in averages:
        average = item.average
        drawn = page.both(average_trace_heatmap, average)
        runs = f"Of {count(len(item.runs), 'run')}, one a fact; each is in the table of runs below."
        missing = f"Partial: {count(item.missing, 'fact')} not traced, or not checked yet." if item.missing else None
        parts.append(
            page.figure(
                drawn,
                f"Heatmap of six token positions by layers, restored {KIND_TITLES[average.kind]}, mean over facts",
                missing,
                average_sentence(average),
                averaged_facts_sentence(average),
                chart_sentence(f"average_{average.kind}"),
                f"{cost_sentence('Measured in', average.cost)}.",
                runs,
            )
        )
    return "".join(parts)


def _trace_sentence(trace: CausalTrace) -> str:
    token, layer = divmod(int(trace.effect.argmax()), trace.effect.shape[1])
    title = KIND_TITLES[trace.kind]
    source = "" if trace.answer_source == "data" else ", the model’s own"
    return (
        f"{capitalized(title)}, window {trace.window}: the largest indirect effect, "
        f"{number(float(trace.effect.max()), 3)}, is at layer {layer}, token “{trace.tokens[token].strip()}”. Traced: "
        f"the first token of the old answer{source}, “{trace.answer.strip()}”. p clean {number(trace.p_clean, 3)}, "
        f"corrupted {number(trace.p_corrupted, 3)}, mean of {trace.draws} draws. "
        f"{cost_sentence('Measured in', trace.cost)}."
    )


def _origin(report: QuestionReport) -> str:
    """Every run in one table, the versions that computed them, licences, and how to cite."""
    runs = report.runs
    versions = {f"{name} {version}" for stored in runs for name, version in stored.provenance.packages.items()}
    rows = []
    for stored in runs:
        recorded = origin_rows(stored)
        names = ("settings", "version", "machine", "created")
        rows.append(
            {
                "run": stored.provenance.key[:16],
                "of": stored.provenance.method,
                "rows": stored.rows,
                "complete": "yes" if stored.complete else "no",
                **{name: recorded[name] for name in names},
            }
        )
    parts = [
        page.table(rows, "Runs"),
        page.paragraph("Two equal keys are the same question. A run is computed again by: lga replay KEY.", kind="note")
        if rows
        else page.paragraph("Runs: nothing is measured.", kind="missing"),
        page.heading(3, "Versions"),
        page.listing([f"golden layers (lga) {report.version}", *sorted(versions)]),
        page.heading(3, "Licences"),
        page.pairs(report.licences, "Licences"),
        page.heading(3, "How to cite"),
        page.paragraph(f"The paper whose method is measured here: {PAPER}"),
        page.paragraph("This software, as CITATION.cff:") + page.preformatted(report.citation)
        if report.citation
        else "",
    ]
    return "".join(parts)
