"""Where second moments are kept, and the checkpoints of a pass that computes them: paths, sizes, and what is there."""

from collections.abc import Iterator, Sequence
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


def begun(model: LoadedModel, layers: Sequence[int], text: Text, tokens_per_input: int) -> Iterator[tuple[int, ...]]:
    """The layers of each stopped pass over this text, for any of the widths of these layers."""
    for tokens in dict.fromkeys(text_tokens(model, layer, tokens_per_input) for layer in layers):
        if (group := kept(checkpoint_path(model, text, tokens), _layers)) is not None:
            yield group


def _layers(path: Path) -> tuple[int, ...]:
    with safe_open(path, "pt") as file:
        return layers_in(file)


def layers_in(checkpoint: safe_open) -> tuple[int, ...]:
    """Those whose sums an open checkpoint has."""
    return tuple(sorted(map(int, checkpoint.keys())))


def checkpoint_path(model: LoadedModel, text: Text, tokens: int) -> Path:
    """Where a pass over so many tokens of a text keeps its checkpoint."""
    return derived_path(model, f"moment-v{VERSION}-{text.key(tokens)}{dtype_part(model.dtype)}-part.safetensors")
