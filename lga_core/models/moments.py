"""Second moments C = E[k kᵀ] of a down projection's inputs, uncentred, over the model's own text (ROME §3.1)."""

from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lga_core.models.derived import derived_path, keep
from lga_core.models.forward import final_hidden
from lga_core.models.hooks import OutputFunction, on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.own_text import VERSION as TEXT_VERSION
from lga_core.models.own_text import corpus
from lga_core.models.tokens import Batch, TokenRow
from lga_core.results import Progress

VERSION = 1
TOKENS_PER_INPUT = 4                         # tokens of text for each input dimension
BATCH_TOKENS = 2048
ALL_LAYERS_BYTES = 2 * 2**30                 # all layers in one pass where their moments fit in this


def second_moment(model: LoadedModel, layer: int, seed: int = 0) -> Generator[Progress, None, torch.Tensor]:
    """C of one layer, (d_in, d_in) float32 on the CPU; computed once per model and kept.

    Small models get every layer in the same pass over the text, large ones the layer that is asked for.
    """
    if not _path(model, layer, seed).exists():
        size = model.architecture.blocks[layer].down.d_in
        everything = size * size * 4 * model.layers <= ALL_LAYERS_BYTES
        yield from _compute(model, range(model.layers) if everything else [layer], seed)
    return load_file(_path(model, layer, seed))["second_moment"]


def text_tokens(model: LoadedModel, layer: int) -> int:
    """How many tokens of text a layer's moment is estimated from."""
    return TOKENS_PER_INPUT * model.architecture.blocks[layer].down.d_in


def _path(model: LoadedModel, layer: int, seed: int) -> Path:
    name = f"moment-v{VERSION}-text{TEXT_VERSION}-n{text_tokens(model, layer)}-s{seed}-layer{layer}.safetensors"
    return derived_path(model, name)


def _compute(model: LoadedModel, layers: Sequence[int], seed: int) -> Generator[Progress, None, None]:
    rows = yield from corpus(model, max(text_tokens(model, layer) for layer in layers), seed)
    widths = {layer: model.architecture.blocks[layer].down.d_in for layer in layers}
    sums = {layer: torch.zeros(width, width, device=model.device) for layer, width in widths.items()}
    batches, count = _batches(rows), sum(map(len, rows))
    for number, batch_rows in enumerate(batches, start=1):
        with model.using("second moments"), torch.no_grad():
            _add(model, batch_rows, sums)
        yield Progress(label="second moments of the keys", done=number, total=len(batches))
    for layer, total in sums.items():
        moment = (total / count).cpu()
        keep(_path(model, layer, seed), lambda place, moment=moment: save_file({"second_moment": moment}, place))


def _add(model: LoadedModel, rows: Sequence[TokenRow], sums: dict[int, torch.Tensor]) -> None:
    batch = Batch.of(rows, model.device)
    present = batch.mask.bool()

    def hook_for(layer: int) -> OutputFunction:
        def add(given: torch.Tensor, _output: torch.Tensor) -> None:
            keys = given[present].float()
            sums[layer].addmm_(keys.T, keys)
        return add

    hooks = {model.architecture.blocks[layer].down.module: hook_for(layer) for layer in sums}
    with on_outputs(hooks, model.architecture.flat):
        final_hidden(model, batch)


def _batches(rows: Sequence[TokenRow]) -> list[list[TokenRow]]:
    """Rows of like length together, at most BATCH_TOKENS after padding."""
    batches: list[list[TokenRow]] = []
    for row in sorted(rows, key=len):
        if not batches or len(row) * (len(batches[-1]) + 1) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    return batches
