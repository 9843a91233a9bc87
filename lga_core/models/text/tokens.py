"""Text to token rows: prompts with answers, subject spans, and padded batches in which padding never matters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from transformers import PreTrainedTokenizerFast

from lga_core.models.text.chat import Asking, UnaskableError, asked_place, overlapping

Side = Literal["left", "right"]
Answer = str | tuple[int, ...]
"""What follows a prompt: a text, or the tokens that the model itself wrote after it."""


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """One sequence: prompt and answer tokens. Token j of the answer is predicted at position start + j − 1.

    Of a whole sequence (`sequence_row`) the "answer" is all that a condition precedes.
    """

    ids: tuple[int, ...]
    start: int  # index of the first answer token; len(ids) where there is no answer
    own: tuple[int, int] | None = None  # [first, end) of the prompt's own tokens in a chat template; None without one

    @property
    def answer(self) -> tuple[int, ...]:
        return self.ids[self.start :]

    @property
    def given(self) -> "TokenRow":
        """The row without its answer's last token, which predicts nothing that is asked."""
        return replace(self, ids=self.ids[:-1]) if self.answer else self

    def __len__(self) -> int:
        return len(self.ids)


def prompt_row(asking: Asking, prompt: str) -> TokenRow:
    """The prompt alone, with the tokenizer's own special tokens (Gemma's BOS, none for GPT-2), or in its template.

    Raises UnaskableError where it is empty, and as `Asking.encode`.
    """
    ids = tuple(asking.encode(prompt)["input_ids"])
    if not ids or (asking.chat is not None and not prompt.strip()):
        raise UnaskableError(
            "The prompt is empty.", hint="Write a prompt that holds the subject.", reason="the prompt is empty"
        )
    return TokenRow(ids=ids, start=len(ids), own=_own(asking, prompt))


def answer_row(asking: Asking, prompt: str, answer: Answer) -> TokenRow:
    """Prompt and answer tokenized once; the answer begins after the longest common prefix with the prompt's own ids.

    The model's own tokens follow the prompt's as they are: their text, stripped and tokenized again, may be others.
    Raises UnaskableError where no token is the answer's or none is the prompt's, and as `Asking.encode`.

    >>> row = answer_row(asking, "The Space Needle is in", "Seattle")  # doctest: +SKIP
    >>> tokenizer.decode(row.answer)  # doctest: +SKIP
    ' Seattle'
    """
    alone = prompt_row(asking, prompt)
    if isinstance(answer, str):
        ids = tuple(asking.encode(prompt, answer)["input_ids"])
    else:
        ids = (*alone.ids, *answer)
        asking.check_length(len(ids), prompt)
    start = next((i for i, (a, b) in enumerate(zip(alone.ids, ids, strict=False)) if a != b), min(len(alone), len(ids)))
    if start == len(ids):
        raise UnaskableError(
            f"The answer {answer!r} adds no token to the prompt {prompt!r}.",
            hint="Write another answer.",
            reason="an answer adds no token to the prompt",
        )
    if start == 0:
        raise UnaskableError(
            f"The answer {answer!r} melts into the whole prompt {prompt!r}.",
            hint="Write a longer prompt.",
            reason="an answer melts into the whole prompt",
        )
    return TokenRow(ids=ids, start=start, own=alone.own)


def sequence_row(asking: Asking, prompt: str, answer: Answer) -> TokenRow:
    """The tokens of `answer_row`, each of them asked for but the first and those that the tokenizer puts before it.

    With a BOS the first token of the text is asked for; without one nothing precedes it, and the second is the first.
    In a chat template the first one is the prompt's, and the template's marks after the prompt are asked for too.
    """
    row = answer_row(asking, prompt, answer)
    if row.own is not None:
        return replace(row, start=max(1, row.own[0]))
    added = asking.encode(prompt)["special_tokens_mask"]
    return replace(row, start=max(1, next((i for i, special in enumerate(added) if not special), 1)))


def subject_span(asking: Asking, prompt: str, span: tuple[int, int], answer: str | None = None) -> tuple[int, int]:
    """Tokens [first, end) that overlap the characters `span` of the prompt, by the fast tokenizer's offsets.

    The last of them, end − 1, is where editors read and write. With `answer`: in the row that the answer ends.
    Raises UnaskableError where there is none, and as `Asking.encode`.
    """
    offsets = asking.encode(prompt, answer)["offset_mapping"]
    inside = overlapping(offsets, asked_place(asking.chat, prompt, span))
    if inside is None:
        raise UnaskableError(
            f"No token of {prompt!r} holds the subject.",
            hint="Name a subject that stands in the prompt.",
            reason="no token holds the subject",
        )
    return inside


def _own(asking: Asking, prompt: str) -> tuple[int, int] | None:
    if asking.chat is None:
        return None
    return subject_span(asking, prompt, (len(prompt) - len(prompt.lstrip()), len(prompt.rstrip())))


def token_texts(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> tuple[str, ...]:
    """Each token as readable text; a token that is part of a character shows its vocabulary entry."""
    texts = tokenizer.batch_decode([[token] for token in ids])
    return tuple(
        text if "\ufffd" not in text else tokenizer.convert_ids_to_tokens(token)
        for token, text in zip(ids, texts, strict=True)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Padded rows with position ids from the mask (GPT-2 with left padding is wrong without them)."""

    ids: torch.Tensor  # (B, T)
    mask: torch.Tensor  # (B, T) 1 where a token is
    positions: torch.Tensor  # (B, T)
    offsets: torch.Tensor  # (B,) column of each row's first token

    @classmethod
    def of(cls, rows: Sequence[TokenRow], device: torch.device, side: Side = "right") -> "Batch":
        width = max(len(row) for row in rows)
        return cls._placed(rows, [width - len(row) if side == "left" else 0 for row in rows], device)

    @classmethod
    def aligned(cls, rows: Sequence[TokenRow], at: Sequence[int], device: torch.device) -> "Batch":
        """Rows padded on both sides so that token at[i] of row i stands in the same column for all: max(at)."""
        return cls._placed(rows, [max(at) - own for own in at], device)

    @classmethod
    def _placed(cls, rows: Sequence[TokenRow], offsets: Sequence[int], device: torch.device) -> "Batch":
        width = max(offset + len(row) for row, offset in zip(rows, offsets, strict=True))
        ids = torch.zeros(len(rows), width, dtype=torch.long)  # masked: which id stands there never matters
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, (row, offset) in enumerate(zip(rows, offsets, strict=True)):
            ids[i, offset : offset + len(row)] = torch.tensor(row.ids)
            mask[i, offset : offset + len(row)] = 1
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        return cls(
            ids=ids.to(device),
            mask=mask.to(device),
            positions=positions.to(device),
            offsets=torch.tensor(offsets, device=device),
        )

    def inputs(self) -> dict[str, torch.Tensor | bool]:
        """Keyword arguments of a decoder's forward."""
        return {"input_ids": self.ids, "attention_mask": self.mask, "position_ids": self.positions, "use_cache": False}


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerIndex:
    """Where the answer tokens of a batch are predicted, flat over rows."""

    rows: torch.Tensor  # (N,)
    columns: torch.Tensor  # (N,) the position BEFORE each answer token
    tokens: torch.Tensor  # (N,)
    counts: torch.Tensor  # (B,) answer tokens per row

    @classmethod
    def of(cls, rows: Sequence[TokenRow], batch: Batch) -> "AnswerIndex":
        device = batch.ids.device
        index = [(i, row.start + j - 1, token) for i, row in enumerate(rows) for j, token in enumerate(row.answer)]
        numbers, columns, tokens = (torch.tensor(part, device=device) for part in zip(*index, strict=True))
        counts = torch.tensor([len(row.answer) for row in rows], device=device)
        return cls(rows=numbers, columns=columns + batch.offsets[numbers], tokens=tokens, counts=counts)

    def mean_by_row(self, values: torch.Tensor) -> torch.Tensor:
        """Mean of (N,) values over each row's answer tokens, (B,)."""
        return values.new_zeros(len(self.counts)).index_add(0, self.rows, values) / self.counts

    def select(self, rows: torch.Tensor) -> "AnswerIndex":
        """The same of some rows (R,) of the batch, with repetition, each at its place among them."""
        counts = self.counts[rows]
        own = torch.arange(len(rows), device=rows.device).repeat_interleave(counts)  # (N,)
        before = self.counts.cumsum(0) - self.counts  # tokens of the rows before
        places = torch.arange(len(own), device=rows.device) + (before[rows] - (counts.cumsum(0) - counts))[own]
        return AnswerIndex(rows=own, columns=self.columns[places], tokens=self.tokens[places], counts=counts)
