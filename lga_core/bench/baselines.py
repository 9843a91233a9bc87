"""The plain ways to compute what the engine computes fast: what the benchmarks compare with and the tests believe."""

import torch

from lga_core.data.facts import Fact
from lga_core.models.architecture import Linear
from lga_core.models.forward import answer_nll, final_hidden
from lga_core.models.hooks import OutputFunction, on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow, prompt_row
from lga_core.results import Kind
from lga_core.scores.restore import State, corrupting, part_of


def naive_gradient_products(model: LoadedModel, old: TokenRow, new: TokenRow,
                            matrices: tuple[tuple[Linear, ...], ...]) -> torch.Tensor:
    """⟨∇nll(old), ∇nll(new)⟩ of one fact by two backward passes that form every weight gradient; (L,).

    `matrices` lists each layer's weights, and only they get gradients.
    """
    weights = [matrix.module.weight for layer in matrices for matrix in layer]
    for weight in weights:
        weight.requires_grad_(True)
    try:
        first, second = (_weight_gradients(model, row, weights) for row in (old, new))
    finally:
        for weight in weights:
            weight.requires_grad_(False)
    products = iter([(a * b).sum().item() for a, b in zip(first, second, strict=True)])
    return torch.tensor([sum(next(products) for _ in layer) for layer in matrices], dtype=torch.float64)


def _weight_gradients(model: LoadedModel, row: TokenRow, weights: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    batch = Batch.of([row], model.device)
    index = AnswerIndex.of([row], batch)
    with torch.enable_grad():
        nll = index.mean_by_row(answer_nll(model, final_hidden(model, batch), index))
        return torch.autograd.grad(nll.sum(), weights)


@torch.no_grad()
def naive_clean_outputs(model: LoadedModel, fact: Fact, kind: Kind) -> dict[int, torch.Tensor]:
    """Every block's clean output of a kind, (T, d), from one run of batch 1."""
    clean: dict[int, torch.Tensor] = {}

    def keep(block: int) -> OutputFunction:
        return lambda _given, output: clean.__setitem__(block, output[0].clone())

    parts = {part_of(model, kind, block): keep(block) for block in range(model.layers)}
    with on_outputs(parts, model.architecture.flat):
        final_hidden(model, Batch.of([prompt_row(model.tokenizer, fact.prompt)], model.device))
    return clean


@torch.no_grad()
def naive_restored_probability(model: LoadedModel, fact: Fact, answer: int, kind: Kind, state: State, draw: int,
                               clean: dict[int, torch.Tensor], *, noise: float, seed: int) -> float:
    """p(answer) of one corrupted run with one state restored, by a whole run of batch 1 and plain hooks."""

    def put_back(block: int) -> OutputFunction:
        def replace(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            for token in state.tokens:
                changed[0, token] = clean[block][token]
            return changed
        return replace

    every = corrupting(model, fact, noise, draw + 1, seed)

    def corrupt(given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        return every(given, output.repeat(draw + 2, 1, 1))[draw + 1:]

    parts = {part_of(model, kind, block): put_back(block) for block in range(state.first, state.last + 1)}
    with on_outputs({model.architecture.embedding: corrupt} | parts, model.architecture.flat):
        hidden = final_hidden(model, Batch.of([prompt_row(model.tokenizer, fact.prompt)], model.device))[0, -1:]
    return float(model.architecture.logits(hidden).softmax(-1)[0, answer])
