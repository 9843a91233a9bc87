"""Layer Gradient Analysis: the inner product of each layer's gradients for the old and the new answer (LGA §3).

For a linear layer with inputs X (T, d_in) and output gradients Δ (T, d_out) the weight gradient is ΔᵀX, so
⟨∇_o, ∇_n⟩ = sum((X_o X_nᵀ) ∘ (Δ_o Δ_nᵀ)): one forward and one backward over a padded batch give every layer,
every scope and every fact of it, and no weight gradient is ever formed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.models.architecture import Linear
from lga_core.models.forward import answer_nll, final_hidden, gradients_from_embedding
from lga_core.models.hooks import OutputFunction, on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import AnswerIndex, Batch, Side, TokenRow, answer_row
from lga_core.results import Cost, FactRow, OldSource, SurveyRow

VERSION = 1
SCOPES = ("mlp", "mlp-down", "attention", "block")
BATCH_TOKENS = 1024                          # of old and new rows together; a batch holds at least one fact


@dataclass(frozen=True, kw_only=True)
class GradientSettings:
    """Settings of the gradient measurement. `old`: where the old answer comes from first."""

    old: OldSource = "data"

    def __post_init__(self) -> None:
        if self.old not in ("data", "model"):
            raise ValueError(f"old must be 'data' or 'model', not {self.old!r}")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One fact with its two answers as token rows."""

    fact: Fact
    survey: SurveyRow
    old_answer: str
    old_source: OldSource
    old: TokenRow
    new: TokenRow


def old_answer(fact: Fact, row: SurveyRow, prefer: OldSource) -> tuple[str, OldSource]:
    """The answer that an edit replaces: the data's, or the model's own where that is asked for or all there is."""
    if prefer == "data" and fact.target_old:
        return fact.target_old[0], "data"
    return row.greedy, "model"


def gradient_rows(model: LoadedModel, facts: Sequence[Fact], survey: Sequence[SurveyRow], settings: GradientSettings,
                  done: Collection[int] = frozenset()) -> Iterator[FactRow]:
    """Gradient products and norms of every layer; yields one row a fact, in order.

    `values` holds "product/<scope>", "norm-old/<scope>" and "norm-new/<scope>", each (L,), for every scope, and the
    scalars "nll-old" and "nll-new" in nats. A fact that cannot be scored has a status that says why.
    """
    prepared = [
        _prepare(model, fact, row, settings.old)
        for fact, row in zip(facts, survey, strict=True) if fact.record not in done
    ]
    pairs = [item for item in prepared if isinstance(item, Pair)]
    finished: dict[int, FactRow] = {item.record: item for item in prepared if isinstance(item, FactRow)}
    batches = _batches(pairs)
    for item in prepared:                    # in the facts' order, running a batch when its first fact is due
        record = item.record if isinstance(item, FactRow) else item.fact.record
        while record not in finished:
            batch = next(batches)
            with model.using("LGA"):
                finished.update((row.record, row) for row in _measure(model, batch))
        yield finished.pop(record)


def gradient_products(model: LoadedModel, old: Sequence[TokenRow], new: Sequence[TokenRow],
                      side: Side = "right") -> dict[str, np.ndarray]:
    """Products and norms of a batch of B pairs: the components of `gradient_rows`, (B, L) and (B,).

    Raises whatever the model raises; leaves no hook and no gradient behind.
    """
    rows = [*old, *new]
    batch = Batch.of(rows, model.device, side)
    index = AnswerIndex.of(rows, batch)
    sums = {
        f"{kind}/{scope}": torch.zeros(len(old), model.layers, dtype=torch.float64)
        for kind in ("product", "norm-old", "norm-new") for scope in SCOPES
    }
    with gradients_from_embedding(model), \
            on_outputs(_pairing_hooks(model, batch, sums), model.architecture.flat):
        nll = index.mean_by_row(answer_nll(model, final_hidden(model, batch), index))
        nll.sum().backward()
    values = {
        name: (total if name.startswith("product") else total.clamp(min=0).sqrt()).numpy()
        for name, total in sums.items()
    }
    losses = nll.detach().double().cpu().numpy()
    return {**values, "nll-old": losses[:len(old)], "nll-new": losses[len(old):]}


def _pairing_hooks(model: LoadedModel, batch: Batch, sums: Mapping[str, torch.Tensor]) -> dict:
    """For each matrix: when its output gradient arrives, add the batch's products to the scopes that hold it."""
    present = batch.mask.bool()[..., None]

    def hook_for(layer: int, scopes: tuple[str, ...]) -> OutputFunction:
        def forward(given: torch.Tensor, output: torch.Tensor) -> None:
            inputs = given.detach()

            def backward(gradient: torch.Tensor) -> None:
                # Padding is zeroed on both sides, so that whatever stands there never matters.
                old_x, new_x = _precise(inputs.where(present, 0)).chunk(2)
                old_d, new_d = _precise(gradient.where(present, 0)).chunk(2)
                for kind, (x1, d1), (x2, d2) in (
                    ("product", (old_x, old_d), (new_x, new_d)),
                    ("norm-old", (old_x, old_d), (old_x, old_d)),
                    ("norm-new", (new_x, new_d), (new_x, new_d)),
                ):
                    inner = ((x1 @ x2.mT) * (d1 @ d2.mT)).sum((1, 2)).double().cpu()
                    for scope in scopes:
                        sums[f"{kind}/{scope}"][:, layer] += inner

            output.register_hook(backward)
        return forward

    hooks = {}
    for layer, block in enumerate(model.architecture.blocks):
        for matrix in (*block.mlp_linears, *block.attn_linears):
            hooks[matrix.module] = hook_for(layer, _scopes(matrix, block.mlp_linears, block.down))
    return hooks


def _scopes(matrix: Linear, mlp: tuple[Linear, ...], down: Linear) -> tuple[str, ...]:
    if matrix.name == down.name:
        return "mlp", "mlp-down", "block"
    return ("mlp", "block") if matrix in mlp else ("attention", "block")


def _precise(values: torch.Tensor) -> torch.Tensor:
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def _prepare(model: LoadedModel, fact: Fact, row: SurveyRow, prefer: OldSource) -> Pair | FactRow:
    answer, source = old_answer(fact, row, prefer)

    def unused(status: str) -> FactRow:
        return FactRow(record=fact.record, status=status, old_answer=answer or None, old_source=source,
                       known=row.known, values={})

    if fact.target_new is None:
        return unused("no new answer")
    if not answer:
        return unused("the model's own answer is empty")
    if answer.strip().casefold() == fact.target_new.strip().casefold():
        return unused("old answer equals new answer")
    return Pair(fact=fact, survey=row, old_answer=answer, old_source=source,
                old=answer_row(model.tokenizer, fact.prompt, answer),
                new=answer_row(model.tokenizer, fact.prompt, fact.target_new))


def _batches(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    """Neighbouring facts, as many as fit in BATCH_TOKENS after padding."""
    batch: list[Pair] = []
    for pair in pairs:
        width = max(len(row) for item in (*batch, pair) for row in (item.old, item.new))
        if batch and 2 * width * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(pair)
    if batch:
        yield batch


def _measure(model: LoadedModel, batch: Sequence[Pair]) -> list[FactRow]:
    begin = perf_counter()
    values = gradient_products(model, [pair.old for pair in batch], [pair.new for pair in batch])
    cost = Cost(seconds=(perf_counter() - begin) / len(batch), forward_rows=2, backward_rows=2)
    return [
        FactRow(record=pair.fact.record, status="used", old_answer=pair.old_answer, old_source=pair.old_source,
                known=pair.survey.known, values={name: value[i] for name, value in values.items()}, cost=cost)
        for i, pair in enumerate(batch)
    ]
