"""What the model says by itself: which facts it knows, and its own greedy answer (METHOD.md §1 and §2).

Which facts it cannot be asked about is said here too, once for all measurements: `KnownFactCheck.problem`.
"""

from collections.abc import Collection, Iterator, Sequence
from math import isfinite
from time import perf_counter

import torch

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import final_hidden
from lga_core.models.running.generate import greedy
from lga_core.models.running.halving import Halving
from lga_core.models.running.memory import asking_bytes, batch_tokens
from lga_core.models.text.chat import UnaskableError
from lga_core.models.text.tokens import Batch, answer_row, prompt_row
from lga_core.probes.questions import OWN_ANSWER_TOKENS, OwnAnswer
from lga_core.progress import Phase, Reporter, silent
from lga_core.results import Cost, KnownFactCheck
from lga_core.scores.steps import inside

BATCH = 16  # facts asked at once, where they fit


def first_tokens(model: LoadedModel, fact: Fact) -> set[int]:
    """The first token of every accepted old answer."""
    return {answer_row(model.asking, fact.prompt, answer).answer[0] for answer in fact.target_old}


def problem_of(model: LoadedModel, fact: Fact) -> str | None:
    """Why this model cannot be asked about a fact, in short; None where it can.

    Its prompt with each of its answers must be tokens that the model can read, and leave room for the model's own
    answer. Which other facts are asked never matters.
    """
    try:
        first_tokens(model, fact)
        prompt = prompt_row(model.asking, fact.prompt)
        model.asking.check_length(len(prompt) + _own_length(model, fact), fact.prompt)
    except UnaskableError as error:
        return error.reason
    return None


def check_known_facts(
    model: LoadedModel, facts: Sequence[Fact], done: Collection[int] = frozenset(), *, report: Reporter = silent
) -> Iterator[KnownFactCheck]:
    """Ask the model every fact; yields one row a fact, in order, without those whose record is in `done`.

    Known = the greedy next token is the first token of any accepted old answer; None where there is no old answer.
    The model's own answer has as many tokens as the fact's new answer (5 where there is none), cut at a line's end:
    `first_line`.
    A fact that the model cannot be asked about has a row that says why. Reports where memory ran out.
    """
    left = [fact for fact in facts if fact.record not in done]
    if not left:
        return
    halving = Halving(phase=Phase.KNOWN_FACTS, most=batch_tokens(model, "The known-fact check", asking_bytes(model)))

    def ask(batch: Sequence[Fact]) -> list[KnownFactCheck]:
        with model.using(Phase.KNOWN_FACTS):
            return _ask(model, batch)

    def tokens(batch: Sequence[Fact]) -> int:
        """With the model's own answers, after padding."""
        widest = max(len(prompt_row(model.asking, fact.prompt)) + _own_length(model, fact) for fact in batch)
        return len(batch) * widest

    for first in range(0, len(left), BATCH):
        batch = left[first : first + BATCH]
        problems = {fact.record: problem for fact in batch if (problem := problem_of(model, fact)) is not None}
        askable = [fact for fact in batch if fact.record not in problems]
        within = inside(report, Phase.KNOWN_FACTS, len(facts) - len(left) + first, len(facts))
        checks = [KnownFactCheck.refused(record, problem) for record, problem in problems.items()]
        if askable:
            checks += halving.run(ask, askable, tokens, report=within)
        by_record = {check.record: check for check in checks}
        yield from (by_record[fact.record] for fact in batch)


def _ask(model: LoadedModel, facts: Sequence[Fact]) -> list[KnownFactCheck]:
    begin = perf_counter()
    rows = [prompt_row(model.asking, fact.prompt) for fact in facts]
    lengths = [_own_length(model, fact) for fact in facts]
    batch = Batch.of(rows, model.device)
    with torch.no_grad():
        last = torch.tensor([len(row) - 1 for row in rows], device=model.device)
        hidden = final_hidden(model, batch)[torch.arange(len(rows), device=model.device), last]  # (B, d)
        best = model.architecture.logits(hidden).softmax(-1).max(-1)
    answers = [first_line(model, text) for text in greedy(model, rows, lengths)]
    seconds = (perf_counter() - begin) / len(facts)
    # The prompt is run for its first token and again for the text, of which each token but the last is a column more.
    forward_rows = [2 + (length - 1) / len(row) for row, length in zip(rows, lengths, strict=True)]
    costs = [Cost(seconds=seconds, forward_rows=of_fact) for of_fact in forward_rows]
    said = zip(facts, best.indices.tolist(), best.values.tolist(), answers, costs, strict=True)
    return [_check(model, *of_fact) for of_fact in said]


def _check(
    model: LoadedModel, fact: Fact, token: int, probability: float, own: OwnAnswer, cost: Cost
) -> KnownFactCheck:
    """Of what the model said; `token` and `probability` are those of the greedy next token."""
    if not isfinite(probability):
        dtype = str(model.dtype).removeprefix("torch.")
        return KnownFactCheck.refused(fact.record, f"the model's numbers overflow there in {dtype}")
    return KnownFactCheck(
        record=fact.record,
        known=token in first_tokens(model, fact) if fact.target_old else None,
        greedy=own.text,
        greedy_ids=own.ids,
        probability=probability,
        cost=cost,
    )


def _own_length(model: LoadedModel, fact: Fact) -> int:
    if fact.target_new is None:
        return OWN_ANSWER_TOKENS
    return len(answer_row(model.asking, fact.prompt, fact.target_new).answer)


def first_line(model: LoadedModel, ids: tuple[int, ...]) -> OwnAnswer:
    """The first line that has text, and the fewest tokens that hold it; what stands before it belongs to them.

    Of an answer that is nothing but white space it is the first token.
    """

    def line_of(part: tuple[int, ...]) -> str:
        return model.tokenizer.decode(part).strip().split("\n")[0].strip()

    line = line_of(ids)
    end = next((count for count in range(1, len(ids)) if line_of(ids[:count]) == line), len(ids))
    return OwnAnswer(ids=ids[:end], text=line)
