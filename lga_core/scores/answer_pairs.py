"""A fact's old and new answer: which answer is the old one, and both as token rows, for scores that compare the two."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lga_core.data.answers import is_one_of
from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.text.chat import Asking
from lga_core.models.text.tokens import Answer, TokenRow, answer_row
from lga_core.probes.questions import BLANK
from lga_core.results import Cost, FactRow, KnownFactCheck, OldSource
from lga_core.scores.settings import takes_own_answer
from lga_core.scores.steps import measured_row


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One fact with its two answers as token rows, whose losses are compared."""

    fact: Fact
    check: KnownFactCheck
    old_answer: str
    old_source: OldSource
    old: TokenRow
    new: TokenRow

    @property
    def shares_inputs(self) -> bool:
        """Whether the model reads the same tokens for both answers."""
        return share_inputs(self.old, self.new)

    @property
    def width(self) -> int:
        return max(len(self.old), len(self.new))


def share_inputs(old: TokenRow, new: TokenRow) -> bool:
    """Whether the model reads the same tokens for both: answers of one token after the same prompt."""
    return old.ids[:-1] == new.ids[:-1]


def old_answer(fact: Fact, check: KnownFactCheck, prefer: OldSource) -> tuple[str, OldSource]:
    """The answer that an edit replaces: the data's, or the model's own where that is asked for or all there is.

    As a text for showing; "" where there is none.
    """
    if takes_own_answer(fact, prefer):
        return check.greedy or (BLANK if check.greedy_ids else ""), "model"
    return fact.target_old[0], "data"


def given_old_answer(fact: Fact, check: KnownFactCheck, prefer: OldSource) -> Answer:
    """What `old_answer` is for the model: the data's text, or the tokens that it wrote itself. Empty: there is none."""
    return own_tokens(check) if takes_own_answer(fact, prefer) else fact.target_old[0]


def asking_cost(check: KnownFactCheck, source: OldSource) -> Cost:
    """What it took to have the old answer: the model's own is from its check, the data's costs nothing."""
    return check.cost if source == "model" else Cost()


def own_tokens(check: KnownFactCheck) -> tuple[int, ...]:
    """The tokens that the model wrote by itself. Raises ValueError for a check that an earlier version stored."""
    if check.greedy_ids is None:
        raise ValueError(f"the check of record {check.record} has no tokens of the model's own answer: ask again")
    return check.greedy_ids


def answer_pair(
    model: LoadedModel,
    fact: Fact,
    check: KnownFactCheck,
    prefer: OldSource,
    row: Callable[[Asking, str, Answer], TokenRow] = answer_row,
) -> Pair | FactRow:
    """A fact's prompt with its old and with its new answer; a row that says why where it has no two answers.

    `row` makes the tokens of a prompt with an answer.
    """
    answer, source = old_answer(fact, check, prefer)

    def unused(why: str) -> FactRow:
        return replace(FactRow.not_used(check, why, answer or None, source), cost=asking_cost(check, source))

    if fact.target_new is None:
        return unused("no new answer")
    given = given_old_answer(fact, check, prefer)
    if not given:
        return unused("the model's own answer is empty")
    if is_one_of(fact.target_new, fact.target_old if source == "data" else (answer,)):
        return unused("old answer equals new answer")
    return Pair(
        fact=fact,
        check=check,
        old_answer=answer,
        old_source=source,
        old=row(model.asking, fact.prompt, given),
        new=row(model.asking, fact.prompt, fact.target_new),
    )


def pair_rows(
    model: LoadedModel, batch: Sequence[Pair], values: Mapping[str, np.ndarray], passes: Cost, what: str
) -> list[FactRow]:
    """The rows of B pairs with their `values`, each (B, …); `passes`: what one took, `what`: as of `measured_row`."""
    return [
        measured_row(
            model,
            pair.check,
            pair.old_answer,
            pair.old_source,
            {name: value[i] for name, value in values.items()},
            passes + asking_cost(pair.check, pair.old_source),
            what,
        )
        for i, pair in enumerate(batch)
    ]
