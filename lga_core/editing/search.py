"""One step of the search for an edit's value: δ in, the new answer's loss out, with as little recomputed as possible.

δ stands at the last subject token of every context, so nothing before that token and no block below the edited one
changes from step to step. The contexts are aligned at it: the columns before run once and leave their keys and values,
the blocks below run once and leave their hidden states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from lga_core.models.architecture import Block
from lga_core.models.forward import Beginning, Trunk, answer_nll, record_trunk, resume
from lga_core.models.hooks import on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow

Site = Literal["down", "block"]
"""Whose output δ is added to: the down projection's (ROME), or the whole block's (MEMIT's z)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """The part of a search that does not change from step to step, at one layer of one model."""

    trunk: Trunk
    layer: int
    site: Site
    index: AnswerIndex                       # over the contexts with an answer, in the trunk's columns
    column: int                              # of the last subject tokens, in the trunk's columns
    keys: torch.Tensor                       # (contexts, d_in) float32 inputs of the down projection there
    outputs: torch.Tensor                    # (contexts, d_out) float32 outputs of the site there

    @classmethod
    @torch.no_grad()
    def prepare(cls, model: LoadedModel, rows: Sequence[TokenRow], ends: Sequence[int], layer: int,
                site: Site = "down") -> "Search":
        """`rows`: contexts with the new answer, and the KL prompt last; `ends`: last subject token in each."""
        batch = Batch.aligned(rows, ends, model.device)
        index = AnswerIndex.of(rows[:-1], batch)
        first = min(max(ends), int(index.columns.min()))      # a subject's end may melt into the answer's first token
        column = max(ends) - first
        seen: dict[str, torch.Tensor] = {}

        def note_key(given: torch.Tensor, _output: torch.Tensor) -> None:
            seen["keys"] = given[:-1, column].float().clone()

        def note_output(_given: torch.Tensor, output: torch.Tensor) -> None:
            seen["outputs"] = output[:-1, column].float().clone()      # Falcon adds to it in place

        block, flat = model.architecture.blocks[layer], model.architecture.flat
        beginning = Beginning.of(model, batch, first)
        with on_outputs({block.down.module: note_key}, flat), on_outputs({_module(block, site): note_output}, flat):
            trunk = record_trunk(model, batch, [layer], beginning)
        shifted = AnswerIndex(rows=index.rows, columns=index.columns - first, tokens=index.tokens, counts=index.counts)
        return cls(trunk=trunk, layer=layer, site=site, index=shifted, column=column, keys=seen["keys"],
                   outputs=seen["outputs"])

    def evaluate(self, model: LoadedModel, delta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """nll of the new answer, mean over contexts, and log p (V,) after the KL prompt's subject, under δ (d_out,)."""

        def add(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            changed[:, self.column] = output[:, self.column] + delta.to(output.dtype)
            return changed

        site = _module(model.architecture.blocks[self.layer], self.site)
        with on_outputs({site: add}, model.architecture.flat):
            hidden = resume(model, self.trunk, self.layer)
        nll = self.index.mean_by_row(answer_nll(model, hidden, self.index)).mean()
        return nll, model.architecture.logits(hidden[-1, self.column]).log_softmax(-1)


def _module(block: Block, site: Site) -> nn.Module:
    return block.down.module if site == "down" else block.module
