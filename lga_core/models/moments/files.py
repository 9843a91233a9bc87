"""Where second moments are kept, and the checkpoints of a pass that computes them: paths, sizes, and what is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from lga_core.models.loaded import LoadedModel
from lga_core.models.sources.derived import derived_path, dtype_part, kept
from lga_core.models.text.sources import TOKENS_PER_INPUT
from lga_core.models.text.texts import Text

VERSION = 1


def text_tokens(model: LoadedModel, layer: int, tokens_per_input: int = TOKENS_PER_INPUT) -> int:
    """How many tokens of text a layer's moment is estimated from, at least."""
    return tokens_per_input * model.architecture.blocks[layer].down.d_in


def moment_path(model: LoadedModel, layer: int, text: Text, tokens_per_input: int) -> Path:
    """Where a layer's moment is kept."""
    key = text.key(text_tokens(model, layer, tokens_per_input))
    return derived_path(model, f"moment-v{VERSION}-{key}{dtype_part(model.dtype)}-layer{layer}.safetensors")


def moment_bytes(model: LoadedModel, layers: Sequence[int]) -> int:
    """What the moments of these layers take, in memory or on disk."""
    return sum(4 * model.architecture.blocks[layer].down.d_in ** 2 for layer in layers)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """How far a pass over the text has come."""

    layers: tuple[int, ...]
    rows: int  # of the text, read
    tokens: int  # in them


def checkpoints(model: LoadedModel, layers: Sequence[int], text: Text, tokens_per_input: int) -> Iterator[Checkpoint]:
    """What stopped passes over this text have left, for any of the widths of these layers."""
    for tokens in dict.fromkeys(text_tokens(model, layer, tokens_per_input) for layer in layers):
        if (begun := kept(checkpoint_path(model, text, tokens), _opened)) is not None:
            yield begun


def _opened(path: Path) -> Checkpoint:
    with safe_open(path, "pt") as file:
        return read_checkpoint(file)


def read_checkpoint(file: safe_open) -> Checkpoint:
    """What an open file says of itself; its sums are not read."""
    metadata = file.metadata()
    return Checkpoint(
        layers=tuple(sorted(map(int, file.keys()))),
        rows=int(metadata["rows"]),
        tokens=int(metadata["tokens"]),
    )


def checkpoint_path(model: LoadedModel, text: Text, tokens: int) -> Path:
    """Where a pass over so many tokens of a text keeps its checkpoint."""
    return derived_path(model, f"moment-v{VERSION}-{text.key(tokens)}{dtype_part(model.dtype)}-part.safetensors")
