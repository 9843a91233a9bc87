"""One step of the search for edits' values: δ of each fact in, its new answer's loss out, little recomputed.

δ stands at the last subject token of every context, so nothing before that token and no block below the edited one
changes from step to step. The contexts of all facts are aligned at it: the columns before run once and leave their keys
and values, and one run leaves what every block was given, for a search at any layer. Facts whose search has ended
leave the batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import torch
from torch import nn

from lga_core.data.facts import Fact
from lga_core.editing.table import new_answer
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens
from lga_core.models.running.forward import ActivationCache, PrefixCache, answer_nll, record_activations, resume
from lga_core.models.running.hooks import on_outputs
from lga_core.models.running.memory import batch_tokens, gradient_bytes
from lga_core.models.structure.architecture import Block
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row, subject_span

SEARCH_TOKENS = 768  # run at once in each step of a search where they fit, after padding
PADDING_TOKENS = 96  # that are run for nothing rather than in a batch of their own

Site = Literal["down", "block"]
"""Whose output δ is added to: the down projection's (ROME), or the whole block's (MEMIT's z)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contexts:
    """The prompts that δ is searched on: the bare prompt first, then prefixed ones, then "{subject} is a".

    In a chat template each is a user's message, the prefix at its beginning.
    """

    rows: tuple[TokenRow, ...]  # contexts with the new answer, and the KL prompt last
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
        rows.append(prompt_row(model.asking, essence))
        ends.append(subject_span(model.asking, essence, (0, len(fact.subject)))[1] - 1)
        return cls(rows=tuple(rows), subject_ends=tuple(ends))

    @property
    def tail(self) -> int:
        """Columns from the last subject token on: what every step of a search runs."""
        return max(len(row) - end for row, end in zip(self.rows, self.subject_ends, strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """The part of a search that does not change from step to step, for the facts of one batch at some layers.

    Rows: every fact's contexts, fact by fact, and after them every fact's KL prompt.
    """

    activations: ActivationCache
    site: Site
    index: AnswerIndex  # over the contexts, in the activations' columns
    column: int  # of the last subject tokens, in the activations' columns
    keys: Mapping[int, torch.Tensor]  # layer -> (facts, contexts, d_in) float32 inputs of the down projection
    outputs: Mapping[int, torch.Tensor]  # layer -> (facts, contexts, d_out) float32 outputs of the site

    @classmethod
    @torch.no_grad()
    def prepare(
        cls, model: LoadedModel, facts: Sequence[Contexts], layers: Sequence[int], site: Site = "down"
    ) -> "Search":
        contexts = len(facts[0].rows) - 1
        answered = [(row, end) for one in facts for row, end in zip(one.rows[:-1], one.subject_ends[:-1], strict=True)]
        rows, ends = zip(*answered, *((one.rows[-1], one.subject_ends[-1]) for one in facts), strict=True)
        given = [row.given if end < len(row.given) else row for row, end in zip(rows, ends, strict=True)]
        batch = Batch.aligned(given, ends, model.device)
        index = AnswerIndex.of(rows[: len(answered)], batch)
        first = min(max(ends), int(index.columns.min()))  # a subject's end may melt into the answer's first token
        column = max(ends) - first
        keys: dict[int, torch.Tensor] = {}
        outputs: dict[int, torch.Tensor] = {}

        def read(states: torch.Tensor) -> torch.Tensor:
            states = states[: len(answered), column].float().clone()  # (facts·contexts, d)
            return states.unflatten(0, (len(facts), contexts))  # (facts, contexts, d)

        def note_key(layer: int):
            return lambda given, _output: keys.update({layer: read(given)})

        def note_output(layer: int):
            return lambda _given, output: outputs.update({layer: read(output)})  # Falcon adds to it in place

        blocks = model.architecture.blocks
        flat = model.architecture.flat
        prefix = PrefixCache.of(model, batch, first)
        with (
            on_outputs({blocks[layer].down.module: note_key(layer) for layer in layers}, flat),
            on_outputs({_module(blocks[layer], site): note_output(layer) for layer in layers}, flat),
        ):
            activations = record_activations(model, batch, layers, prefix)
        shifted = AnswerIndex(rows=index.rows, columns=index.columns - first, tokens=index.tokens, counts=index.counts)
        return cls(activations=activations, site=site, index=shifted, column=column, keys=keys, outputs=outputs)

    def evaluate(
        self, model: LoadedModel, layer: int, facts: torch.Tensor, deltas: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The new answers' nll (n,), mean over contexts, and log p (n, V) after the KL prompts' subjects.

        Of the chosen facts (n,), each under its own δ (n, d_out).
        """
        total, contexts, _ = self.keys[layer].shape
        each = torch.arange(contexts, device=facts.device)
        rows = torch.cat([(facts[:, None] * contexts + each).flatten(), total * contexts + facts])  # (n·contexts + n,)
        added = torch.cat([deltas.repeat_interleave(contexts, 0), deltas])

        def add(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            changed[:, self.column] = output[:, self.column] + added.to(output.dtype)
            return changed

        whole = len(facts) == total
        site = _module(model.architecture.blocks[layer], self.site)
        with on_outputs({site: add}, model.architecture.flat):
            hidden = resume(model, self.activations, layer, rows=None if whole else rows)
        index = self.index if whole else self.index.select(rows[: len(facts) * contexts])
        nll = index.mean_by_row(answer_nll(model, hidden, index)).unflatten(0, (len(facts), contexts)).mean(1)
        return nll, model.architecture.logits(hidden[-len(facts) :, self.column]).log_softmax(-1)


def search_tokens(contexts: Sequence[Contexts]) -> int:
    """What one step of a search runs for these facts together, pads counted."""
    return sum(len(one.rows) for one in contexts) * max(one.tail for one in contexts)


def batches(model: LoadedModel, contexts: Mapping[int, Contexts]) -> list[list[int]]:
    """The facts in batches that one search holds; those with as much to run after the subject stand together."""
    if not contexts:
        return []

    def size(facts: Sequence[int]) -> float:
        together = [contexts[fact] for fact in facts]
        tokens = search_tokens(together)
        padding = tokens - sum(len(one.rows) * one.tail for one in together)
        return tokens if padding <= PADDING_TOKENS else inf

    most = batch_tokens(model, "The search for v*", gradient_bytes(model), SEARCH_TOKENS)
    return list(by_tokens(contexts, size, most, order=lambda fact: contexts[fact].tail))


def _module(block: Block, site: Site) -> nn.Module:
    return block.down.module if site == "down" else block.module
