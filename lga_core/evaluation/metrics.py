"""What an edit did: rewrite, rephrase, locality and portability by two protocols (METHOD §5).

Teacher-forced token accuracy (KnowEdit) conditions an answer on itself; free generation (Mirage) lets the model
speak. The two stand side by side and are never averaged.
"""

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch

from lga_core.data.facts import Fact
from lga_core.models.forward import final_hidden
from lga_core.models.generate import greedy
from lga_core.models.halving import Halving
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import asking_bytes, batch_tokens
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row
from lga_core.results import METRICS, Metric, OldSource, ProbeResult

MetricName = Literal["rewrite", "rephrase", "locality", "portability"]
FREE_TOKENS = 8                              # generated beyond the answer's length
OWN_TOKENS = 5                               # of the model's own answer, where a locality probe has none
BATCH_TOKENS = 1024                          # run at once where they fit, after padding


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
    most = batch_tokens(model, "Asking", asking_bytes(model))
    forced, free = Halving(what="Asking", most=most), Halving(what="Asking", most=most)
    predicted = iter([tokens for batch in _batches(rows)
                      for tokens in forced.run(partial(argmax_at_answers, model), batch, _tokens)])
    lengths = [question.free_length for question in questions]
    longest = max(lengths)
    texts = free.run(lambda prompts: greedy(model, prompts, longest), [question.prompt for question in questions],
                     lambda prompts: _tokens(prompts) + len(prompts) * longest)
    return [
        Reply(predicted=tuple(next(predicted) for _ in question.rows), ids=ids[:length],
              text=model.tokenizer.decode(ids[:length]))
        for question, ids, length in zip(questions, texts, lengths, strict=True)
    ]


def _batches(rows: Sequence[TokenRow]) -> Iterable[Sequence[TokenRow]]:
    size = max(1, BATCH_TOKENS // max(len(row) for row in rows))
    return (rows[first:first + size] for first in range(0, len(rows), size))


def _tokens(rows: Sequence[TokenRow]) -> int:
    """Of a batch, after padding."""
    return len(rows) * max(map(len, rows))


def argmax_at_answers(model: LoadedModel, rows: Sequence[TokenRow]) -> list[tuple[int, ...]]:
    """The most probable token at each answer token of each row, by one whole run of a padded batch."""
    batch = Batch.of(rows, model.device)
    index = AnswerIndex.of(rows, batch)
    hidden = final_hidden(model, batch)
    best = iter(model.architecture.logits(hidden[index.rows, index.columns]).argmax(-1).tolist())
    return [tuple(next(best) for _ in row.answer) for row in rows]


def compare(questions: Sequence[Question], before: Sequence[Reply],
            after: Sequence[Reply]) -> tuple[ProbeResult, ...]:
    """Each question's result before and after an edit."""
    return tuple(_result(question, old, new) for question, old, new in zip(questions, before, after, strict=True))


def forced_shares(question: Question, before: Sequence[Sequence[int]],
                  after: Sequence[Sequence[int]]) -> tuple[float, float, int]:
    """Teacher-forced accuracy before and after, percent, and which accepted answer counted.

    From the argmax at each accepted answer's tokens. Locality: the same argmax before and after, right or wrong.
    """
    if question.metric == "locality":
        return 100.0, _share(after[0], before[0]), 0
    was, now = ([_share(predicted, row.answer) for predicted, row in zip(said, question.rows, strict=True)]
                for said in (before, after))
    return max(was), max(now), max(range(len(now)), key=lambda i: (now[i], was[i], -i))


def mean_over_groups(questions: Sequence[Question | ProbeResult], values: Sequence[float], metric: str) -> float | None:
    """One metric of one fact: mean within a probe group, then over groups; None where it has no probe."""
    groups: dict[str, list[float]] = {}
    for question, value in zip(questions, values, strict=True):
        if question.metric == metric:
            groups.setdefault(question.group, []).append(value)
    return _mean(_mean(group) for group in groups.values())


def _result(question: Question, before: Reply, after: Reply) -> ProbeResult:
    was, now, best = forced_shares(question, before.predicted, after.predicted)
    if question.metric == "locality":        # freely, the same tokens over the answer's length
        length = len(question.rows[0].answer)
        free = True, before.ids[:length] == after.ids[:length]
    else:
        free = tuple(any(starts_with(reply.text, answer) for answer in question.answers) for reply in (before, after))
    return ProbeResult(metric=question.metric, group=question.group, prompt=question.text,
                       expected=question.answers[best], expected_source=question.source, before=was, after=now,
                       free_before=free[0], free_after=free[1], text_before=before.text, text_after=after.text)


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
        return Metric(
            teacher_forced=mean_over_groups(probes, [getattr(probe, forced) for probe in probes], name),
            free=mean_over_groups(probes, [100.0 * getattr(probe, free) for probe in probes], name),
            n=sum(probe.metric == name for probe in probes),
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
