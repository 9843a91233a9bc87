"""How the facts of a ledger fare with all its enabled edits applied: whether later edits damage earlier ones."""

from collections.abc import Generator, Mapping, Sequence
from itertools import islice
from time import perf_counter
from types import MappingProxyType

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied
from lga_core.editing.ledger import Entry, Ledger
from lga_core.evaluation.asked import Asked
from lga_core.evaluation.metrics import METRICS, Quiz, Reply, ask, compare, prepare, summarize
from lga_core.models.loaded import LoadedModel
from lga_core.results import Cost, FactMean, LedgerFact, LedgerReport, LedgerWrite, Metric, Progress

QUESTIONS_AT_ONCE = 32


Before = Mapping[str, Asked]
"""By fact fingerprint. It holds for one model; whoever hands it in again pays for new facts only."""


def ledger_report(
    model: LoadedModel, ledger: Ledger, before: Before = MappingProxyType({})
) -> Generator[Progress, None, tuple[LedgerReport, Before]]:
    """Every fact of the ledger, before and now, and `before` with the facts that it lacked; yields after some facts."""
    begin = perf_counter()
    facts = {fact.fingerprint: fact for fact in ledger.facts}
    before = yield from _asked_before(model, facts, before)
    quizzes = {name: before[name].quiz for name in facts}
    if ledger.edits:
        now = yield from _replies(model, quizzes, ledger.edits, "asked with the edits")
    else:                                    # the model is the unedited one
        now = {name: before[name].replies for name in facts}
    told = tuple(_fact(entry, fact, before[fact.fingerprint], now[fact.fingerprint])
                 for entry in ledger.entries for fact in entry.facts)
    acting = [fact for fact in told if fact.enabled]
    return LedgerReport(
        facts=told, writes=tuple(write for entry in ledger.entries for write in _writes(entry)),
        before=_means([fact.before for fact in acting]), now=_means([fact.now for fact in acting]),
        cost=Cost(seconds=perf_counter() - begin),
    ), before


def _asked_before(model: LoadedModel, facts: Mapping[str, Fact], known: Before) -> Generator[Progress, None, Before]:
    lacking = [name for name in facts if name not in known]
    quizzes: dict[str, Quiz] = {}
    for name in lacking:
        quizzes[name] = prepare(model, facts[name])
        yield Progress(label="making the questions", done=len(quizzes), total=len(lacking))
    replies = yield from _replies(model, quizzes, (), "asked before the edits")
    return {**known, **{name: Asked(quiz=quiz, replies=replies[name]) for name, quiz in quizzes.items()}}


def _replies(model: LoadedModel, quizzes: Mapping[str, Quiz], edits: Sequence[Edit],
             label: str) -> Generator[Progress, None, dict[str, tuple[Reply, ...]]]:
    """Every quiz's replies with the edits applied; some facts' questions at once, which spares 40 % of the time."""
    replies: dict[str, tuple[Reply, ...]] = {}
    for names in _groups(quizzes):
        with model.using(label), applied(model, edits):
            said = iter(ask(model, [question for name in names for question in quizzes[name].questions]))
        for name in names:
            replies[name] = tuple(islice(said, len(quizzes[name].questions)))
        yield Progress(label=label, done=len(replies), total=len(quizzes))
    return replies


def _groups(quizzes: Mapping[str, Quiz]) -> list[list[str]]:
    groups: list[list[str]] = []
    count = QUESTIONS_AT_ONCE
    for name, quiz in quizzes.items():
        if count + len(quiz.questions) > QUESTIONS_AT_ONCE:
            groups.append([])
            count = 0
        groups[-1].append(name)
        count += len(quiz.questions)
    return groups


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
