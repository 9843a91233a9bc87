"""Continuing prompts token by token, greedily or sampled; a row's text never depends on the batch that it is in."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from transformers import DynamicCache

from lga_core.models.loaded import LoadedModel
from lga_core.models.text.tokens import Batch, TokenRow
from lga_core.progress import Phase, Progress, Reporter, silent

Pick = Callable[[torch.Tensor], torch.Tensor]
"""(B, V) logits of the next token -> (B,) token ids."""
Length = int | Sequence[int]
"""How many tokens are written after each row: the same for all, or each row's own."""
Edited = Callable[[], AbstractContextManager[None]]
"""Applies edits for one step: `partial(applied, model, edits)`."""


def seed_of(*parts: object) -> int:
    """A stable 63-bit seed from anything that has a repr: seeds depend on what is drawn, never on batch order."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def most_probable(logits: torch.Tensor) -> torch.Tensor:
    """A `Pick`: the greedy token."""
    return logits.argmax(-1)


def greedy(model: LoadedModel, rows: Sequence[TokenRow], length: Length) -> list[tuple[int, ...]]:
    """At most `length` greedy tokens after each row, without the end-of-text token.

    Nothing is reported, so that the model may be held meanwhile.
    """
    return generate(model, rows, length, most_probable, phase=Phase.GENERATE, report=lambda _step: None)


def generate(
    model: LoadedModel,
    rows: Sequence[TokenRow],
    length: Length,
    pick: Pick,
    edited: Edited = nullcontext,
    *,
    phase: Phase,
    detail: str = "",
    past_ends: bool = False,
    report: Reporter = silent,
) -> list[tuple[int, ...]]:
    """At most `length` tokens after each row; with `past_ends` exactly so many. Reports after each token.

    Between two tokens nothing is applied and nothing locked.
    """
    steps = stream(model, rows, length, pick, past_ends=past_ends)
    texts: list[list[int]] = [[] for _ in rows]
    longest = length if isinstance(length, int) else max(length)
    for done in range(1, longest + 1):
        with model.using(phase), edited():
            tokens = next(steps, None)
        if tokens is None:
            break
        for text, token in zip(texts, tokens, strict=True):
            if token is not None:
                text.append(token)
        report(Progress(phase=phase, done=done, total=longest, detail=detail))
    return [tuple(text) for text in texts]


def sampler(seeds: Sequence[int], *, temperature: float = 1.0, top_k: int = 0) -> Pick:
    """Sampling with one seed a row, at a temperature above 0, among the `top_k` most probable tokens (0: all)."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def pick(logits: torch.Tensor) -> torch.Tensor:
        # Inverse of the distribution function: one uniform number a row and step, whatever else is in the batch.
        uniform = torch.cat([torch.rand(1, generator=generator) for generator in generators]).to(logits)
        best = logits.topk(min(top_k, logits.shape[1])) if top_k else None
        kept = logits if best is None else best.values
        # The largest is taken away first: divided by a small temperature it would be infinite.
        reached = ((kept - kept.amax(-1, keepdim=True)) / temperature).softmax(-1).cumsum(-1)
        chosen = torch.searchsorted(reached, (uniform * reached[:, -1])[:, None]).clamp(max=reached.shape[1] - 1)
        return (chosen if best is None else best.indices.gather(1, chosen)).squeeze(1)

    return pick


def end_tokens(model: LoadedModel) -> set[int]:
    """Tokens that end a text, from the generation settings and the tokenizer."""
    configured = model.model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return {token for token in (*listed, model.tokenizer.eos_token_id) if token is not None}


def stream(
    model: LoadedModel, rows: Sequence[TokenRow], length: Length, pick: Pick, *, past_ends: bool = False
) -> Iterator[list[int | None]]:
    """One more token for every row at each step, None for a row whose text has ended; stops when all have.

    A text also ends where the logits are not finite.

    The model is held within a step only, and a step runs it as it is then, with whatever edits are applied around it.
    With `past_ends` a text goes on after its end token, as packed training text does. Raises UnaskableError when a
    text that has not ended has become longer than the model has positions.
    """
    lengths = [length] * len(rows) if isinstance(length, int) else length
    ends = frozenset() if past_ends else end_tokens(model)
    batch = Batch.of(rows, model.device, side="left")  # so that every row's next token is the last column
    cache = DynamicCache(config=model.model.config.get_text_config())
    ids = batch.ids  # (B, T), then (B, 1)
    mask = batch.mask  # (B, T), one column more at each step
    positions = batch.positions  # as ids
    live = [True] * len(rows)
    for step in range(max(lengths)):
        live = [alive and step < most for alive, most in zip(live, lengths, strict=True)]
        if not any(live):
            return
        model.asking.check_length(step + max(len(row) for row, alive in zip(rows, live, strict=True) if alive))
        with model.using("writing text"), torch.no_grad():
            hidden = model.architecture.decoder(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
            logits = model.architecture.logits(hidden)
            chosen = pick(logits)
        tokens = chosen.tolist()
        finite = logits.amax(-1).isfinite().tolist()
        live = [alive and known and token not in ends for alive, known, token in zip(live, finite, tokens, strict=True)]
        if not any(live):
            return
        yield [token if alive else None for alive, token in zip(live, tokens, strict=True)]
        ids = chosen[:, None]
        positions = positions[:, -1:] + 1
        if model.asking.positions is not None:  # a text that has ended runs on beside the others, unheard
            positions = positions.clamp(max=model.asking.positions - 1)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
