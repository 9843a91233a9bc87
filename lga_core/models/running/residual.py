"""Whether a change of a block's down projection arrives at the block's output as it is: tried, once a model."""

from weakref import WeakKeyDictionary

import torch

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import record_activations, run_block
from lga_core.models.running.hooks import on_outputs
from lga_core.models.text.tokens import Batch, TokenRow

PROBE_TOKENS = 5
CLOSE = 100  # roundings; a norm after the MLP is off by as much as the change itself
FURTHEST = 0.05  # of the change, where a rounding is large (bfloat16)

_adding: WeakKeyDictionary[LoadedModel, frozenset[int]] = WeakKeyDictionary()


def adds_to_residual(model: LoadedModel, layer: int) -> bool:
    """Whether a change of the down projection's output is the very change of its block's output.

    False where a norm follows the MLP (Gemma 2 and 3). The model must be held. Not remembered where numbers were not
    finite, as under an edit that blew up.
    """
    if model not in _adding:
        adding, finite = _try(model)
        if not finite:
            return layer in adding
        _adding[model] = adding
    return layer in _adding[model]


@torch.no_grad()
def _try(model: LoadedModel) -> tuple[frozenset[int], bool]:
    """The layers of which it holds, and whether all that was compared is finite."""
    row = TokenRow(ids=tuple(range(1, 1 + PROBE_TOKENS)), start=PROBE_TOKENS)
    activations = record_activations(model, Batch.of([row], model.device), range(model.layers + 1))
    adding = []
    finite = True
    for layer, block in enumerate(model.architecture.blocks):
        output = activations.hidden[layer + 1][0, -1]
        # As large as the block's own output, so that rounding stays far below it.
        change = torch.randn(output.shape, generator=torch.Generator().manual_seed(0)).to(output)
        change = change * output.norm() / change.norm()

        def add(_given: torch.Tensor, written: torch.Tensor, change: torch.Tensor = change) -> torch.Tensor:
            changed = written.clone()
            changed[:, -1] += change
            return changed

        with on_outputs({block.down.module: add}, model.architecture.flat):
            reached = run_block(model, activations, layer, activations.hidden[layer])[0, -1]
        difference = (reached.float() - output.float() - change.float()).norm() / change.float().norm()
        finite &= bool(difference.isfinite())
        if difference <= min(CLOSE * torch.finfo(model.dtype).eps, FURTHEST):
            adding.append(layer)
    return frozenset(adding), finite
