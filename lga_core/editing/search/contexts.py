"""The prompts that a fact's δ is searched on, and which facts are searched in one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from lga_core.data.facts import Fact
from lga_core.editing.table import new_answer
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens
from lga_core.models.running.memory import batch_tokens, gradient_bytes
from lga_core.models.text.tokens import TokenRow, answer_row, prompt_row, subject_span

SEARCH_TOKENS = 768  # run at once in each step of a search where they fit, after padding
PADDING_TOKENS = 96  # that are run for nothing rather than in a batch of their own


@dataclass(frozen=True, kw_only=True, eq=False)
class Contexts:
    """The prompts that δ is searched on: the bare prompt first, then prefixed ones, then "{subject} is a".

    In a chat template each is a user's message, the prefix at its beginning.
    """

    rows: tuple[TokenRow, ...]  # contexts with the new answer, and the KL prompt up to its subject's end last
    subject_ends: tuple[int, ...]  # position of the last subject token in each row

    @classmethod
    def of(cls, model: LoadedModel, fact: Fact, prefixes: Sequence[str]) -> "Contexts":
        rows: list[TokenRow] = []
        ends: list[int] = []
        for before in ("", *(f"{prefix}. " for prefix in prefixes)):
            prompt = before + fact.prompt
            first, end = fact.span
            rows.append(answer_row(model.asking, prompt, new_answer(fact)))
            span = (first + len(before), end + len(before))
            ends.append(subject_span(model.asking, prompt, span, new_answer(fact))[1] - 1)
        essence = f"{fact.subject} is a"
        end = subject_span(model.asking, essence, (0, len(fact.subject)))[1]
        rows.append(TokenRow(ids=prompt_row(model.asking, essence).ids[:end], start=end))  # nothing after it is read
        ends.append(end - 1)
        return cls(rows=tuple(rows), subject_ends=tuple(ends))

    @property
    def tail(self) -> int:
        """Columns from the last subject token on: what every step of a search runs."""
        return max(len(row) - end for row, end in zip(self.rows, self.subject_ends, strict=True))

    @property
    def begins_with_subject(self) -> bool:
        """Whether the bare prompt is the KL prompt up to the subject's end: the two are one row then."""
        essence = self.rows[-1].ids
        return self.subject_ends[0] == self.subject_ends[-1] and self.rows[0].ids[: len(essence)] == essence

    @property
    def step_rows(self) -> int:
        """Rows of a step."""
        return len(self.rows) - self.begins_with_subject


def search_tokens(contexts: Sequence[Contexts]) -> int:
    """What one step of a search runs for these facts together, pads counted."""
    return sum(one.step_rows for one in contexts) * max(one.tail for one in contexts)


def batches(model: LoadedModel, contexts: Mapping[int, Contexts]) -> list[list[int]]:
    """The facts in batches that one search holds; those with as much to run after the subject stand together."""
    if not contexts:
        return []

    def size(facts: Sequence[int]) -> float:
        together = [contexts[fact] for fact in facts]
        tokens = search_tokens(together)
        padding = tokens - sum(one.step_rows * one.tail for one in together)
        return tokens if padding <= PADDING_TOKENS else inf

    most = batch_tokens(model, "The search for v*", gradient_bytes(model), SEARCH_TOKENS)
    return list(by_tokens(contexts, size, most, order=lambda fact: contexts[fact].tail))
