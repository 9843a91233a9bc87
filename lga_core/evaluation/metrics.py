"""What an edit did: rewrite, rephrase, locality and portability by two protocols (METHOD §5).

Teacher-forced token accuracy (KnowEdit) conditions an answer on itself; free generation (Mirage) lets the model
speak. The two stand side by side and are never averaged.
"""

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from lga_core.data.facts import Fact
from lga_core.models.forward import final_hidden
from lga_core.models.generate import greedy
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row
from lga_core.results import Metric, OldSource, ProbeResult

METRICS = ("rewrite", "rephrase", "locality", "portability")
MetricName = Literal["rewrite", "rephrase", "locality", "portability"]
FREE_TOKENS = 8                              # generated beyond the answer's length
OWN_TOKENS = 5                               # of the model's own answer, where a locality probe has none
BATCH_TOKENS = 1024


@dataclass(frozen=True, kw_only=True)
class Question:
    """A prompt with its accepted answers as token rows; the best one counts."""

    metric: MetricName
    group: str
    prompt: TokenRow
    text: str
    answers: tuple[str, ...]
    rows: tuple[TokenRow, ...]
    source: OldSource = "data"

    @property
    def free_length(self) -> int:
        return max(len(row.answer) for row in self.rows) + FREE_TOKENS


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the model said to one question, teacher-forced and freely."""

    predicted: tuple[tuple[int, ...], ...]   # per accepted answer, the argmax at each of its tokens
    ids: tuple[int, ...]                     # the free generation
    text: str


@dataclass(frozen=True, kw_only=True)
class Quiz:
    """All questions about one fact, and the probes that could not be asked."""

    questions: tuple[Question, ...]
    dropped: tuple[str, ...] = field(default=())


def prepare(model: LoadedModel, fact: Fact) -> Quiz:
    """The questions of a fact. Call it on the unedited model: probes without gold get its own 5 greedy tokens."""
    dropped: list[str] = []
    questions = [_question(model, "rewrite", "rewrite", fact.prompt, (fact.target_new,))]
    questions += [_question(model, "rephrase", "rephrase", text, (fact.target_new,)) for text in fact.rephrases]
    own: list[tuple[str, str]] = []
    for probe in fact.locality:
        gold = next((answer for answer in probe.accepted if answer.strip()), None)
        if gold is None:
            own.append((probe.group, probe.prompt))
        elif normalize(gold) == normalize(fact.target_new):
            dropped.append(f"locality probe {probe.prompt!r}: its answer is the new answer")
        else:
            questions.append(_question(model, "locality", probe.group, probe.prompt, (gold,)))
    if own:
        with model.using("the model's own answers"):
            texts = greedy(model, [prompt_row(model.tokenizer, prompt) for _, prompt in own], OWN_TOKENS)
        for (group, prompt), ids in zip(own, texts, strict=True):
            if answer := model.tokenizer.decode(ids).strip():
                questions.append(_question(model, "locality", group, prompt, (answer,), "model"))
            else:
                dropped.append(f"locality probe {prompt!r}: no answer given, and the model has none")
    for probe in fact.portability:
        if accepted := tuple(dict.fromkeys(answer for answer in probe.accepted if answer.strip())):
            questions.append(_question(model, "portability", probe.group, probe.prompt, accepted))
        else:
            dropped.append(f"portability probe {probe.prompt!r}: no answer given")
    return Quiz(questions=tuple(questions), dropped=tuple(dropped))


def _question(model: LoadedModel, metric: MetricName, group: str, prompt: str, answers: Sequence[str],
              source: OldSource = "data") -> Question:
    return Question(metric=metric, group=group, prompt=prompt_row(model.tokenizer, prompt), text=prompt,
                    answers=tuple(answers), source=source,
                    rows=tuple(answer_row(model.tokenizer, prompt, answer) for answer in answers))


@torch.no_grad()
def ask(model: LoadedModel, questions: Sequence[Question]) -> list[Reply]:
    """Put questions to the model as it is now: with whatever edits are applied around this call."""
    rows = [row for question in questions for row in question.rows]
    predicted = iter([tokens for batch in _batches(rows) for tokens in _argmax(model, batch)])
    lengths = [question.free_length for question in questions]
    texts = greedy(model, [question.prompt for question in questions], max(lengths))
    return [
        Reply(predicted=tuple(next(predicted) for _ in question.rows), ids=ids[:length],
              text=model.tokenizer.decode(ids[:length]))
        for question, ids, length in zip(questions, texts, lengths, strict=True)
    ]


def _batches(rows: Sequence[TokenRow]) -> Iterable[Sequence[TokenRow]]:
    size = max(1, BATCH_TOKENS // max(len(row) for row in rows))
    return (rows[first:first + size] for first in range(0, len(rows), size))


def _argmax(model: LoadedModel, rows: Sequence[TokenRow]) -> list[tuple[int, ...]]:
    batch = Batch.of(rows, model.device)
    index = AnswerIndex.of(rows, batch)
    hidden = final_hidden(model, batch)
    best = iter(model.architecture.logits(hidden[index.rows, index.columns]).argmax(-1).tolist())
    return [tuple(next(best) for _ in row.answer) for row in rows]


def compare(questions: Sequence[Question], before: Sequence[Reply],
            after: Sequence[Reply]) -> tuple[ProbeResult, ...]:
    """Each question's result before and after an edit."""
    return tuple(
        (_kept if question.metric == "locality" else _answered)(question, old, new)
        for question, old, new in zip(questions, before, after, strict=True)
    )


def _answered(question: Question, before: Reply, after: Reply) -> ProbeResult:
    was, now = (
        [_share(predicted, row.answer) for predicted, row in zip(reply.predicted, question.rows, strict=True)]
        for reply in (before, after)
    )
    best = max(range(len(now)), key=lambda i: (now[i], was[i], -i))
    return _result(question, question.answers[best], max(was), max(now), before, after,
                   free=tuple(any(starts_with(reply.text, answer) for answer in question.answers)
                              for reply in (before, after)))


def _kept(question: Question, before: Reply, after: Reply) -> ProbeResult:
    """Locality: the same argmax before and after, right or wrong; freely, the same tokens over the answer's length."""
    length = len(question.rows[0].answer)
    same = before.ids[:length] == after.ids[:length]
    return _result(question, question.answers[0], 100.0, _share(after.predicted[0], before.predicted[0]),
                   before, after, free=(True, same))


def _result(question: Question, expected: str, was: float, now: float, before: Reply, after: Reply,
            free: tuple[bool, bool]) -> ProbeResult:
    return ProbeResult(metric=question.metric, group=question.group, prompt=question.text, expected=expected,
                       expected_source=question.source, before=was, after=now, free_before=free[0],
                       free_after=free[1], text_before=before.text, text_after=after.text)


def _share(first: Sequence[int], second: Sequence[int]) -> float:
    return 100 * sum(a == b for a, b in zip(first, second, strict=True)) / len(second)


def normalize(text: str) -> str:
    """Lower case without punctuation, articles and extra spaces, as question answering is scored."""
    kept = "".join(" " if letter in string.punctuation else letter for letter in text.casefold())
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def starts_with(text: str, answer: str) -> bool:
    """Whether the normalized answer is a prefix of the normalized text, by whole words."""
    words, wanted = normalize(text).split(), normalize(answer).split()
    return bool(wanted) and words[:len(wanted)] == wanted


def summarize(probes: Sequence[ProbeResult]) -> tuple[Mapping[str, Metric], Mapping[str, Metric]]:
    """Metrics before and after: mean within a probe group, then over groups; null where there is no probe."""
    def metric(name: str, forced: str, free: str) -> Metric:
        members = [probe for probe in probes if probe.metric == name]
        groups = {group: [probe for probe in members if probe.group == group]
                  for group in dict.fromkeys(probe.group for probe in members)}
        return Metric(
            teacher_forced=_mean(_mean(getattr(probe, forced) for probe in group) for group in groups.values()),
            free=_mean(_mean(100.0 * getattr(probe, free) for probe in group) for group in groups.values()),
            n=len(members),
        )

    return {name: metric(name, "before", "free_before") for name in METRICS}, \
        {name: metric(name, "after", "free_after") for name in METRICS}


def overall(metrics: Mapping[str, Metric]) -> tuple[float | None, tuple[str, ...]]:
    """Arithmetic mean of the teacher-forced metrics that the fact has, and which those are."""
    present = tuple(name for name in METRICS if metrics[name].teacher_forced is not None)
    return _mean(metrics[name].teacher_forced for name in present), present


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
