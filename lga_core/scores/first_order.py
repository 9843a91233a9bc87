"""What a rank-one edit does to a batch of prompts, to first order, at every layer in one pass (METHOD §7).

An edit adds (k_t·C⁻¹k) / (k·C⁻¹k) · d to the down projection's output at every token t. Only gradients at that output
are needed, so no weight gradient is formed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.models.forward import answer_nll, final_hidden, gradients_from_embedding, packed_hidden
from lga_core.models.hooks import OutputFunction, on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.packing import Packing
from lga_core.models.tokens import AnswerIndex, Batch, Side, TokenRow
from lga_core.results import Cost, SurveyRow


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One fact's rows with their answers: the rewrite first, then its probes."""

    fact: Fact
    survey: SurveyRow
    rows: tuple[TokenRow, ...]
    end: int                                 # last subject token of the rewrite
    terms: tuple[str, ...]                   # of each row
    groups: tuple[str, ...]                  # of each row
    own: Cost                                # of asking for the model's own answers

    @property
    def given(self) -> tuple[TokenRow, ...]:
        """The rows that the model reads: without their last token, which predicts nothing that is asked."""
        return tuple(TokenRow(ids=row.ids[:max(len(row) - 1, self.end + 1 if i == 0 else 0)], start=row.start)
                     for i, row in enumerate(self.rows))

    @property
    def beginning(self) -> TokenRow:
        """The rewrite up to the subject's end: what its key depends on."""
        return TokenRow(ids=self.rows[0].ids[:self.end + 1], start=self.end + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A batch's rows with the tokens of all of them end to end, N in all, wherever they stand in the batch."""

    batch: Batch
    packing: Packing | None
    row_of: torch.Tensor                     # (N,) the row of each token
    firsts: torch.Tensor                     # (R,) the first token of each row

    @classmethod
    def of(cls, model: LoadedModel, rows: Sequence[TokenRow], side: Side) -> "Line":
        batch = Batch.of(rows, model.device, side)
        lengths = torch.tensor([len(row) for row in rows], device=model.device)
        return cls(batch=batch, packing=Packing.of(batch) if model.architecture.packs else None,
                   row_of=torch.arange(len(rows), device=model.device).repeat_interleave(lengths),
                   firsts=lengths.cumsum(0) - lengths)

    def hidden(self, model: LoadedModel) -> torch.Tensor:
        """Normed hidden states (R, T, d) after the last block."""
        return packed_hidden(model, self.packing) if self.packing else final_hidden(model, self.batch)

    def tokens(self, values: torch.Tensor) -> torch.Tensor:
        """(N, d) in float32 or better of what a module was given or gave."""
        found = values[0] if self.packing else values[self.batch.mask.bool()]
        return found.to(torch.promote_types(found.dtype, torch.float32))


def edit_keys(model: LoadedModel, cases: Sequence[Case], side: Side = "right") -> dict[int, torch.Tensor]:
    """k of every fact at every layer, layer -> (facts, d_in) on the CPU in float32 or better."""
    line = Line.of(model, [case.beginning for case in cases], side)
    last = line.firsts + torch.tensor([case.end for case in cases], device=model.device)
    keys: dict[int, torch.Tensor] = {}

    def hook_for(layer: int) -> OutputFunction:
        return lambda given, _output: keys.update({layer: line.tokens(given)[last].cpu()})

    blocks = enumerate(model.architecture.blocks)
    with on_outputs({block.down.module: hook_for(layer) for layer, block in blocks}, model.architecture.flat):
        line.hidden(model)
    return keys


def edit_changes(model: LoadedModel, cases: Sequence[Case], directions: Mapping[int, torch.Tensor],
                 side: Side = "right") -> dict[str, np.ndarray]:
    """What the edits of F facts do to their R rows, to first order, for δ of norm ‖v0‖; float64.

    "change" and "overlap" (R, L), "change/rewrite" (F, L) through the subject's last token alone, "nll" (R,),
    "gradient-norm" and "value-norm" (F, L). `directions`: layer -> (F, d_in).
    """
    rows = [row for case in cases for row in case.rows]
    line = Line.of(model, [row for case in cases for row in case.given], side)
    counts = torch.tensor([len(case.rows) for case in cases], device=model.device)
    ends = torch.tensor([case.end for case in cases], device=model.device)
    last = line.firsts[counts.cumsum(0) - counts] + ends                        # (F,) the edited tokens
    fact_of = torch.arange(len(cases), device=model.device).repeat_interleave(counts)[line.row_of]      # (N,)
    found = {name: np.zeros((size, model.layers)) for name, size in (
        ("change", len(rows)), ("overlap", len(rows)), ("change/rewrite", len(cases)), ("gradient-norm", len(cases)),
        ("value-norm", len(cases)))}

    def of_own(values: torch.Tensor) -> torch.Tensor:
        return values.gather(1, fact_of[:, None])[:, 0]                         # (N, F) -> (N,)

    def hook_for(layer: int) -> OutputFunction:
        def forward(given: torch.Tensor, output: torch.Tensor) -> None:
            inputs, start = given.detach(), line.tokens(output.detach())[last].norm(dim=-1)

            def backward(gradient: torch.Tensor) -> None:
                pulls, direction = line.tokens(gradient), directions[layer].to(inputs.device)
                size = pulls[last].norm(dim=-1)
                step = -pulls[last] * (start / size).where(size > 0, 0)[:, None]             # d (F, d_out)
                felt = of_own(line.tokens(inputs) @ direction.T)                             # a_t (N,)
                change = of_own(pulls @ step.T) * felt
                for name, value in (("change", _by_row(change, line)), ("overlap", _largest_by_row(felt, line)),
                                    ("change/rewrite", -size * start), ("gradient-norm", size), ("value-norm", start)):
                    found[name][:, layer] = value.double().cpu().numpy()

            output.register_hook(backward)
        return forward

    blocks, index = enumerate(model.architecture.blocks), AnswerIndex.of(rows, line.batch)
    with gradients_from_embedding(model), \
            on_outputs({block.down.module: hook_for(layer) for layer, block in blocks}, model.architecture.flat):
        nll = index.mean_by_row(answer_nll(model, line.hidden(model), index))
        nll.sum().backward()
    return {**found, "nll": nll.detach().double().cpu().numpy()}


def _by_row(values: torch.Tensor, line: Line) -> torch.Tensor:
    """Sums of (N,) over each row's tokens, (R,)."""
    return values.new_zeros(len(line.firsts)).index_add(0, line.row_of, values)


def _largest_by_row(values: torch.Tensor, line: Line) -> torch.Tensor:
    """The value of largest size among each row's tokens, with its sign, (R,)."""
    none = values.new_zeros(len(line.firsts))
    high, low = (none.scatter_reduce(0, line.row_of, values, how, include_self=False) for how in ("amax", "amin"))
    return high.where(high >= -low, low)
