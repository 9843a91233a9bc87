"""Continuing prompts under edits, token by token, with nothing applied and nothing locked between two tokens."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.generate import Pick, stream
from lga_core.models.text.tokens import TokenRow
from lga_core.progress import Phase, Progress, Reporter, silent

Edited = Callable[[], AbstractContextManager[None]]
"""Applies the edits for one step: `partial(applied, model, edits)`."""


def generate(
    model: LoadedModel,
    rows: Sequence[TokenRow],
    length: int,
    pick: Pick,
    edited: Edited,
    *,
    phase: Phase,
    detail: str = "",
    past_ends: bool = False,
    report: Reporter = silent,
) -> list[tuple[int, ...]]:
    """At most `length` tokens after each row; with `past_ends` exactly so many. Reports after each token."""
    steps = stream(model, rows, length, pick, past_ends=past_ends)
    texts: list[list[int]] = [[] for _ in rows]
    for done in range(1, length + 1):
        with model.using(phase), edited():
            tokens = next(steps, None)
        if tokens is None:
            break
        for text, token in zip(texts, tokens, strict=True):
            if token is not None:
                text.append(token)
        report(Progress(phase=phase, done=done, total=length, detail=detail))
    return [tuple(text) for text in texts]
