"""What it will take to have second moments, said before anything is computed: for the page and the command line."""

from collections.abc import Sequence
from dataclasses import dataclass

from lga_core.models.loaded import LoadedModel
from lga_core.models.moments import (
    TOKENS_PER_INPUT,
    checkpoint_of,
    groups,
    moment_bytes,
    moment_path,
    text_tokens,
    wanted,
)
from lga_core.models.own_text import corpus_path
from lga_core.models.rates import rate
from lga_core.models.texts import IDENTITY, OWN_TEXT, text_named


@dataclass(frozen=True, kw_only=True)
class MomentPlan:
    """What is kept already of the layers that are asked for, and what the rest will take."""

    layers: tuple[int, ...]                  # asked for
    kept: tuple[int, ...]                    # of these, on disk already
    filled: tuple[int, ...]                  # will be computed; small models get every layer in the same pass
    passes: int                              # over the text
    tokens: int                              # of text for a layer, the most over the layers
    tokens_to_write: int                     # by the model itself, before it can read them
    tokens_to_read: int                      # over all passes that are left
    disk_bytes: int                          # that will be added
    memory_bytes: int                        # at once, beside the model
    seconds: float | None                    # None: this model's speed has not been measured here

    @property
    def ready(self) -> bool:
        """Whether nothing has to be computed."""
        return not self.filled


def moment_plan(model: LoadedModel, layers: Sequence[int], source: str = OWN_TEXT, *, seed: int = 0,
                tokens_per_input: int = TOKENS_PER_INPUT) -> MomentPlan:
    """The plan for these layers. Raises LgaError for a text that is not there, and for layers that do not fit."""
    asked = tuple(sorted(set(layers)))
    if source == IDENTITY:
        return MomentPlan(layers=asked, kept=asked, filled=(), passes=0, tokens=0, tokens_to_write=0,
                          tokens_to_read=0, disk_bytes=0, memory_bytes=0, seconds=0.0)
    text = text_named(source, seed)
    filled = wanted(model, asked, text, tokens_per_input)
    passes = groups(model, filled, text, tokens_per_input) if filled else []
    needed = [text_tokens(model, group[0], tokens_per_input) for group in passes]
    begun = [checkpoint_of(model, group, text, tokens_per_input) for group in passes]
    to_read = sum(needed) - sum(checkpoint.tokens for checkpoint in begun if checkpoint)
    to_write = sum(tokens for tokens in set(needed) if not corpus_path(model, tokens, seed).exists()) \
        if source == OWN_TEXT else 0
    kept = tuple(layer for layer in asked if moment_path(model, layer, text, tokens_per_input).exists())
    return MomentPlan(
        layers=asked, kept=kept, filled=filled, passes=len(passes),
        tokens=max(text_tokens(model, layer, tokens_per_input) for layer in asked),
        tokens_to_write=to_write, tokens_to_read=max(to_read, 0), disk_bytes=moment_bytes(model, filled),
        memory_bytes=max((moment_bytes(model, group) for group in passes), default=0),
        seconds=_seconds(model, to_write, max(to_read, 0)),
    )


def _seconds(model: LoadedModel, to_write: int, to_read: int) -> float | None:
    """By the rates at which this model last wrote and read on this machine."""
    total = 0.0
    for what, tokens in (("writing", to_write), ("reading", to_read)):
        speed = rate(model, what)
        if tokens and speed is None:
            return None
        total += tokens / speed if tokens else 0.0
    return total
