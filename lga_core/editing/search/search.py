"""One step of the search for edits' values: δ of each case in, its new answer's loss out, little recomputed.

δ stands at the last subject token of every context, so nothing before that token and no block below the edited one
changes from step to step. The contexts of all facts are aligned at it: the columns before run once and leave their keys
and values, and one run leaves what every block was given, for a search at any layer. A case is a fact at a layer; the
cases of several layers share the blocks above them. Those whose search has ended leave the batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from lga_core.editing.search.contexts import Contexts
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import ActivationCache, PrefixCache, record_activations, run_block
from lga_core.models.running.hooks import on_outputs
from lga_core.models.running.residual import adds_to_residual
from lga_core.models.structure.architecture import Block
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow

Site = Literal["down", "block"]
"""Whose output δ is added to: the down projection's (ROME), or the whole block's (MEMIT's z)."""
Case = tuple[int, int]
"""A layer, and a fact's place in the batch."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """The part of a search that does not change from step to step, for the facts of one batch at some layers.

    Rows: every fact's contexts, fact by fact, and after them the KL prompts that are no context's beginning.
    """

    activations: ActivationCache
    site: Site
    index: AnswerIndex  # over the contexts, in the activations' columns
    column: int  # of the last subject tokens, in the activations' columns
    kl_rows: tuple[int, ...]  # of each fact, the row that begins with its KL prompt
    direct: frozenset[int]  # layers at which δ arrives at the block's output as it is
    keys: Mapping[int, torch.Tensor]  # layer -> (facts, contexts, d_in) float32 inputs of the down projection
    outputs: Mapping[int, torch.Tensor]  # layer -> (facts, contexts, d_out) float32 outputs of the site

    @classmethod
    @torch.no_grad()
    def prepare(
        cls, model: LoadedModel, facts: Sequence[Contexts], layers: Sequence[int], site: Site = "down"
    ) -> "Search":
        contexts = len(facts[0].rows) - 1
        rows, ends, kl_rows = _rows_of(facts)
        given = [row.given if end < len(row.given) else row for row, end in zip(rows, ends, strict=True)]
        batch = Batch.aligned(given, ends, model.device)
        asked = len(facts) * contexts
        index = AnswerIndex.of(rows[:asked], batch)
        first = min(max(ends), int(index.columns.min()))  # a subject's end may melt into the answer's first token
        column = max(ends) - first
        keys: dict[int, torch.Tensor] = {}
        outputs: dict[int, torch.Tensor] = {}

        def read(states: torch.Tensor) -> torch.Tensor:
            states = states[:asked, column].float().clone()  # (facts·contexts, d)
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
            activations = record_activations(
                model, batch, {at for layer in layers for at in (layer, layer + 1)}, prefix
            )
        return cls(
            activations=activations,
            site=site,
            index=replace(index, columns=index.columns - first),
            column=column,
            keys=keys,
            outputs=outputs,
            kl_rows=kl_rows,
            direct=frozenset(layer for layer in layers if site == "block" or adds_to_residual(model, layer)),
        )

    def evaluate(
        self, model: LoadedModel, cases: Sequence[Case], deltas: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The new answers' nll (n,), mean over contexts, and log p (n, V) after the KL prompts' subjects.

        Of the chosen cases, the lowest layers first, each under its own δ (n, d_out).
        """
        contexts = next(iter(self.keys.values())).shape[1]
        places = _Places.of(cases, contexts, self.kl_rows)
        rows: list[int] = []  # of the activations, that are in the batch
        hidden = deltas.new_empty(0)
        for block in range(cases[0][0], model.layers):
            if rows:
                hidden = run_block(model, self.activations, block, hidden, self._selected(rows))  # (R, T, d)
            if block in places.joining:
                joining = places.joining[block]
                begun = self._after(model, block, self._selected(joining), deltas[places.cases[block]])
                hidden = torch.cat([hidden, begun]) if rows else begun
                rows += joining
        return self._read(model, model.architecture.final_norm(hidden), cases, places)

    def _read(
        self, model: LoadedModel, hidden: torch.Tensor, cases: Sequence[Case], places: "_Places"
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What `evaluate` returns, from the last block's normalized outputs (R, T, d)."""
        contexts = len(places.contexts) // len(cases)
        device = hidden.device
        index = self.index.select(
            torch.tensor([fact * contexts + context for _, fact in cases for context in range(contexts)], device=device)
        )
        predicting = hidden[torch.tensor(places.contexts, device=device)[index.rows], index.columns]  # (N, d)
        subjects = hidden[torch.tensor(places.kl_prompts, device=device), self.column]  # (n, d)
        logits = model.architecture.logits(torch.cat([predicting, subjects]))  # the head's weights are read once
        nll = nn.functional.cross_entropy(logits[: len(predicting)], index.tokens, reduction="none")
        nll = index.mean_by_row(nll).unflatten(0, (len(cases), contexts)).mean(1)
        return nll, logits[len(predicting) :].log_softmax(-1)

    def _selected(self, rows: Sequence[int]) -> torch.Tensor | None:
        """As `run_block` takes them: None where they are all that there are, in order."""
        if list(rows) == list(range(self.activations.rows)):
            return None
        return torch.tensor(rows, device=self.index.rows.device)

    def _after(self, model: LoadedModel, layer: int, rows: torch.Tensor | None, added: torch.Tensor) -> torch.Tensor:
        """A block's output (R, T, d) for some rows, each with its δ (R, d_out) added at the site."""

        def add(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            changed[:, self.column] = output[:, self.column] + added.to(output.dtype)
            return changed

        def recorded(block: int) -> torch.Tensor:
            hidden = self.activations.hidden[block]
            return hidden if rows is None else hidden[rows]

        if layer in self.direct:
            return add(recorded(layer), recorded(layer + 1))
        with on_outputs({_module(model.architecture.blocks[layer], self.site): add}, model.architecture.flat):
            return run_block(model, self.activations, layer, recorded(layer), rows)


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Where the rows of some cases stand in the batch, which a case's rows join at its layer."""

    joining: dict[int, list[int]]  # layer -> rows of the activations
    cases: dict[int, list[int]]  # layer -> the case of each of them
    contexts: list[int]  # in the batch, case by case
    kl_prompts: list[int]  # in the batch, one a case; it may be the case's first context

    @classmethod
    def of(cls, cases: Sequence[Case], contexts: int, kl_rows: Sequence[int]) -> "_Places":
        """Of cases with the lowest layers first. `contexts`: of a fact; `kl_rows`: as `Search` has them."""
        places = cls(joining={}, cases={}, contexts=[], kl_prompts=[])
        first = 0  # the case's first place in the batch
        for case, (layer, fact) in enumerate(cases):
            rows = list(range(fact * contexts, (fact + 1) * contexts))
            places.contexts.extend(range(first, first + contexts))
            if kl_rows[fact] == rows[0]:
                places.kl_prompts.append(first)
            else:
                places.kl_prompts.append(first + contexts)
                rows.append(kl_rows[fact])
            places.joining.setdefault(layer, []).extend(rows)
            places.cases.setdefault(layer, []).extend([case] * len(rows))
            first += len(rows)
        return places


def _rows_of(facts: Sequence[Contexts]) -> tuple[list[TokenRow], list[int], tuple[int, ...]]:
    """The rows of a search, each one's last subject token, and of each fact the row that begins with its KL prompt.

    Every fact's contexts come first, fact by fact; after them the KL prompts that are no context's beginning.
    """
    contexts = len(facts[0].rows) - 1
    rows = [row for one in facts for row in one.rows[:-1]]
    ends = [end for one in facts for end in one.subject_ends[:-1]]
    kl_rows: list[int] = []
    for fact, one in enumerate(facts):
        if one.begins_with_subject:
            kl_rows.append(fact * contexts)
        else:
            kl_rows.append(len(rows))
            rows.append(one.rows[-1])
            ends.append(one.subject_ends[-1])
    return rows, ends, tuple(kl_rows)


def _module(block: Block, site: Site) -> nn.Module:
    return block.down.module if site == "down" else block.module
