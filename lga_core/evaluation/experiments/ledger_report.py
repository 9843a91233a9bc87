"""How the facts of a ledger fare with all its enabled edits applied: whether later edits damage earlier ones."""

from collections.abc import Mapping, Sequence

from lga_core.data.facts import Fact
from lga_core.editing.ledger import Entry, Ledger
from lga_core.evaluation.metrics.asking import ProbeAnswer
from lga_core.evaluation.metrics.probe_results import compare
from lga_core.evaluation.metrics.unedited import UneditedAnswers, ask_under, ask_unedited
from lga_core.models.loaded import LoadedModel
from lga_core.probes.questions import dropped_locality
from lga_core.probes.summary import mean_of_present, summarize
from lga_core.progress import Reporter, silent
from lga_core.results import METRICS, Cost, FactMean, LedgerFact, LedgerReport, LedgerWrite, Metric
from lga_core.scores.steps import Stopwatch


def ledger_report(model: LoadedModel, ledger: Ledger, *, report: Reporter = silent) -> LedgerReport:
    """Every fact of the ledger, on the unedited model and with all enabled edits.

    A prompt that was written twice counts once in what is over all facts, with its last answer among the enabled
    entries.
    """
    watch = Stopwatch(report)
    facts = {fact.fingerprint: fact for fact in ledger.facts}
    before = ask_unedited(model, tuple(facts.values()), report=watch.report)
    if ledger.edits:
        probes = {name: before[name].probes for name in facts}
        now = ask_under(model, probes, ledger.edits, detail="with the edits", report=watch.report)
    else:  # the model is the unedited one
        now = {name: before[name].answers for name in facts}
    rows = tuple(
        _fact(entry, fact, before[fact.fingerprint], now[fact.fingerprint])
        for entry in ledger.entries
        for fact in entry.facts
    )
    acting = {row.prompt: row for row in rows if row.enabled}.values()  # the last one of each prompt
    last = {fact.prompt: fact for fact in ledger.enabled_facts}
    return LedgerReport(
        facts=rows,
        writes=tuple(write for entry in ledger.entries for write in _writes(entry)),
        before=_means([row.before for row in acting]),
        now=_means([row.now for row in acting]),
        dropped_locality=dropped_locality(last.values()),
        cost=Cost(seconds=watch.seconds),
    )


def _fact(entry: Entry, fact: Fact, before: UneditedAnswers, now: Sequence[ProbeAnswer]) -> LedgerFact:
    results = compare(before.probes.questions, before.answers, now)
    metrics_before, metrics_now = summarize(results)
    return LedgerFact(
        entry=entry.id,
        enabled=entry.enabled,
        record=fact.record,
        prompt=fact.prompt,
        subject=fact.subject,
        target_new=fact.target_new,
        before=metrics_before,
        now=metrics_now,
        probes=results,
        dropped_probes=before.probes.dropped,
        dropped_locality=dropped_locality([fact]),
    )


def _writes(entry: Entry) -> tuple[LedgerWrite, ...]:
    return tuple(
        LedgerWrite(
            entry=entry.id,
            enabled=entry.enabled,
            layer=item.edit.layer,
            matrix=item.edit.matrix,
            delta_norm=item.edit.norm,
            weight_norm=item.weight_norm,
            target_errors=item.target_errors,
            clamped=item.clamped,
        )
        for item in entry.written
    )


def _means(facts: Sequence[Mapping[str, Metric]]) -> dict[str, FactMean]:
    return {name: _mean([fact[name] for fact in facts if fact[name].n]) for name in METRICS}


def _mean(metrics: Sequence[Metric]) -> FactMean:
    return FactMean(
        teacher_forced=mean_of_present(metric.teacher_forced for metric in metrics),
        free=mean_of_present(metric.free for metric in metrics),
        n=len(metrics),
    )
