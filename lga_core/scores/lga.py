"""Layer Gradient Analysis: the inner product of each layer's gradients for the old and the new answer (LGA §3).

For a linear layer with inputs X (T, d_in) and output gradients Δ (T, d_out) the weight gradient is ΔᵀX, so
⟨∇_o, ∇_n⟩ = sum((X_o X_nᵀ) ∘ (Δ_o Δ_nᵀ)): one pass over a padded batch gives every layer, every scope and
every fact of it, and no weight gradient is ever formed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.models.architecture import Linear
from lga_core.models.forward import answer_nll, final_hidden, gradients_from_embedding, packed_hidden
from lga_core.models.halving import Halving, in_one_step
from lga_core.models.hooks import OutputFunction, on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import batch_tokens, gradient_bytes
from lga_core.models.packing import Packing
from lga_core.models.quantized import require_gradients
from lga_core.models.tokens import AnswerIndex, Batch, Side, TokenRow, answer_row
from lga_core.results import Cost, FactRow, OldSource, Progress, SurveyRow, retold

VERSION = 1
SCOPES = ("mlp", "mlp-down", "attention", "block")
BATCH_TOKENS = 384                           # in one forward pass where they fit; a batch holds at least one fact


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
                  done: Collection[int] = frozenset()) -> Iterator[FactRow | Progress]:
    """Gradient products and norms of every layer; yields one row a fact, in order, and says where memory ran out.

    `values` holds "product/<scope>", "norm-old/<scope>" and "norm-new/<scope>", each (L,), for every scope, and the
    scalars "nll-old" and "nll-new" in nats. A fact that cannot be scored has a status that says why.
    """
    prepared = [
        _prepare(model, fact, row, settings.old)
        for fact, row in zip(facts, survey, strict=True) if fact.record not in done
    ]
    pairs = [item for item in prepared if isinstance(item, Pair)]
    finished: dict[int, FactRow] = {item.record: item for item in prepared if isinstance(item, FactRow)}
    halving, batch_of = Halving(what="LGA"), {}
    if pairs:
        require_gradients(model, "LGA")
        most = batch_tokens(model, "LGA", gradient_bytes(model), BATCH_TOKENS)
        batch_of = {pair.fact.record: batch for batch in _batches(pairs, most) for pair in batch}
    for number, item in enumerate(prepared, start=len(facts) - len(prepared)):
        record = item.record if isinstance(item, FactRow) else item.fact.record
        if record not in finished:           # in the facts' order, running a batch when its first fact is due
            rows = yield from retold(
                halving.steps(in_one_step(partial(_measure, model)), batch_of[record], _tokens),
                lambda step, number=number: replace(step, done=number, total=len(facts)))
            finished.update((row.record, row) for row in rows)
        yield finished.pop(record)


def gradient_products(model: LoadedModel, old: Sequence[TokenRow], new: Sequence[TokenRow],
                      side: Side = "right") -> dict[str, np.ndarray]:
    """Products and norms of a batch of B pairs: the components of `gradient_rows`, (B, L) and (B,).

    Two answers of one token each read the same inputs: such a pair is one row with one forward and two backward
    passes. Raises whatever the model raises; leaves no hook and no gradient behind.
    """
    shared = np.array([_share_inputs(a, b) for a, b in zip(old, new, strict=True)])
    values: dict[str, np.ndarray] = {}
    for together in (True, False):
        members = np.flatnonzero(shared == together)
        if len(members):
            part = _products(model, [old[i] for i in members], [new[i] for i in members], together, side)
            for name, found in part.items():
                values.setdefault(name, np.empty((len(old), *found.shape[1:])))[members] = found
    return values


def _share_inputs(old: TokenRow, new: TokenRow) -> bool:
    return old.ids[:-1] == new.ids[:-1]


def _products(model: LoadedModel, old: Sequence[TokenRow], new: Sequence[TokenRow], together: bool,
              side: Side) -> dict[str, np.ndarray]:
    """`gradient_products` of pairs that all share their inputs, or none does."""
    paired = [row for pair in zip(old, new, strict=True) for row in pair]    # a fact's two rows side by side
    rows = old if together else paired
    batch = Batch.of([TokenRow(ids=row.ids[:-1], start=row.start) for row in rows], model.device, side)
    sums = {
        f"{kind}/{scope}": torch.zeros(len(old), model.layers, dtype=torch.float64)
        for kind in ("product", "norm-old", "norm-new") for scope in SCOPES
    }
    indices = [AnswerIndex.of(answers, batch) for answers in ((old, new) if together else (paired,))]
    packing = Packing.of(batch) if model.architecture.packs else None
    with gradients_from_embedding(model), \
            on_outputs(_pairing_hooks(model, batch, packing, together, sums), model.architecture.flat):
        hidden = packed_hidden(model, packing) if packing else final_hidden(model, batch)
        losses = [index.mean_by_row(answer_nll(model, hidden, index)) for index in indices]
        for loss in losses:
            loss.sum().backward(retain_graph=loss is not losses[-1])
    values = {
        name: (total if name.startswith("product") else total.clamp(min=0).sqrt()).numpy()
        for name, total in sums.items()
    }
    nll = torch.stack(losses, 1) if together else losses[0].view(-1, 2)
    first, second = nll.detach().double().cpu().numpy().T
    return {**values, "nll-old": first, "nll-new": second}


def _pairing_hooks(model: LoadedModel, batch: Batch, packing: Packing | None, together: bool,
                   sums: Mapping[str, torch.Tensor]) -> dict:
    """For each matrix: when its output gradients have arrived, add the products to the scopes that hold it."""
    grams = _Grams(batch, packing, together)

    def hook_for(layer: int, scopes: tuple[str, ...]) -> OutputFunction:
        def forward(given: torch.Tensor, output: torch.Tensor) -> None:
            inputs, arrived = given.detach(), []

            def backward(gradient: torch.Tensor) -> None:
                arrived.append(gradient)
                if together and len(arrived) == 1:
                    return                                       # the old answer's; the new one's comes next
                pairs = grams.pairs(inputs, arrived)
                arrived.clear()
                for kind, first, second in (("product", 0, 1), ("norm-old", 0, 0), ("norm-new", 1, 1)):
                    for scope in scopes:
                        sums[f"{kind}/{scope}"][:, layer] += pairs[:, first, second]

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


class _Grams:
    """Inner products of a matrix's two gradients, from the token by token products of its inputs and gradients."""

    def __init__(self, batch: Batch, packing: Packing | None, together: bool) -> None:
        present, self._together, self._width = batch.mask.bool(), together, batch.ids.shape[1]
        places = torch.arange(present.numel(), device=present.device).view(present.shape)
        if packing:
            places = packing.places
        # (B, T or 2T): where a fact's tokens stand among all tokens, or among those of two gradients.
        if together:
            tokens = packing.ids.numel() if packing else present.numel()
            self._of_inputs, self._of_gradients = places, torch.cat([places, places + tokens], 1)
            present = torch.cat([present, present], 1)
        else:
            self._of_inputs = self._of_gradients = places.view(-1, 2 * self._width)
            present = present.view(-1, 2 * self._width)
        self._present = present[:, :, None] & present[:, None, :]
        self._last: tuple[tuple, torch.Tensor] | None = None

    def pairs(self, inputs: torch.Tensor, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        """⟨∇_a, ∇_b⟩ for a, b in (old, new), (B, 2, 2) float64, of inputs (…, d_in) and one or two Δ (…, d_out)."""
        products = self._inputs(inputs) * _gram(gradients, self._of_gradients)
        # Padding is left out whatever stands there: an infinite activation at a pad must not become NaN.
        products = products.where(self._present, 0)
        return products.view(-1, 2, self._width, 2, self._width).sum((2, 4)).double().cpu()

    def _inputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """Matrices that read the same input (gate and up; query, key and value) share its products."""
        which = (inputs.data_ptr(), inputs.shape)                # all inputs live until the backward pass is over
        if self._last is None or self._last[0] != which:
            gram = _gram([inputs], self._of_inputs)
            self._last = (which, gram.repeat(1, 2, 2) if self._together else gram)
        return self._last[1]


def _gram(values: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
    """All products between a fact's tokens, accumulated in float32 or better."""
    tokens = torch.cat([part.flatten(0, 1) for part in values]) if len(values) > 1 else values[0].flatten(0, 1)
    joined = tokens[index]
    joined = joined.float() if joined.dtype in (torch.bfloat16, torch.float16) else joined
    return joined @ joined.mT


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


def _batches(pairs: Sequence[Pair], most: int) -> list[list[Pair]]:
    """Facts of a kind and of like length together, as many as fit in `most` tokens after padding."""
    batches: list[list[Pair]] = []
    for together in (True, False):
        batch: list[Pair] = []
        members = [pair for pair in pairs if _share_inputs(pair.old, pair.new) == together]
        for pair in sorted(members, key=_width):
            if batch and _tokens([*batch, pair]) > most:
                batches.append(batch)
                batch = []
            batch.append(pair)
        batches += [batch] if batch else []
    return batches


def _tokens(batch: Sequence[Pair]) -> int:
    """Of the rows of a batch of one kind, after padding."""
    return (1 if _share_inputs(batch[0].old, batch[0].new) else 2) * max(map(_width, batch)) * len(batch)


def _width(pair: Pair) -> int:
    return max(len(pair.old), len(pair.new))


def _measure(model: LoadedModel, batch: Sequence[Pair]) -> list[FactRow]:
    begin = perf_counter()
    with model.using("LGA"):
        values = gradient_products(model, [pair.old for pair in batch], [pair.new for pair in batch])
    forward = 1 if _share_inputs(batch[0].old, batch[0].new) else 2
    cost = Cost(seconds=(perf_counter() - begin) / len(batch), forward_rows=forward, backward_rows=2)
    return [
        FactRow(record=pair.fact.record, status="used", old_answer=pair.old_answer, old_source=pair.old_source,
                known=pair.survey.known, values={name: value[i] for name, value in values.items()}, cost=cost)
        for i, pair in enumerate(batch)
    ]
