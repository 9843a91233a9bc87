"""The plain ways to compute what the engine computes fast: what the benchmarks compare with and the tests believe."""

import torch

from lga_core.models.architecture import Linear
from lga_core.models.forward import answer_nll, final_hidden
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow


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
