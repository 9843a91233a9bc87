"""What an edit did: rewrite, rephrase, locality and portability by two protocols (METHOD.md §5).

Teacher-forced token accuracy (KnowEdit) conditions an answer on itself; free generation (Mirage) lets the model
write. The two stand side by side and are never averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import starmap

import torch

from lga_core.data.answers import begins_with
from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied
from lga_core.evaluation.generation import generate
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens, padded
from lga_core.models.running.forward import final_hidden
from lga_core.models.running.halving import Halving
from lga_core.models.running.memory import asking_bytes, batch_tokens
from lga_core.models.running.own_answers import answered_probes
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row
from lga_core.probes.questions import MetricProbe
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Answers, ProbeResult

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
        rows = tuple(answer_row(model.asking, probe.prompt, answer) for answer in probe.answers)
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
    answered = answered_probes(model, fact, per_group=per_group)
    return ProbeQuestions(
        questions=tuple(ProbeQuestion.of(model, probe, answers) for probe in answered.probes), dropped=answered.dropped
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
    texts = _generate(model, [(question, True) for question in questions], edits, report=report)
    return [_free_answer(model, question, text) for question, text in zip(questions, texts, strict=True)]


def write_before_and_after(
    model: LoadedModel, questions: Sequence[ProbeQuestion], edits: Sequence[Edit], *, report: Reporter = silent
) -> tuple[list[FreeAnswer], list[FreeAnswer]]:
    """`write` without the edits and with them, in one batch. Reports after each token; `done` counts both."""
    asked = [(question, edited) for edited in (False, True) for question in questions]
    texts = _generate(model, asked, edits, report=report)
    answers = [_free_answer(model, question, text) for (question, _), text in zip(asked, texts, strict=True)]
    return answers[: len(questions)], answers[len(questions) :]


def _free_answer(model: LoadedModel, question: ProbeQuestion, text: tuple[int, ...]) -> FreeAnswer:
    ids = text[: question.free_length]
    return FreeAnswer(ids=ids, text=model.tokenizer.decode(ids))


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
) -> list[tuple[int, ...]]:
    """The greedy continuation of each prompt, all of one length; `done` counts questions.

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
            longest,
            lambda logits: logits.argmax(-1),
            partial(applied, model, edits, first_row=sum(not edited for _, edited in part)),
            phase=Phase.PROBES,
            detail=halving.detail,
            report=lambda step: report(
                replace(step, done=finished + len(part) * step.done // longest, total=len(asked))
            ),
        )
        finished += len(part)
        return texts

    return halving.run(
        write_part,
        asked,
        padded(lambda item: len(item[0].prompt_row) + longest),
        report=lambda step: report(replace(step, done=finished)),
    )


def argmax_at_answers(model: LoadedModel, rows: Sequence[TokenRow]) -> list[tuple[int, ...]]:
    """The most probable token at each answer token of each row, by one whole run of a padded batch."""
    batch = Batch.of(rows, model.device)
    index = AnswerIndex.of(rows, batch)
    hidden = final_hidden(model, batch)  # (B, T, d)
    best = iter(model.architecture.logits(hidden[index.rows, index.columns]).argmax(-1).tolist())
    return [tuple(next(best) for _ in row.answer) for row in rows]


def compare(
    questions: Sequence[ProbeQuestion], before: Sequence[ProbeAnswer], after: Sequence[ProbeAnswer]
) -> tuple[ProbeResult, ...]:
    """Each question's result before and after an edit."""
    forced = forced_results(questions, [answer.predicted for answer in before], [answer.predicted for answer in after])
    return with_texts(questions, forced, before, after)


def forced_results(
    questions: Sequence[ProbeQuestion], before: Sequence[Predicted], after: Sequence[Predicted]
) -> tuple[ProbeResult, ...]:
    """The teacher-forced part of each question's result; texts and free answers are empty."""
    return tuple(_forced(question, old, new) for question, old, new in zip(questions, before, after, strict=True))


def with_texts(
    questions: Sequence[ProbeQuestion],
    results: Sequence[ProbeResult],
    before: Sequence[FreeAnswer],
    after: Sequence[FreeAnswer],
) -> tuple[ProbeResult, ...]:
    """The results with what the model writes freely."""
    return tuple(starmap(_with_text, zip(questions, results, before, after, strict=True)))


def forced_shares(
    question: ProbeQuestion, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> tuple[float, float, int]:
    """Teacher-forced accuracy before and after, percent, and which accepted answer it is of after the edit.

    From the argmax at the tokens of each answer that counts; of several the best one does. Locality: the same argmax
    before and after, right or wrong.
    """
    if question.metric == "locality":
        return 100.0, _share(after[0], before[0]), 0
    shares_before = [_share(tokens, row.answer) for tokens, row in zip(before, question.rows, strict=True)]
    shares_after = [_share(tokens, row.answer) for tokens, row in zip(after, question.rows, strict=True)]
    best = max(range(len(shares_after)), key=lambda i: (shares_after[i], shares_before[i], -i))
    return max(shares_before), max(shares_after), best


def _forced(question: ProbeQuestion, before: Predicted, after: Predicted) -> ProbeResult:
    forced_before, forced_after, best = forced_shares(question, before, after)
    return ProbeResult(
        metric=question.metric,
        group=question.group,
        prompt=question.prompt,
        expected=question.answers[best],
        expected_source=question.source,
        before=forced_before,
        after=forced_after,
        free_before=None,
        free_after=None,
        text_before="",
        text_after="",
    )


def _with_text(question: ProbeQuestion, result: ProbeResult, before: FreeAnswer, after: FreeAnswer) -> ProbeResult:
    if question.metric == "locality":  # freely, the same tokens over the answer's length
        length = len(question.rows[0].answer)
        free_before = True
        free_after = before.ids[:length] == after.ids[:length]
    else:
        free_before = _names_an_answer(question, before)
        free_after = _names_an_answer(question, after)
    return replace(
        result, free_before=free_before, free_after=free_after, text_before=before.text, text_after=after.text
    )


def _names_an_answer(question: ProbeQuestion, answer: FreeAnswer) -> bool:
    """Whether the free generation begins with one of the accepted answers."""
    return any(begins_with(answer.text, accepted) for accepted in question.answers)


def _share(tokens: Sequence[int], wanted: Sequence[int]) -> float:
    """Percent of the places where the tokens are those wanted."""
    return 100 * sum(a == b for a, b in zip(tokens, wanted, strict=True)) / len(wanted)
