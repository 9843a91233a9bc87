"""Whether a model and what is done with it fit, asked beforehand: a machine that runs out of memory kills silently."""

import math
import weakref

import torch
from torch import nn

from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import final_hidden, gradients_from_embedding
from lga_core.models.running.hooks import first_tensor, on_calls
from lga_core.models.sources.files import gigabytes
from lga_core.models.sources.size import WORKING_SHARE, free_memory
from lga_core.models.text.tokens import Batch, TokenRow
from lga_core.results import MemoryEstimate

BATCH_SHARE = 0.5  # of what is free, for one batch
CARD_SHARE = 0.2  # of the weights, for one batch on a card: LGA's peak stays below 1.3 times
CARD_LEAST = 2**29  # bytes for a batch on a card, however small the model
FEWEST_TOKENS = 32  # a fact with both its answers
ANSWER_SHARE = 1 / 3  # of a batch's tokens have their logits computed at once: the head is slow on few rows
FEWEST_POSITIONS = 16  # at which the head runs at once, however small the batch
LOGIT_BYTES = 12  # each in float32: the logit, its probability, its gradient
TRIED_TOKENS = 8

_tried: "weakref.WeakKeyDictionary[LoadedModel, int]" = weakref.WeakKeyDictionary()


def check_memory(title: str, weights: int, device: torch.device) -> None:
    """Raise LgaError with the figures when `weights` bytes and some room to work are more than the device has free."""
    needed = int(weights * (1 + WORKING_SHARE))
    free = available(device)
    if needed > free:
        raise out_of_memory(f"{title} needs {gigabytes(needed)} of memory on {device}, {gigabytes(free)} are free.")


def available(device: torch.device) -> int:
    """Bytes free on the device; a container's own limit counts, and what torch holds on a card without using it."""
    if device.type == "cuda":
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + idle
    return free_memory()


def out_of_memory(cause: str) -> LgaError:
    return LgaError(cause, hint="Close other programs, choose --dtype bfloat16, or choose a smaller model.")


def weight_bytes(model: LoadedModel) -> int:
    """What the loaded weights take, tied ones once."""
    return sum(parameter.nbytes for parameter in model.model.parameters())


def kept_bytes(model: LoadedModel) -> int:
    """Bytes that a token leaves behind in a pass that gradients go back through: what autograd and LGA's hooks hold.

    Tried on a few tokens, once a model: families and packed weights differ by up to two times.
    """
    if model not in _tried:
        with model.using("trying how much memory a token takes"):
            _tried[model] = _try_kept(model)
    return _tried[model]


def passing_bytes(model: LoadedModel) -> int:
    """Bytes that a token takes in a pass that keeps nothing: twice what the largest block's matrices read and write."""
    widest = max(sum(matrix.d_in + matrix.d_out for matrix in block.linears) for block in model.architecture.blocks)
    return 2 * widest * model.dtype.itemsize


def gradient_bytes(model: LoadedModel) -> int:
    """Bytes a token of a batch whose answers' gradients are taken: what it leaves behind, and its share of logits."""
    return kept_bytes(model) + logit_bytes(model.architecture.vocabulary)


def asking_bytes(model: LoadedModel) -> int:
    """Bytes a token of a batch of questions: a pass, what a text that is being written leaves behind, its logits.

    A layer's keys and values are no wider than what its attention's matrices write.
    """
    cached = sum(matrix.d_out for block in model.architecture.blocks for matrix in block.attn_linears)
    return passing_bytes(model) + cached * model.dtype.itemsize + logit_bytes(model.architecture.vocabulary)


def logit_bytes(vocabulary: int) -> int:
    """A token's share of the logits that are computed for a batch of answers."""
    return int(vocabulary * LOGIT_BYTES * ANSWER_SHARE)


def head_positions(tokens: int) -> int:
    """At how many positions of a batch of so many tokens the head may run at once, for `gradient_bytes` to hold."""
    return max(int(tokens * ANSWER_SHARE), FEWEST_POSITIONS)


def batch_tokens(model: LoadedModel, what: str, token_bytes: int, most: float = math.inf) -> int:
    """How many tokens run at once: `most`, or as many as half of the free memory holds at `token_bytes` each.

    On a card also no more than a fifth of the weights' size, so that the peak stays near the weights. Raises
    LgaError with the figures where not even one fact fits.
    """
    room = int(available(model.device) * BATCH_SHARE)
    if room < (least := int(min(FEWEST_TOKENS, most)) * token_bytes):
        raise out_of_memory(
            f"{what} needs {gigabytes(least)} of memory beside the weights of {model.name} "
            f"({gigabytes(weight_bytes(model))}), {gigabytes(room)} can be had for it."
        )
    return int(min(most, max(batch_room(model) // token_bytes, FEWEST_TOKENS)))


def batch_room(model: LoadedModel) -> int:
    """Bytes that one batch may take: half of what is free, and on a card no more than `card_room`."""
    room = int(available(model.device) * BATCH_SHARE)
    return min(room, card_room(weight_bytes(model))) if model.device.type == "cuda" else room


def loading_estimate(weights: int, dtype: torch.dtype, device: torch.device) -> MemoryEstimate:
    """What `check_memory` asks for, and what is free; on cards, what is free on all of them."""
    cards = [torch.device("cuda", card) for card in range(torch.cuda.device_count())] if device.type == "cuda" else []
    return MemoryEstimate(
        weights=weights,
        dtype=str(dtype).removeprefix("torch."),
        where=device.type,
        activations=int(weights * WORKING_SHARE),
        free=sum(map(available, cards or [device])),
    )


def working_estimate(model: LoadedModel, token_bytes: int, tokens: int, second_moments: int = 0) -> MemoryEstimate:
    """What a batch of so many tokens takes beside the loaded weights, or the largest batch that there will be."""
    fitting = max(batch_room(model) // token_bytes, FEWEST_TOKENS)
    return MemoryEstimate(
        activations=min(tokens, fitting) * token_bytes,
        second_moments=second_moments,
        where=model.device.type,
        free=available(model.device),
    )


def check_working(model: LoadedModel, what: str, needed: int) -> None:
    """Raise LgaError with the figures where a step needs more than is free beside the loaded weights."""
    if needed > (free := available(model.device)):
        raise out_of_memory(
            f"{what} needs {gigabytes(needed)} of memory beside the weights of {model.name} "
            f"({gigabytes(weight_bytes(model))}), {gigabytes(free)} are free."
        )


def card_room(weights: int) -> int:
    """Bytes that a batch may take on a card beside so many bytes of weights."""
    return max(int(CARD_SHARE * weights), CARD_LEAST)


def _try_kept(model: LoadedModel) -> int:
    row = TokenRow(ids=tuple(range(1, 1 + TRIED_TOKENS)), start=TRIED_TOKENS)
    weights = {tensor.untyped_storage().data_ptr() for tensor in model.model.state_dict().values()}
    sizes: dict[int, int] = {}
    alive: list[torch.Tensor] = []  # an address is not used again while what lies there lives

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    def note(_module: nn.Module, args: tuple, kwargs: dict) -> None:
        count(first_tensor(args, kwargs))

    matrices = tuple(matrix.module for block in model.architecture.blocks for matrix in block.linears)
    with (
        gradients_from_embedding(model),
        on_calls(note, matrices),
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
    ):
        final_hidden(model, Batch.of([row], model.device))
    return sum(sizes.values()) // TRIED_TOKENS
