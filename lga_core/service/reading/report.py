"""What the store has of one question, put together for a report: every part that is measured. No model, no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lga_core.data.facts import fact_label
from lga_core.data.load import shipped_licence
from lga_core.editing.table import editor_title
from lga_core.models.sources.catalogue import resolve
from lga_core.probes.summary import overall
from lga_core.resources import DASHBOARD
from lga_core.results import (
    EditReport,
    ManyEdits,
    ModelIdentity,
    QuestionReport,
    ReportedAverage,
    ReportedLayers,
    ReportedLedger,
    ReportedSweep,
    ReportedTrace,
    ReportedTrial,
    Stored,
)
from lga_core.runs.storage.store import Store
from lga_core.service.ledger_view import LedgerView
from lga_core.service.reading import average_traces, every_layer
from lga_core.service.reading.answering import answered, studied
from lga_core.service.reading.method_scores import (
    LGA,
    ScoreChoices,
    agreement,
    fact_rows,
    pick_rows,
    question_scores,
)
from lga_core.service.reading.readings import reading_needs, reading_rows
from lga_core.service.reading.stored import many_edits, scored_facts, traced
from lga_core.service.reading.sweep import SweepReader
from lga_core.service.requests import (
    AverageTraceRequest,
    EveryLayerRequest,
    ManyEditsRequest,
    ProxySet,
    SweepRequest,
    TraceRequest,
)
from lga_core.view.words.edits.sentences import relative_error
from lga_core.view.words.names import restored_title
from lga_core.view.words.scores.options import OPTIONS
from lga_core.view.words.text import number

CITATION = DASHBOARD / "CITATION.cff"


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What a report is about: the question, and the parts that are asked for beside its scores."""

    model: str
    proxy: ProxySet
    choices: ScoreChoices
    editor: str  # whose edits the answer is for
    traces: tuple[TraceRequest, ...] = ()
    average: AverageTraceRequest | None = None
    trials: tuple[tuple[EditReport, Stored], ...] = ()
    every_layer: EveryLayerRequest | None = None
    sweep: SweepRequest | None = None
    ledger: LedgerView | None = None
    many_edits: ManyEditsRequest | None = None


def question_report(request: ReportRequest, identity: ModelIdentity, store: Store) -> QuestionReport:
    """Everything that the store has of it. Raises LgaError for a text of C that cannot be read."""
    choices = request.choices
    entry = resolve(request.model)
    needs = tuple(dict.fromkeys((*choices.all_needs(), *reading_needs(choices))))
    known = scored_facts(identity, request.proxy, needs, store)
    scores = question_scores(known, choices)
    lga = scores.lga
    facts_name = request.proxy.name
    past = studied(request.model, facts_name, request.editor)
    asked = answered(scores, past, facts_name, request.editor, store) if known.facts else None
    citation = CITATION.read_text(encoding="utf-8") if CITATION.is_file() else ""
    licence = entry.licence
    return QuestionReport(
        title=f"{entry.title}, {facts_name}",
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        asked=_asked(request, identity, entry.title, len(known.facts)),
        layers=identity.layers,
        labels={fact.record: fact_label(fact) for fact in known.facts},
        facts=tuple(fact_rows(known.facts, known.checks, lga.scores.rows if lga is not None else ())),
        answer=asked.answer if asked is not None else None,
        obstacles=asked.obstacles if asked is not None else {},
        lga=lga,
        cma=scores.cma,
        forecast=scores.forecast,
        agreement=agreement(lga, scores.cma),
        picks=tuple(pick_rows(known, choices)) if scores.scored else (),
        readings=tuple(reading_rows(known, choices)),
        published={
            item.editor: tuple(layer for layer in item.layers if layer < identity.layers) for item in entry.published
        },
        traces=tuple(filter(None, (_trace(item, identity, store) for item in request.traces))),
        averages=_averages(request.average, identity, store),
        trials=tuple(_trial(report, stored) for report, stored in request.trials),
        every_layer=_at_every_layer(request.every_layer, identity, store),
        sweep=_sweep(request.sweep, identity, choices.seed, store),
        ledger=_ledger(request.ledger),
        many_edits=_many_edits(request.many_edits, identity, store),
        licences={
            f"model, {entry.title}": f"{licence.name}, {licence.url}" if licence is not None else _NOT_STATED,
            f"facts, {facts_name}": shipped_licence(facts_name) or _NOT_STATED,
            "this software": "MIT",
        },
        version=next(iter(re.findall(r"(?m)^version: (.+)$", citation)), "n/a"),
        citation=citation,
    )


_NOT_STATED = "not stated here: that of its source"


def _asked(request: ReportRequest, identity: ModelIdentity, title: str, n: int) -> dict[str, str]:
    """The question in words: model, facts, and every option that says what is measured or how it is read."""
    choices = request.choices
    facts = f"{n} of {request.proxy.name}" if n else f"up to {request.proxy.limit} of {request.proxy.name}"
    return {
        "model": f"{title} ({request.model}), {identity.layers} layers",
        "model fingerprint": identity.fingerprint[:16],
        "facts": facts + (", those that the model knows" if request.proxy.known_only else ""),
        "seed": str(choices.seed),
        **{label: names[getattr(choices, name)] for name, (label, names) in OPTIONS.items()},
        "fences": "none" if choices.fences is None else f"κ = {choices.fences:g}",
        "CMA restores": restored_title(choices.kind),
        "CMA window": "10 of 48 layers, scaled to the depth" if choices.window is None else f"{choices.window} layers",
        "editor": editor_title(request.editor),
        "machine": identity.machine,
    }


def _trace(request: TraceRequest, identity: ModelIdentity, store: Store) -> ReportedTrace | None:
    """None where nothing of it is measured."""
    found = traced(identity, request, store)
    if found.empty:
        return None
    return ReportedTrace(
        fact=fact_label(request.fact), traces=tuple(found.traces.values()), attribution=found.attribution
    )


def _averages(
    request: AverageTraceRequest | None, identity: ModelIdentity, store: Store
) -> tuple[ReportedAverage, ...]:
    """Those over two facts or more: the trace of one stands by itself."""
    read = average_traces.read(identity, request, store) if request is not None else None
    if read is None:
        return ()
    return tuple(
        ReportedAverage(
            average=average, runs=read.runs[kind], missing=read.unchecked + read.usable - len(read.runs[kind])
        )
        for kind, average in read.averages.items()
        if len(average.records) > 1
    )


def _trial(report: EditReport, stored: Stored) -> ReportedTrial:
    return ReportedTrial(
        editor=editor_title(report.editor),
        report=report,
        stored=stored,
        overall_before=overall(report.before)[0],
        overall_after=overall(report.after)[0],
    )


def _at_every_layer(request: EveryLayerRequest | None, identity: ModelIdentity, store: Store) -> ReportedLayers | None:
    """None before its first edit."""
    read = every_layer.read(identity, request, store) if request is not None else None
    if read is None or request is None or not read.begun:
        return None
    return ReportedLayers(
        fact=fact_label(request.fact), sweep=read.sweep, stored=read.stored, scores=read.scores, best=read.best
    )


def _sweep(request: SweepRequest | None, identity: ModelIdentity, seed: int, store: Store) -> ReportedSweep | None:
    """None before its first edit."""
    if request is None:
        return None
    reader = SweepReader(identity, request, seed, store)
    view = reader.read()
    if not view.judging:
        return None
    judged = view.judging[0]
    lga = view.scores.get(LGA)
    return ReportedSweep(
        parts={str(part): item for part, item in view.parts.items()},
        labels={part: {fact.record: fact_label(fact) for fact in facts} for part, facts in view.facts.items()},
        judged=judged,
        worth=reader.verdict(judged),
        lga=lga[0] if lga is not None else None,
    )


def _many_edits(
    request: ManyEditsRequest | None, identity: ModelIdentity, store: Store
) -> tuple[ManyEdits, Stored] | None:
    """None before its first checkpoint."""
    if request is None:
        return None
    many, stored = many_edits(identity, request, store)
    return (many, stored) if many.checkpoints else None


def _ledger(view: LedgerView | None) -> ReportedLedger | None:
    """None where no edit is kept."""
    if view is None or not view.entries:
        return None
    entries: tuple[Mapping[str, object], ...] = tuple(
        {
            "#": place,
            "on": "yes" if entry.enabled else "no",
            "facts": "; ".join(map(fact_label, entry.facts)),
            "editor": editor_title(entry.editor),
            "layers": ", ".join(map(str, entry.layers)),
            "mode": entry.mode,
            "‖ΔW‖ / ‖W‖": number(entry.norm_ratio, 2),
            "target error": relative_error(entry.target_error),
            "note": "computed on another set of edits" if entry.enabled and entry.stale else "",
        }
        for place, entry in enumerate(view.entries, start=1)
    )
    return ReportedLedger(
        entries=entries,
        report=view.report if view.current else None,
        changes=tuple((change.words, change.report) for change in view.changes),
    )
