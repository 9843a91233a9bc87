"""What a rank-one edit does to a batch of prompts, to first order, at every layer in one pass (METHOD.md §7).

An edit adds (k_t·C⁻¹k) / (k·C⁻¹k) · d to the down projection's output at every token t. Only gradients at that output
are needed, so no weight gradient is formed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import answer_nll, final_hidden, gradients_from_embedding, packed_hidden
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.running.packing import Packing
from lga_core.models.text.tokens import AnswerIndex, Batch, Side, TokenRow
from lga_core.results import Cost, KnownFactCheck


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One fact's rows with their answers: the rewrite first, then its probes."""

    fact: Fact
    check: KnownFactCheck
    rows: tuple[TokenRow, ...]
    end: int  # last subject token of the rewrite
    terms: tuple[str, ...]  # of each row
    groups: tuple[str, ...]  # of each row
    own_answers: Cost  # of asking the model for its own answers

    @property
    def given(self) -> tuple[TokenRow, ...]:
        """The rows that the model reads: without their last token, which predicts nothing that is asked.

        The rewrite keeps it where the subject ends there.
        """
        rewrite, *probes = self.rows
        kept = max(len(rewrite) - 1, self.end + 1)
        return (
            TokenRow(ids=rewrite.ids[:kept], start=rewrite.start),
            *(TokenRow(ids=row.ids[:-1], start=row.start) for row in probes),
        )

    @property
    def prefix(self) -> TokenRow:
        """The rewrite up to the subject's end: what its key depends on."""
        return TokenRow(ids=self.rows[0].ids[: self.end + 1], start=self.end + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class JoinedRows:
    """A batch of R rows whose N tokens are joined end to end, wherever they stand in the batch."""

    batch: Batch
    packing: Packing | None
    row_of: torch.Tensor  # (N,) the row of each token
    firsts: torch.Tensor  # (R,) the first token of each row

    @classmethod
    def of(cls, model: LoadedModel, rows: Sequence[TokenRow], side: Side) -> "JoinedRows":
        batch = Batch.of(rows, model.device, side)
        lengths = torch.tensor([len(row) for row in rows], device=model.device)
        return cls(
            batch=batch,
            packing=Packing.of(batch) if model.architecture.packs else None,
            row_of=torch.arange(len(rows), device=model.device).repeat_interleave(lengths),
            firsts=lengths.cumsum(0) - lengths,
        )

    def hidden(self, model: LoadedModel) -> torch.Tensor:
        """Normed hidden states (R, T, d) after the last block."""
        return packed_hidden(model, self.packing) if self.packing else final_hidden(model, self.batch)

    def tokens(self, values: torch.Tensor) -> torch.Tensor:
        """(N, d) in float32 or better of a module's input or output."""
        tokens = values[0] if self.packing else values[self.batch.mask.bool()]  # (1, N, d) or (R, T, d) -> (N, d)
        return tokens.to(torch.promote_types(tokens.dtype, torch.float32))

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """Sums of (N,) over each row's tokens, (R,)."""
        return values.new_zeros(len(self.firsts)).index_add(0, self.row_of, values)

    def largest(self, values: torch.Tensor) -> torch.Tensor:
        """The value of largest size among each row's tokens, with its sign, (R,)."""
        none = values.new_zeros(len(self.firsts))
        high = none.scatter_reduce(0, self.row_of, values, "amax", include_self=False)
        low = none.scatter_reduce(0, self.row_of, values, "amin", include_self=False)
        return high.where(high >= -low, low)


def edit_keys(model: LoadedModel, cases: Sequence[Case], side: Side = "right") -> dict[int, torch.Tensor]:
    """k of every fact at every layer, layer -> (facts, d_in) on the CPU in float32 or better."""
    joined = JoinedRows.of(model, [case.prefix for case in cases], side)
    last = joined.firsts + torch.tensor([case.end for case in cases], device=model.device)
    keys: dict[int, torch.Tensor] = {}

    def hook_for(layer: int) -> OutputFunction:
        return lambda given, _output: keys.update({layer: joined.tokens(given)[last].cpu()})

    with torch.no_grad(), on_outputs(_down_hooks(model, hook_for), model.architecture.flat):
        joined.hidden(model)
    return keys


def edit_changes(
    model: LoadedModel, cases: Sequence[Case], directions: Mapping[int, torch.Tensor], side: Side = "right"
) -> dict[str, np.ndarray]:
    """What the edits of F facts do to their R rows, to first order, for δ of norm ‖v0‖; float64.

    "change" and "overlap" (R, L), "change/rewrite" (F, L) through the subject's last token alone, "nll" (R,),
    "gradient-norm" and "value-norm" (F, L). `directions`: layer -> C⁻¹k / (k·C⁻¹k) of each fact (F, d_in).
    """
    rows = [row for case in cases for row in case.rows]
    joined = JoinedRows.of(model, [row for case in cases for row in case.given], side)
    counts = torch.tensor([len(case.rows) for case in cases], device=model.device)
    ends = torch.tensor([case.end for case in cases], device=model.device)
    last = joined.firsts[counts.cumsum(0) - counts] + ends  # (F,) the edited tokens
    fact_of_row = torch.arange(len(cases), device=model.device).repeat_interleave(counts)  # (R,)
    fact_of = fact_of_row[joined.row_of]  # (N,)
    values: dict[str, np.ndarray] = {}

    def of_own_fact(products: torch.Tensor) -> torch.Tensor:
        return products.gather(1, fact_of[:, None])[:, 0]  # (N, F) -> (N,)

    def hook_for(layer: int) -> OutputFunction:
        def forward(given: torch.Tensor, output: torch.Tensor) -> None:
            inputs = given.detach()
            start = joined.tokens(output.detach())[last].norm(dim=-1)  # ‖v0‖ (F,)

            def backward(gradient: torch.Tensor) -> None:
                gradients = joined.tokens(gradient)  # g_t (N, d_out)
                size = gradients[last].norm(dim=-1)  # ‖g‖ (F,)
                step = -gradients[last] * (start / size).where(size > 0, 0)[:, None]  # d (F, d_out)
                share = of_own_fact(joined.tokens(inputs) @ directions[layer].to(inputs.device).T)  # a_t (N,)
                change = joined.sums(of_own_fact(gradients @ step.T) * share)
                for name, value in (
                    ("change", change),
                    ("overlap", joined.largest(share)),
                    ("change/rewrite", -size * start),
                    ("gradient-norm", size),
                    ("value-norm", start),
                ):
                    of_layers = values.setdefault(name, np.zeros((len(value), model.layers)))
                    of_layers[:, layer] = value.double().cpu().numpy()

            output.register_hook(backward)

        return forward

    index = AnswerIndex.of(rows, joined.batch)
    with gradients_from_embedding(model), on_outputs(_down_hooks(model, hook_for), model.architecture.flat):
        nll = index.mean_by_row(answer_nll(model, joined.hidden(model), index))
        nll.sum().backward()
    return {**values, "nll": nll.detach().double().cpu().numpy()}


def _down_hooks(model: LoadedModel, hook_for: Callable[[int], OutputFunction]) -> dict[nn.Module, OutputFunction]:
    """A function at every layer's down projection."""
    return {block.down.module: hook_for(layer) for layer, block in enumerate(model.architecture.blocks)}
