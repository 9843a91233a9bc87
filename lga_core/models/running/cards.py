"""A model larger than one card: accelerate lays its matrices out over several, and the first does everything else.

The engine's hooks then see every activation on one card: a matrix on another is handed its input there and gives its
output back. That costs two copies of an activation for each such matrix, and asks nothing of whoever hooks it.
"""

from collections.abc import Mapping, Sequence

import torch
from accelerate.hooks import AlignDevicesHook, add_hook_to_module, remove_hook_from_submodules
from transformers import PreTrainedModel

from lga_core.errors import LgaError
from lga_core.models.running.memory import available
from lga_core.models.sources.files import gigabytes
from lga_core.models.sources.size import WORKING_SHARE
from lga_core.models.structure.weights import is_matrix

FIRST_SHARE = 0.6  # of the first card is for weights: every activation lies there too
OTHER_SHARE = 0.9


def several_cards(title: str, weights: int, asked: str, device: torch.device) -> Mapping[int, int] | None:
    """Bytes of weights that each card may take where `weights` bytes need more than one; None where one is enough.

    Only where no card was named: `asked` is "auto" or "cuda". Raises LgaError where all cards together are too small.
    """
    if device.type != "cuda" or asked not in ("auto", "cuda") or torch.cuda.device_count() < 2:
        return None
    return shares(title, weights, [available(torch.device("cuda", card)) for card in range(torch.cuda.device_count())])


def shares(title: str, weights: int, free: Sequence[int]) -> Mapping[int, int] | None:
    """`several_cards` of cards with so many bytes free.

    >>> shares("A model", 100, [80, 80])
    {0: 48, 1: 72}
    """
    if weights * (1 + WORKING_SHARE) <= free[0]:
        return None
    room = {card: int(size * (OTHER_SHARE if card else FIRST_SHARE)) for card, size in enumerate(free)}
    if weights > sum(room.values()):
        raise LgaError(
            f"{title} has {gigabytes(weights)} of weights; the {len(free)} cards have room for "
            f"{gigabytes(sum(room.values()))} beside what they compute.",
            hint="Free memory on them, use more cards, or choose a smaller model.",
        )
    return room


def compute_on(model: PreTrainedModel, first: torch.device) -> None:
    """Let everything but the matrices that lie elsewhere be on `first`, and those take and give what is there."""
    remove_hook_from_submodules(model)
    for module in model.modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        elsewhere = next((tensor.device for tensor in own if tensor.device != first), None)
        if elsewhere is not None and is_matrix(module):
            add_hook_to_module(module, AlignDevicesHook(execution_device=elsewhere, io_same_device=True))
        elif elsewhere is not None:
            module._apply(lambda tensor: tensor.to(first), recurse=False)
