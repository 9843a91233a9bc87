"""From what a model answers before and after an edit to each probe's result (METHOD.md §5)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import starmap

from lga_core.data.answers import begins_with
from lga_core.evaluation.metrics.asking import FreeAnswer, Predicted, ProbeAnswer, ProbeQuestion
from lga_core.models.running.forward import NO_TOKEN
from lga_core.results import ProbeResult


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
    """Percent of the places where the tokens are those wanted; NO_TOKEN is none, not even as before an edit."""
    return 100 * sum(a == b != NO_TOKEN for a, b in zip(tokens, wanted, strict=True)) / len(wanted)
