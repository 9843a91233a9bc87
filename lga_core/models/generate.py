"""Continuing prompts token by token, greedily or sampled; a row's text never depends on the batch that it is in."""

import hashlib
from collections.abc import Callable, Sequence

import torch
from transformers import DynamicCache

from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import Batch, TokenRow

Pick = Callable[[torch.Tensor], torch.Tensor]
"""(B, V) logits of the next token -> (B,) token ids."""


def seed_of(*parts: object) -> int:
    """A stable 63-bit seed from anything that has a repr: seeds depend on what is drawn, never on batch order."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def greedy(model: LoadedModel, rows: Sequence[TokenRow], length: int) -> list[tuple[int, ...]]:
    """At most `length` greedy tokens after each row, without the end-of-text token."""
    return _continue(model, rows, length, lambda logits: logits.argmax(-1))


def sample(model: LoadedModel, rows: Sequence[TokenRow], length: int, seeds: Sequence[int]) -> list[tuple[int, ...]]:
    """At most `length` tokens at temperature 1 after each row, each row with its own seed."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def pick(logits: torch.Tensor) -> torch.Tensor:
        # Inverse of the distribution function: one uniform number a row and step, whatever else is in the batch.
        uniform = torch.cat([torch.rand(1, generator=generator) for generator in generators]).to(logits)
        reached = logits.softmax(-1).cumsum(-1)
        chosen = torch.searchsorted(reached, (uniform * reached[:, -1])[:, None]).squeeze(1)
        return chosen.clamp(max=logits.shape[1] - 1)

    return _continue(model, rows, length, pick)


def end_tokens(model: LoadedModel) -> set[int]:
    """Tokens that end a text, from the generation settings and the tokenizer."""
    configured = model.model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return {token for token in (*listed, model.tokenizer.eos_token_id) if token is not None}


@torch.no_grad()
def _continue(model: LoadedModel, rows: Sequence[TokenRow], length: int, pick: Pick) -> list[tuple[int, ...]]:
    architecture, ends = model.architecture, end_tokens(model)
    batch = Batch.of(rows, model.device, side="left")         # so that every row's next token is the last column
    cache = DynamicCache(config=model.model.config.get_text_config())
    ids, mask, positions = batch.ids, batch.mask, batch.positions
    texts: list[list[int]] = [[] for _ in rows]
    live = [True] * len(rows)
    for _ in range(length):
        hidden = architecture.decoder(input_ids=ids, attention_mask=mask, position_ids=positions,
                                      past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
        chosen = pick(architecture.logits(hidden))
        for i, token in enumerate(chosen.tolist()):
            live[i] = live[i] and token not in ends
            if live[i]:
                texts[i].append(token)
        if not any(live):
            break
        ids, positions = chosen[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
    return [tuple(text) for text in texts]
