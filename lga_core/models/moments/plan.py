"""What computing second moments will take, before anything is computed: for the page and the command line."""

from collections.abc import Sequence

from lga_core.models.loaded import LoadedModel
from lga_core.models.moments.files import checkpoint_of, moment_bytes, moment_path, text_tokens
from lga_core.models.moments.rates import What, rate
from lga_core.models.moments.second_moment import depth, groups, wanted
from lga_core.models.text.own_text import corpus_path
from lga_core.models.text.sources import OWN_TEXT, TOKENS_PER_INPUT
from lga_core.models.text.texts import text_named
from lga_core.results import MomentPlan


def moment_plan(
    model: LoadedModel,
    layers: Sequence[int],
    source: str = OWN_TEXT,
    *,
    seed: int = 0,
    tokens_per_input: int = TOKENS_PER_INPUT,
) -> MomentPlan:
    """The plan for these layers. Raises LgaError for a text that is not there, and for layers that do not fit."""
    asked = tuple(sorted(set(layers)))
    text = text_named(source, seed)
    filled = wanted(model, asked, text, tokens_per_input)
    passes = groups(model, filled, text, tokens_per_input) if filled else []
    needed = [text_tokens(model, group[0], tokens_per_input) for group in passes]
    begun = [checkpoint_of(model, group, text, tokens_per_input) for group in passes]
    left = [
        max(tokens - (checkpoint.tokens if checkpoint else 0), 0)
        for tokens, checkpoint in zip(needed, begun, strict=True)
    ]
    to_write = (
        sum(tokens for tokens in set(needed) if not corpus_path(model, tokens, seed).exists())
        if source == OWN_TEXT
        else 0
    )
    kept = tuple(layer for layer in asked if moment_path(model, layer, text, tokens_per_input).exists())
    return MomentPlan(
        layers=asked,
        kept=kept,
        filled=filled,
        passes=len(passes),
        tokens=max(text_tokens(model, layer, tokens_per_input) for layer in asked),
        tokens_to_write=to_write,
        tokens_to_read=sum(left),
        disk_bytes=moment_bytes(model, filled),
        memory_bytes=max((moment_bytes(model, group) for group in passes), default=0),
        seconds=_seconds(model, to_write, sum(depth(model, p) * n for p, n in zip(passes, left, strict=True))),
    )


def _seconds(model: LoadedModel, to_write: int, to_read: float) -> float | None:
    """By the rates at which this model last wrote and read on this machine. `to_read`: as tokens of the whole model."""
    needed: dict[What, float] = {"writing": to_write, "reading": to_read}
    total = 0.0
    for what, tokens in needed.items():
        if not tokens:
            continue
        speed = rate(model, what)
        if speed is None:
            return None
        total += tokens / speed
    return total
