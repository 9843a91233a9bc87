"""Running a model: hidden states, logits where they are needed, and going on from the middle.

An `ActivationCache` keeps what blocks were given in one run, so that a suffix of the model can be run again and again
without its first blocks: by the causal trace, by the search for an edit's value, and by the sweep. A `PrefixCache`
keeps the keys and values of a batch's first columns, so that what follows can be run again and again without them.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import Cache, DynamicCache

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.hooks import on_calls, on_outputs
from lga_core.models.running.packing import Packing
from lga_core.models.structure.architecture import Architecture
from lga_core.models.text.tokens import AnswerIndex, Batch

SHARED = frozenset({"position_bias"})  # a block's argument (heads, 1, T) that all rows share: MPT's ALiBi
NO_TOKEN = -1  # in place of the most probable one, where there is none
HEAD_ELEMENTS = 2**26  # logits held at once: 256 MB in float32


@dataclass(frozen=True, kw_only=True, eq=False)
class PrefixCache:
    """Keys and values of a batch's first `width` columns, at every layer."""

    cache: Cache
    width: int

    @classmethod
    def of(cls, model: LoadedModel, batch: Batch, width: int) -> "PrefixCache":
        cache = DynamicCache(config=model.model.config.get_text_config())
        if width:
            model.architecture.decoder(
                input_ids=batch.ids[:, :width],
                attention_mask=batch.mask[:, :width],
                position_ids=batch.positions[:, :width],
                past_key_values=cache,
                use_cache=True,
            )
        return cls(cache=cache, width=width)


def best_tokens(logits: torch.Tensor) -> torch.Tensor:
    """The most probable tokens (…), of logits (…, V); NO_TOKEN where these are not finite.

    float16 overflows beyond 65,504, and an edit may blow up: the largest of NaNs is no answer.
    """
    best = logits.max(-1)
    return best.indices.where(best.values.isfinite(), NO_TOKEN)


def final_hidden(model: LoadedModel, batch: Batch, prefix: PrefixCache | None = None) -> torch.Tensor:
    """Normed hidden states (B, T, d) after the last block; with a prefix only of the columns after it."""
    if prefix is None:
        return model.architecture.decoder(**batch.inputs()).last_hidden_state
    return model.architecture.decoder(
        input_ids=batch.ids[:, prefix.width :],
        attention_mask=batch.mask,
        position_ids=batch.positions[:, prefix.width :],
        past_key_values=_own(prefix.cache),
        use_cache=True,
    ).last_hidden_state


class _Reached(Exception):
    """The last block that is wanted has run."""


def run_up_to(model: LoadedModel, batch: Batch, last: int) -> None:
    """Run a batch through blocks 0 … `last` and no further, for hooks on them to see."""

    def stop(_module: nn.Module, _args: tuple, _kwargs: dict) -> None:
        raise _Reached

    above = tuple(block.module for block in model.architecture.blocks[last + 1 : last + 2])
    with suppress(_Reached), on_calls(stop, above):
        final_hidden(model, batch)


def packed_hidden(model: LoadedModel, packing: Packing) -> torch.Tensor:
    """`final_hidden` of a batch without running its pads, for models that keep packed rows apart."""
    return packing.spread(model.architecture.decoder(**packing.inputs()).last_hidden_state)


def answer_nll(model: LoadedModel, hidden: torch.Tensor, index: AnswerIndex) -> torch.Tensor:
    """−log p of every answer token, (N,) nats, from normed hidden states (B, T, d); the head runs only there."""
    logits = model.architecture.logits(hidden[index.rows, index.columns])
    return nn.functional.cross_entropy(logits, index.tokens, reduction="none")


def nll_gradients(
    model: LoadedModel, hidden: torch.Tensor, tokens: torch.Tensor, most: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """−log p of each token (N,) in nats, and its gradient (N, d) at the normed hidden state (N, d) that predicts it.

    The head runs on `most` states at a time and keeps no logits, so memory does not grow with the number of tokens.
    """
    losses, gradients = [], []
    for states, wanted in zip(hidden.detach().split(most), tokens.split(most), strict=True):
        with torch.enable_grad():
            given = states.requires_grad_()
            nll = nn.functional.cross_entropy(model.architecture.logits(given), wanted, reduction="none")
            gradients += torch.autograd.grad(nll.sum(), given)
        losses.append(nll.detach())
    return torch.cat(losses), torch.cat(gradients)


def gradients_of_indices(
    model: LoadedModel, asked: torch.Tensor, indices: Sequence[AnswerIndex], most: int
) -> Iterator[tuple[AnswerIndex, torch.Tensor, torch.Tensor]]:
    """Each index with its tokens' nll (N,) and their gradients (N, d) at `asked`, the same places for all of them.

    Where it asks for the first one's token they are the first one's: of a whole sequence all but the last one.
    """
    first = indices[0].tokens
    nll, gradient = nll_gradients(model, asked, first, most)
    yield indices[0], nll, gradient
    for index in indices[1:]:
        other = index.tokens != first
        nll, gradient = nll.clone(), gradient.clone()
        nll[other], gradient[other] = nll_gradients(model, asked[other], index.tokens[other], most)
        yield index, nll, gradient


def token_probability(architecture: Architecture, hidden: torch.Tensor, token: int) -> torch.Tensor:
    """p(token) (N,) from block outputs (N, d) before the final norm, in pieces that fit in memory."""
    pieces = hidden.split(max(1, HEAD_ELEMENTS // architecture.vocabulary))
    logits = (architecture.logits(architecture.final_norm(piece)) for piece in pieces)
    return torch.cat([piece.log_softmax(-1)[:, token].exp() for piece in logits])


@contextmanager
def gradients_from_embedding(model: LoadedModel) -> Iterator[None]:
    """Let gradients flow through activations from the embedding's output on, without any weight gradient."""
    embedding = model.architecture.embedding
    with torch.enable_grad(), on_outputs({embedding: lambda _given, output: output.detach().requires_grad_()}):
        yield


@dataclass(frozen=True, kw_only=True, eq=False)
class ActivationCache:
    """What blocks were given in one run of a batch of B rows."""

    hidden: Mapping[int, torch.Tensor]  # block index -> its input (B, T, d); index L is the last block's output
    calls: tuple[tuple[tuple, dict], ...]  # per block: the other positional and keyword arguments
    rows: int
    prefix: PrefixCache | None = None  # whose keys and values every block goes on from

    def call(self, block: int, rows: torch.Tensor | None) -> tuple[tuple, dict]:
        """The other arguments of a block for a selection of rows (indices with repetition), or for all."""
        args, kwargs = self.calls[block]
        cache = None if self.prefix is None else _own(self.prefix.cache, block)
        if cache is not None and rows is not None:
            cache.layers[block].batch_select_indices(rows)
        return tuple(_select(arg, rows, self.rows, cache) for arg in args), {
            key: value if key in SHARED else _select(value, rows, self.rows, cache) for key, value in kwargs.items()
        }


def _own(cache: Cache, block: int | None = None) -> Cache:
    """The same keys and values in a cache that can be appended to without changing this one.

    With a block only by that one, which reads its own entry alone.
    """
    mine = copy.copy(cache)
    mine.layers = [copy.copy(layer) if block in (None, number) else layer for number, layer in enumerate(cache.layers)]
    return mine


def _select(value: Any, rows: torch.Tensor | None, total: int, cache: Cache | None) -> Any:
    """Rows of whatever has a batch dimension; masks and rotations that are shared by all rows stay as they are.

    In the place of the run's own cache, which blocks append to, stands `cache`.
    """
    if isinstance(value, Cache):
        return cache
    if isinstance(value, tuple):
        return tuple(_select(part, rows, total, cache) for part in value)
    if rows is not None and torch.is_tensor(value):
        if value.ndim == 3 and value.shape[0] > total and value.shape[0] % total == 0:
            return value.unflatten(0, (total, -1))[rows].flatten(0, 1)  # BLOOM's ALiBi (B·heads, 1, T) of R rows
        return value[rows] if value.ndim > 1 and value.shape[0] == total else value
    return value


def record_activations(
    model: LoadedModel, batch: Batch, keep: Iterable[int], prefix: PrefixCache | None = None
) -> ActivationCache:
    """Run a batch and keep the inputs of the blocks in `keep` (index L: the last block's output).

    With a prefix only the columns after it run and are kept.
    """
    architecture = model.architecture
    wanted = set(keep)
    modules = [block.module for block in architecture.blocks]
    order = {module: index for index, module in enumerate(modules)}
    hidden: dict[int, torch.Tensor] = {}
    calls: dict[int, tuple[tuple, dict]] = {}

    def note(module: nn.Module, args: tuple, kwargs: dict) -> None:
        index = order[module]
        named = dict(kwargs)
        given = args[0] if args else named.pop("hidden_states")
        calls[index] = args[1:], named
        if index in wanted:
            hidden[index] = given

    def note_last(_given: torch.Tensor, output: torch.Tensor) -> None:
        if len(modules) in wanted:
            hidden[len(modules)] = output

    with on_calls(note, tuple(modules)), on_outputs({modules[-1]: note_last}):
        final_hidden(model, batch, prefix)
    return ActivationCache(
        hidden=hidden, calls=tuple(calls[i] for i in range(len(modules))), rows=len(batch.ids), prefix=prefix
    )


def run_block(
    model: LoadedModel, activations: ActivationCache, block: int, hidden: torch.Tensor, rows: torch.Tensor | None = None
) -> torch.Tensor:
    """One block on new hidden states (R, T, d), called as the rows of the recorded run were."""
    args, kwargs = activations.call(block, rows)
    output = model.architecture.blocks[block].module(hidden, *args, **kwargs)
    return output[0] if isinstance(output, tuple) else output


def resume(
    model: LoadedModel,
    activations: ActivationCache,
    start: int,
    hidden: torch.Tensor | None = None,
    rows: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run blocks start … L−1 and the final norm; from the recorded hidden states where none are given."""
    if hidden is None:
        hidden = activations.hidden[start] if rows is None else activations.hidden[start][rows]
    for block in range(start, model.layers):
        hidden = run_block(model, activations, block, hidden, rows)
    return model.architecture.final_norm(hidden)
