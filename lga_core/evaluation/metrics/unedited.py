"""What the unedited model answers to a fact's probes: asked once, for every trial of that fact on that model."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TypeVar
from weakref import WeakKeyDictionary

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit
from lga_core.evaluation.metrics.asking import (
    FreeAnswer,
    Predicted,
    ProbeAnswer,
    ProbeQuestions,
    ask,
    predict,
    probe_questions,
    write,
    write_before_and_after,
)
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Answers

FACTS_KEPT = 256  # a model, the last ones asked
QUESTIONS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class UneditedAnswers:
    """One fact's questions, and what the unedited model answers."""

    probes: ProbeQuestions
    answers: tuple[ProbeAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class UneditedForced:
    """One fact's questions, and what the unedited model predicts where it is teacher-forced."""

    probes: ProbeQuestions
    predicted: tuple[Predicted, ...]


Kept = TypeVar("Kept")
_memory: WeakKeyDictionary[LoadedModel, OrderedDict[str, UneditedAnswers]] = WeakKeyDictionary()
_forced: WeakKeyDictionary[LoadedModel, OrderedDict[str, UneditedForced]] = WeakKeyDictionary()
_anew: ContextVar[bool] = ContextVar("ask the unedited model anew", default=False)


@contextmanager
def asked_anew() -> Iterator[None]:
    """Within it nothing is read that the unedited model said or wrote before, and none of it is kept: for replays."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


def is_asked_anew() -> bool:
    """Whether this is within `asked_anew`."""
    return _anew.get()


def remembered(memory: WeakKeyDictionary[LoadedModel, Kept], model: LoadedModel, empty: Callable[[], Kept]) -> Kept:
    """What is remembered of this model, to be read and added to; within `asked_anew` an empty one that is forgotten."""
    return empty() if is_asked_anew() else memory.setdefault(model, empty())


def ask_unedited(
    model: LoadedModel, facts: Sequence[Fact], *, report: Reporter = silent
) -> Mapping[str, UneditedAnswers]:
    """The facts' answers by fingerprint, asked or remembered. Call it with no edit applied. First answers count.

    Reports after each fact whose questions were prepared, and as `ask` does.
    """
    kept = remembered(_memory, model, OrderedDict)
    known = {fact.fingerprint: kept[_name(fact)] for fact in facts if _name(fact) in kept}
    missing = {fact.fingerprint: fact for fact in facts if fact.fingerprint not in known}
    probes: dict[str, ProbeQuestions] = {}
    for name, fact in missing.items():
        probes[name] = probe_questions(model, fact)
        report(Progress(phase=Phase.PROBES, done=0, total=len(missing), detail="preparing the questions"))
    answers = ask_under(model, probes, (), detail="before the edit", report=report)
    for fact in facts:
        name = fact.fingerprint
        if name not in known:
            known[name] = UneditedAnswers(probes=probes[name], answers=answers[name])
        _remember(kept, _name(fact), known[name])
    return known


def predict_unedited(
    model: LoadedModel, fact: Fact, *, answers: Answers = "first", report: Reporter = silent
) -> UneditedForced:
    """The teacher-forced part of `ask_unedited` for one fact. Call it with no edit applied; reports as `predict`."""
    name = _name(fact, answers)
    kept = remembered(_forced, model, OrderedDict)
    if name in kept:
        return kept[name]
    report(Progress(phase=Phase.PROBES, done=0, total=1, detail="preparing the questions"))
    probes = probe_questions(model, fact, answers=answers)
    predicted = predict(model, probes.questions, report=partial(tell, report, "before the edit"))
    _remember(kept, name, UneditedForced(probes=probes, predicted=tuple(predicted)))
    return kept[name]


def write_both(
    model: LoadedModel,
    fact: Fact,
    unedited: UneditedForced,
    edits: Sequence[Edit],
    *,
    answers: Answers = "first",
    report: Reporter = silent,
) -> tuple[Sequence[FreeAnswer], Sequence[FreeAnswer]]:
    """What the model writes after a fact's questions without the edits and with them; the former is remembered.

    `answers` as in `unedited`. Reports after each token.
    """
    name = _name(fact, answers)
    kept = remembered(_memory, model, OrderedDict)
    questions = unedited.probes.questions
    known = kept.get(name)  # taken now: others may push it out of the memory while the model writes
    if known is not None:
        after = write(model, questions, edits, report=partial(tell, report, "after the edit"))
        return known.answers, after
    before, after = write_before_and_after(
        model, questions, edits, report=partial(tell, report, "before and after the edit")
    )
    whole = tuple(
        ProbeAnswer(predicted=forced, **vars(free)) for forced, free in zip(unedited.predicted, before, strict=True)
    )
    _remember(kept, name, UneditedAnswers(probes=unedited.probes, answers=whole))
    return before, after


def tell(report: Reporter, detail: str, step: Progress) -> None:
    """Report a step with a detail before its own."""
    report(replace(step, detail=", ".join(filter(None, (detail, step.detail)))))


def _name(fact: Fact, answers: Answers = "first") -> str:
    """The name under which a fact's answers are remembered. Another choice of answers that count asks other rows."""
    return f"{fact.fingerprint} {answers}"


def _remember(kept: OrderedDict[str, Kept], name: str, value: Kept) -> None:
    """Put it last, and drop those that were not asked for the longest time."""
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > FACTS_KEPT:
        kept.popitem(last=False)


def ask_under(
    model: LoadedModel,
    probes: Mapping[str, ProbeQuestions],
    edits: Sequence[Edit],
    *,
    detail: str,
    report: Reporter = silent,
) -> dict[str, tuple[ProbeAnswer, ...]]:
    """Every fact's answers with the edits applied; some facts' questions at once, which saves 40 % of the time.

    Reports as often as `ask`; `done` counts questions.
    """
    total = sum(len(fact.questions) for fact in probes.values())
    asked = 0
    answers: dict[str, tuple[ProbeAnswer, ...]] = {}
    for names in _groups(probes):
        questions = [question for name in names for question in probes[name].questions]

        def count_questions(step: Progress, before: int = asked, count: int = len(questions)) -> None:
            tell(report, detail, replace(step, done=before + count * step.done // step.total, total=total))

        replies = iter(ask(model, questions, edits, report=count_questions))
        for name in names:
            answers[name] = tuple(islice(replies, len(probes[name].questions)))
        asked += len(questions)
    return answers


def _groups(probes: Mapping[str, ProbeQuestions]) -> Iterator[list[str]]:
    """Facts whose questions are asked together, by name; a fact with more than QUESTIONS_AT_ONCE alone."""
    return by_tokens(probes, lambda names: sum(len(probes[name].questions) for name in names), QUESTIONS_AT_ONCE)
