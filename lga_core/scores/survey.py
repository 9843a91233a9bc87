"""What the model says by itself: which facts it knows, and its own greedy answer (METHOD §1 and §2)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from time import perf_counter

import torch

from lga_core.data.facts import Fact
from lga_core.models.forward import final_hidden
from lga_core.models.generate import greedy
from lga_core.models.halving import Halving, in_one_step
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import asking_bytes, batch_tokens
from lga_core.models.tokens import Batch, answer_row, prompt_row
from lga_core.results import Cost, Progress, SurveyRow, retold

VERSION = 1
BATCH = 16                                   # facts asked at once, where they fit
OWN_ANSWER_TOKENS = 5                        # where there is no new answer whose length it could have


def first_tokens(model: LoadedModel, fact: Fact) -> set[int]:
    """The first token of every accepted old answer."""
    return {answer_row(model.tokenizer, fact.prompt, answer).answer[0] for answer in fact.target_old}


def survey(model: LoadedModel, facts: Sequence[Fact],
           done: Collection[int] = frozenset()) -> Iterator[SurveyRow | Progress]:
    """Ask the model every fact; yields one row a fact, in order, without those whose record is in `done`; and says
    where memory ran out.

    Known = the greedy next token is the first token of any accepted old answer; None where there is no old answer.
    The model's own answer has as many tokens as the fact's new answer (5 where there is none), cut at a line's end.
    """
    left = [fact for fact in facts if fact.record not in done]
    if not left:
        return
    halving = Halving(what="The survey", most=batch_tokens(model, "The survey", asking_bytes(model)))

    def ask(batch: Sequence[Fact]) -> list[SurveyRow]:
        with model.using("asking the model"):
            return _ask(model, batch)

    def tokens(batch: Sequence[Fact]) -> int:
        """With the model's own answers, after padding."""
        widest = max(len(prompt_row(model.tokenizer, fact.prompt)) + _own_length(model, fact) for fact in batch)
        return len(batch) * widest

    for first in range(0, len(left), BATCH):
        batch, already = left[first:first + BATCH], len(facts) - len(left) + first
        yield from (yield from retold(halving.steps(in_one_step(ask), batch, tokens),
                                      lambda step, already=already: replace(step, done=already, total=len(facts))))


def _ask(model: LoadedModel, facts: Sequence[Fact]) -> list[SurveyRow]:
    begin = perf_counter()
    rows = [prompt_row(model.tokenizer, fact.prompt) for fact in facts]
    lengths = [_own_length(model, fact) for fact in facts]
    batch = Batch.of(rows, model.device)
    with torch.no_grad():
        last = torch.tensor([len(row) - 1 for row in rows], device=model.device)
        hidden = final_hidden(model, batch)[torch.arange(len(rows), device=model.device), last]
        best = model.architecture.logits(hidden).softmax(-1).max(-1)
    texts = greedy(model, rows, max(lengths))
    cost = Cost(seconds=(perf_counter() - begin) / len(facts), forward_rows=1 + max(lengths) / max(map(len, rows)))
    return [
        SurveyRow(
            record=fact.record,
            known=bool(token in first_tokens(model, fact)) if fact.target_old else None,
            greedy=_first_line(model.tokenizer.decode(text[:length])),
            probability=float(probability),
            cost=cost,
        )
        for fact, token, probability, text, length in zip(
            facts, best.indices.tolist(), best.values.tolist(), texts, lengths, strict=True)
    ]


def _own_length(model: LoadedModel, fact: Fact) -> int:
    if fact.target_new is None:
        return OWN_ANSWER_TOKENS
    return len(answer_row(model.tokenizer, fact.prompt, fact.target_new).answer)


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0].strip()
