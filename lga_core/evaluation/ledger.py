"""How the facts of a ledger fare with all its enabled edits applied: whether later edits damage earlier ones."""

from collections.abc import Generator, Mapping, Sequence
from time import perf_counter

from lga_core.data.facts import Fact
from lga_core.editing.ledger import Entry, Ledger
from lga_core.evaluation.asked import Asked, ask_under, ask_unedited
from lga_core.evaluation.metrics import Reply, compare, summarize
from lga_core.models.loaded import LoadedModel
from lga_core.results import METRICS, Cost, FactMean, LedgerFact, LedgerReport, LedgerWrite, Metric, Progress


def ledger_report(model: LoadedModel, ledger: Ledger) -> Generator[Progress, None, LedgerReport]:
    """Every fact of the ledger, before and now; yields after some facts."""
    begin = perf_counter()
    facts = {fact.fingerprint: fact for fact in ledger.facts}
    before = yield from ask_unedited(model, tuple(facts.values()))
    if ledger.edits:
        quizzes = {name: before[name].quiz for name in facts}
        now = yield from ask_under(model, quizzes, ledger.edits, "asking with the edits")
    else:                                    # the model is the unedited one
        now = {name: before[name].replies for name in facts}
    told = tuple(_fact(entry, fact, before[fact.fingerprint], now[fact.fingerprint])
                 for entry in ledger.entries for fact in entry.facts)
    acting = [fact for fact in told if fact.enabled]
    return LedgerReport(
        facts=told, writes=tuple(write for entry in ledger.entries for write in _writes(entry)),
        before=_means([fact.before for fact in acting]), now=_means([fact.now for fact in acting]),
        cost=Cost(seconds=perf_counter() - begin),
    )


def _fact(entry: Entry, fact: Fact, before: Asked, now: Sequence[Reply]) -> LedgerFact:
    probes = compare(before.quiz.questions, before.replies, now)
    was, is_now = summarize(probes)
    return LedgerFact(entry=entry.id, enabled=entry.enabled, record=fact.record, prompt=fact.prompt,
                      subject=fact.subject, target_new=fact.target_new, before=was, now=is_now, probes=probes,
                      dropped_probes=before.quiz.dropped)


def _writes(entry: Entry) -> tuple[LedgerWrite, ...]:
    return tuple(
        LedgerWrite(entry=entry.id, enabled=entry.enabled, layer=item.edit.layer, matrix=item.edit.matrix,
                    delta_norm=item.edit.norm, weight_norm=item.weight_norm, target_errors=item.target_errors,
                    clamped=item.clamped)
        for item in entry.written
    )


def _means(facts: Sequence[Mapping[str, Metric]]) -> dict[str, FactMean]:
    return {name: _mean([fact[name] for fact in facts if fact[name].n]) for name in METRICS}


def _mean(metrics: Sequence[Metric]) -> FactMean:
    def over(values: Sequence[float]) -> float | None:
        return sum(values) / len(values) if values else None

    return FactMean(teacher_forced=over([metric.teacher_forced for metric in metrics]),
                    free=over([metric.free for metric in metrics]), n=len(metrics))
