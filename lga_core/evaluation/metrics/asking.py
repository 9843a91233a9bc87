"""What an edit did: rewrite, rephrase, locality and portability by two protocols (METHOD.md §5).

Teacher-forced token accuracy (KnowEdit) conditions an answer on itself; free generation (Mirage) lets the model
write. The two stand side by side and are never averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens, padded
from lga_core.models.running.forward import best_tokens, final_hidden
from lga_core.models.running.generate import generate, most_probable
from lga_core.models.running.halving import Halving
from lga_core.models.running.memory import asking_bytes, batch_tokens
from lga_core.models.running.own_answers import answered
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row
from lga_core.probes.questions import MetricProbe, fact_probes
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Answers

FREE_TOKENS = 8  # generated beyond the answer's length
BATCH_TOKENS = 1024  # run at once where they fit, after padding


@dataclass(frozen=True, kw_only=True)
class ProbeQuestion(MetricProbe):
    """A probe as token rows."""

    prompt_row: TokenRow
    rows: tuple[TokenRow, ...]  # the prompt with each answer that counts; the best of them does
    free_length: int  # tokens that are generated: any accepted answer may be named

    @classmethod
    def of(cls, model: LoadedModel, probe: MetricProbe, answers: Answers = "first") -> "ProbeQuestion":
        rows = tuple(answer_row(model.asking, probe.prompt, answer) for answer in probe.given)
        return cls(
            **vars(probe),
            prompt_row=prompt_row(model.asking, probe.prompt),
            rows=rows[: len(probe.counted(answers))],
            free_length=max(len(row.answer) for row in rows) + FREE_TOKENS,
        )


Predicted = tuple[tuple[int, ...], ...]
"""What the model says to one question, teacher-forced: per answer that counts, the argmax at each of its tokens."""


@dataclass(frozen=True, kw_only=True)
class FreeAnswer:
    """What the model writes after one question's prompt."""

    ids: tuple[int, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class ProbeAnswer(FreeAnswer):
    """What the model answers to one question, teacher-forced and freely."""

    predicted: Predicted


@dataclass(frozen=True, kw_only=True)
class ProbeQuestions:
    """All questions about one fact, and the probes that could not be asked."""

    questions: tuple[ProbeQuestion, ...]
    dropped: tuple[str, ...] = ()


def probe_questions(
    model: LoadedModel, fact: Fact, *, answers: Answers = "first", per_group: int | None = None
) -> ProbeQuestions:
    """The questions of a fact. Call it with no edit applied: probes without gold get the model's own answer.

    `answers`: which accepted answers count. `per_group`: at most so many probes of a group; None: all.
    """
    probes = answered(model, fact_probes(fact, per_group=per_group))
    return ProbeQuestions(
        questions=tuple(ProbeQuestion.of(model, probe, answers) for probe in probes.probes), dropped=probes.dropped
    )


def ask(
    model: LoadedModel, questions: Sequence[ProbeQuestion], edits: Sequence[Edit] = (), *, report: Reporter = silent
) -> list[ProbeAnswer]:
    """Put questions to the model with edits applied. Reports after each batch and each token that is generated."""
    rows = sum(len(question.rows) for question in questions)
    total = rows + len(questions)
    predicted = predict(model, questions, edits, report=lambda step: report(replace(step, total=total)))
    texts = write(
        model, questions, edits, report=lambda step: report(replace(step, done=rows + step.done, total=total))
    )
    return [ProbeAnswer(predicted=forced, **vars(free)) for forced, free in zip(predicted, texts, strict=True)]


def predict(
    model: LoadedModel, questions: Sequence[ProbeQuestion], edits: Sequence[Edit] = (), *, report: Reporter = silent
) -> list[Predicted]:
    """The teacher-forced part of `ask`. Reports after each batch; `done` counts the answers that are asked."""
    predicted = iter(_predict(model, [row for question in questions for row in question.rows], edits, report=report))
    return [tuple(next(predicted) for _ in question.rows) for question in questions]


def write(
    model: LoadedModel, questions: Sequence[ProbeQuestion], edits: Sequence[Edit] = (), *, report: Reporter = silent
) -> list[FreeAnswer]:
    """The free part of `ask`. Reports after each token; `done` counts questions."""
    return _generate(model, [(question, True) for question in questions], edits, report=report)


def write_before_and_after(
    model: LoadedModel, questions: Sequence[ProbeQuestion], edits: Sequence[Edit], *, report: Reporter = silent
) -> tuple[list[FreeAnswer], list[FreeAnswer]]:
    """`write` without the edits and with them, in one batch. Reports after each token; `done` counts both."""
    asked = [(question, edited) for edited in (False, True) for question in questions]
    answers = _generate(model, asked, edits, report=report)
    return answers[: len(questions)], answers[len(questions) :]


def _predict(
    model: LoadedModel, rows: Sequence[TokenRow], edits: Sequence[Edit], *, report: Reporter
) -> list[tuple[int, ...]]:
    """The argmax at each row's answer tokens, in the rows' order; `done` counts rows."""
    most = batch_tokens(model, Phase.PROBES, asking_bytes(model), BATCH_TOKENS)
    halving = Halving(phase=Phase.PROBES)
    predicted: dict[int, tuple[int, ...]] = {}

    def width(place: int) -> int:
        return len(rows[place])

    def predict_part(places: Sequence[int]) -> list[tuple[int, ...]]:
        with model.using(Phase.PROBES), applied(model, edits), torch.no_grad():
            return argmax_at_answers(model, [rows[place] for place in places])

    for places in by_tokens(range(len(rows)), padded(width), most, order=width):
        tokens = halving.run(
            predict_part, places, padded(width), report=lambda step: report(replace(step, done=len(predicted)))
        )
        predicted.update(zip(places, tokens, strict=True))
        report(Progress(phase=Phase.PROBES, done=len(predicted), total=len(rows), detail=halving.detail))
    return [predicted[place] for place in range(len(rows))]


def _generate(
    model: LoadedModel, asked: Sequence[tuple[ProbeQuestion, bool]], edits: Sequence[Edit], *, report: Reporter
) -> list[FreeAnswer]:
    """The greedy continuation of each prompt; `done` counts questions.

    True: with the edits; those without come first.
    """
    longest = max(question.free_length for question, _ in asked)
    halving = Halving(phase=Phase.PROBES, most=batch_tokens(model, Phase.PROBES, asking_bytes(model)))
    finished = 0

    def write_part(part: Sequence[tuple[ProbeQuestion, bool]]) -> list[tuple[int, ...]]:
        nonlocal finished
        texts = generate(
            model,
            [question.prompt_row for question, _ in part],
            [question.free_length for question, _ in part],
            most_probable,
            partial(applied, model, edits, first_row=sum(not edited for _, edited in part)),
            phase=Phase.PROBES,
            detail=halving.detail,
            report=lambda step: report(
                replace(step, done=finished + len(part) * step.done // longest, total=len(asked))
            ),
        )
        finished += len(part)
        return texts

    texts = halving.run(
        write_part,
        asked,
        padded(lambda item: len(item[0].prompt_row) + longest),
        report=lambda step: report(replace(step, done=finished)),
    )
    own = [text[: question.free_length] for (question, _), text in zip(asked, texts, strict=True)]
    return [FreeAnswer(ids=ids, text=model.tokenizer.decode(ids)) for ids in own]


def argmax_at_answers(model: LoadedModel, rows: Sequence[TokenRow]) -> list[tuple[int, ...]]:
    """The most probable token, or NO_TOKEN, at each answer token of each row, by one whole run of a padded batch."""
    batch = Batch.of(rows, model.device)
    index = AnswerIndex.of(rows, batch)
    hidden = final_hidden(model, batch)  # (B, T, d)
    best = iter(best_tokens(model.architecture.logits(hidden[index.rows, index.columns])).tolist())
    return [tuple(next(best) for _ in row.answer) for row in rows]
