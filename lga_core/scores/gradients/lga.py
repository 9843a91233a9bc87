"""Layer Gradient Analysis: the inner product of each layer's gradients for the old and the new answer (LGA §3).

The loss is a mean over all tokens of prompt and answer, or over the answer's alone: the rows say which are asked for.

For a linear layer with inputs X (T, d_in) and output gradients Δ (T, d_out) the weight gradient is ΔᵀX, so
⟨∇_o, ∇_n⟩ = sum((X_o X_nᵀ) ∘ (Δ_o Δ_nᵀ)): one pass over a padded batch gives every layer, every scope and
every fact of it, and no weight gradient is ever formed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens
from lga_core.models.running.forward import final_hidden, gradients_from_embedding, gradients_of_indices, packed_hidden
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.running.memory import batch_tokens, gradient_bytes, head_positions
from lga_core.models.running.packing import Packing
from lga_core.models.structure.architecture import Linear
from lga_core.models.structure.quantized import require_gradients
from lga_core.models.text.tokens import AnswerIndex, Batch, Side, TokenRow, answer_row, sequence_row
from lga_core.progress import Phase, Reporter, silent
from lga_core.results import Cost, FactRow, KnownFactCheck
from lga_core.scores.answer_pairs import Pair, answer_pair, pair_rows, share_inputs
from lga_core.scores.gradients.grams import Grams
from lga_core.scores.settings import GradientSettings
from lga_core.scores.steps import rows_in_batches

SCOPES = ("mlp", "mlp-down", "attention", "block")
BATCH_TOKENS = 384  # in one forward pass where they fit; a batch holds at least one fact


def gradient_rows(
    model: LoadedModel,
    facts: Sequence[Fact],
    checks: Sequence[KnownFactCheck],
    settings: GradientSettings,
    done: Collection[int] = frozenset(),
    *,
    report: Reporter = silent,
) -> Iterator[FactRow]:
    """Gradient products and norms of every layer; yields one row a fact, batch by batch. Reports where memory ran out.

    `values` holds "product/<scope>", "norm-old/<scope>" and "norm-new/<scope>", each (L,), for every scope, and the
    scalars "nll-old" and "nll-new", the losses in nats. A fact that cannot be scored has a status that says why.
    """
    prepared = [
        answer_pair(model, fact, check, settings.old, sequence_row if settings.loss == "sequence" else answer_row)
        for fact, check in zip(facts, checks, strict=True)
        if fact.record not in done
    ]
    pairs = [item for item in prepared if isinstance(item, Pair)]
    batches: Iterable[list[Pair]] = ()
    if pairs:
        require_gradients(model, "LGA")
        batches = _batches(pairs, batch_tokens(model, "LGA", gradient_bytes(model), BATCH_TOKENS))
    finished = len(facts) - len(prepared)
    yield from rows_in_batches(
        prepared, batches, partial(_measure, model), _tokens, Phase.LGA, finished, len(facts), report
    )


def gradient_products(
    model: LoadedModel, old: Sequence[TokenRow], new: Sequence[TokenRow], side: Side = "right"
) -> dict[str, np.ndarray]:
    """Products and norms of a batch of B pairs: the components of `gradient_rows`, (B, L) and (B,).

    Two answers of one token each read the same inputs: such a pair is one row with one forward and two backward
    passes. Raises whatever the model raises; leaves no hook and no gradient behind.
    """
    shared = np.array([share_inputs(a, b) for a, b in zip(old, new, strict=True)])
    values: dict[str, np.ndarray] = {}
    for together in (True, False):
        members = np.flatnonzero(shared == together)
        if len(members):
            part = _products(model, [old[int(i)] for i in members], [new[int(i)] for i in members], together, side)
            for name, value in part.items():
                values.setdefault(name, np.empty((len(old), *value.shape[1:])))[members] = value
    return values


def _products(
    model: LoadedModel, old: Sequence[TokenRow], new: Sequence[TokenRow], together: bool, side: Side
) -> dict[str, np.ndarray]:
    """`gradient_products` of pairs that all share their inputs, or none does."""
    paired = [row for pair in zip(old, new, strict=True) for row in pair]  # a fact's two rows side by side
    rows = old if together else paired
    batch = Batch.of([TokenRow(ids=row.ids[:-1], start=row.start) for row in rows], model.device, side)
    sums = {
        f"{kind}/{scope}": torch.zeros(len(old), model.layers, dtype=torch.float64, device=model.device)
        for kind in ("product", "norm-old", "norm-new")
        for scope in SCOPES
    }
    indices = [AnswerIndex.of(answers, batch) for answers in ((old, new) if together else (paired,))]
    packing = Packing.of(batch) if model.architecture.packs else None
    with (
        gradients_from_embedding(model),
        on_outputs(_pairing_hooks(model, batch, packing, together, sums), model.architecture.flat),
    ):
        hidden = packed_hidden(model, packing) if packing else final_hidden(model, batch)
        asked = hidden[indices[0].rows, indices[0].columns]  # (N, d)
        losses = []
        for index, nll, gradient in gradients_of_indices(model, asked, indices, head_positions(batch.ids.numel())):
            losses.append(index.mean_by_row(nll))
            asked.backward(gradient / index.counts[index.rows, None], retain_graph=index is not indices[-1])
    values = {
        name: (total if name.startswith("product") else total.clamp(min=0).sqrt()).cpu().numpy()
        for name, total in sums.items()
    }
    by_answer = torch.stack(losses, 1) if together else losses[0].view(-1, 2)  # (B, 2)
    first, second = by_answer.double().cpu().numpy().T
    return {**values, "nll-old": first, "nll-new": second}


def _pairing_hooks(
    model: LoadedModel, batch: Batch, packing: Packing | None, together: bool, sums: Mapping[str, torch.Tensor]
) -> dict:
    """For each matrix: when its output gradients have arrived, add the products to the scopes that hold it."""
    grams = Grams(batch, packing, together)

    def hook_for(layer: int, scopes: tuple[str, ...]) -> OutputFunction:
        def forward(given: torch.Tensor, output: torch.Tensor) -> None:
            inputs = given.detach()
            arrived: list[torch.Tensor] = []

            def backward(gradient: torch.Tensor) -> None:
                arrived.append(gradient)
                if together and len(arrived) == 1:
                    return  # the old answer's; the new one's comes next
                pairs = grams.pairs(inputs, arrived)
                arrived.clear()
                for kind, first, second in (("product", 0, 1), ("norm-old", 0, 0), ("norm-new", 1, 1)):
                    for scope in scopes:
                        sums[f"{kind}/{scope}"][:, layer] += pairs[:, first, second]

            output.register_hook(backward)

        return forward

    hooks = {}
    for layer, block in enumerate(model.architecture.blocks):
        for matrix in block.linears:
            hooks[matrix.module] = hook_for(layer, _scopes(matrix, block.mlp_linears, block.down))
    return hooks


def _scopes(matrix: Linear, mlp: tuple[Linear, ...], down: Linear) -> tuple[str, ...]:
    if matrix.name == down.name:
        return "mlp", "mlp-down", "block"
    return ("mlp", "block") if matrix in mlp else ("attention", "block")


def _batches(pairs: Sequence[Pair], most: int) -> Iterator[list[Pair]]:
    """Pairs of one kind (that share their inputs, or do not) and of like length together."""
    for together in (True, False):
        members = [pair for pair in pairs if pair.shares_inputs == together]
        yield from by_tokens(members, _tokens, most, order=lambda pair: pair.width)


def _tokens(batch: Sequence[Pair]) -> int:
    """Of the rows of a batch of one kind, after padding."""
    rows = len(batch) if batch[0].shares_inputs else 2 * len(batch)
    return rows * max(pair.width for pair in batch)


def _measure(model: LoadedModel, batch: Sequence[Pair]) -> list[FactRow]:
    begin = perf_counter()
    with model.using(Phase.LGA):
        values = gradient_products(model, [pair.old for pair in batch], [pair.new for pair in batch])
    forward = 1 if batch[0].shares_inputs else 2
    cost = Cost(seconds=(perf_counter() - begin) / len(batch), forward_rows=forward, backward_rows=2)
    return pair_rows(model, batch, values, cost, "gradients")
