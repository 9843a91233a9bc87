"""Inner products of a matrix's weight gradients, without a weight gradient (see scores/gradients/lga.py)."""

from collections.abc import Sequence

import torch

from lga_core.models.running.packing import Packing
from lga_core.models.text.tokens import Batch


class Grams:
    """Inner products of a matrix's two gradients, from the token by token products of its inputs and gradients."""

    def __init__(self, batch: Batch, packing: Packing | None, together: bool) -> None:
        present = batch.mask.bool()  # (R, T)
        self._together = together
        self._width = batch.ids.shape[1]
        places = torch.arange(present.numel(), device=present.device).view(present.shape)  # (R, T)
        if packing:
            places = packing.places
        # (B, T or 2T): where a fact's tokens stand among all tokens, or among those of two gradients.
        if together:
            tokens = packing.ids.numel() if packing else present.numel()
            self._of_inputs = places
            self._of_gradients = torch.cat([places, places + tokens], 1)
            present = torch.cat([present, present], 1)
        else:
            self._of_inputs = self._of_gradients = places.view(-1, 2 * self._width)
            present = present.view(-1, 2 * self._width)
        self._present = present[:, :, None] & present[:, None, :]  # (B, 2T, 2T)
        self._last: tuple[tuple, torch.Tensor] | None = None

    def pairs(self, inputs: torch.Tensor, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        """⟨∇_a, ∇_b⟩ for a, b in (old, new), (B, 2, 2) float64, of inputs (…, d_in) and one or two Δ (…, d_out)."""
        products = self._inputs(inputs) * _gram(gradients, self._of_gradients)  # (B, 2T, 2T)
        # Padding is left out whatever stands there: an infinite activation at a pad must not become NaN.
        products = products.where(self._present, 0)
        by_answer = products.view(-1, 2, self._width, 2, self._width)  # (B, 2, T, 2, T)
        return by_answer.sum((2, 4)).double()

    def _inputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """Matrices that read the same input (gate and up; query, key and value) share its products."""
        which = (inputs.data_ptr(), inputs.shape)  # all inputs live until the backward pass is over
        if self._last is None or self._last[0] != which:
            gram = _gram([inputs], self._of_inputs)
            self._last = (which, gram.repeat(1, 2, 2) if self._together else gram)
        return self._last[1]


def _gram(values: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
    """All products between a fact's tokens, accumulated in float32 or better."""
    tokens = torch.cat([part.flatten(0, 1) for part in values]) if len(values) > 1 else values[0].flatten(0, 1)
    joined = tokens[index]  # (B, tokens of a fact, d)
    joined = joined.float() if joined.dtype in (torch.bfloat16, torch.float16) else joined
    return joined @ joined.mT
