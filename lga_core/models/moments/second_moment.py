"""Second moments C = E[k kᵀ] of a down projection's inputs, uncentred, over a text (ROME §3.1).

Every position of the text counts, as the model reads it. Layers are filled in groups that fit in memory, each in one
pass over the text, which runs no block above them; a pass that is stopped goes on from its last checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments.files import (
    begun,
    checkpoint_path,
    layers_in,
    moment_bytes,
    moment_path,
    text_tokens,
)
from lga_core.models.running.batching import by_tokens, padded
from lga_core.models.running.forward import run_up_to
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.running.memory import available, check_working, out_of_memory
from lga_core.models.sources.derived import keep, kept
from lga_core.models.sources.files import check_room, gigabytes
from lga_core.models.text.sources import OWN_TEXT, TOKENS_PER_INPUT
from lga_core.models.text.texts import Text, text_named
from lga_core.models.text.tokens import Batch, TokenRow
from lga_core.progress import Phase, Progress, Reporter, silent

BATCH_TOKENS = 2048
LAYERS_BELOW_BYTES = 2 * 2**30  # all layers below the one asked for are filled with it where they fit in this
MEMORY_SHARE = 0.5  # of the free memory, for the sums of a group of layers
SOLVING_BYTES = 32  # an entry, in float64: C with its ridge, the factor, and the inverse with what it is made in
CHECKPOINT_SECONDS = 60.0
CHECKPOINT_SHARE = 0.05  # of the time, at most, goes into writing checkpoints


def second_moment(
    model: LoadedModel,
    layer: int,
    seed: int = 0,
    *,
    source: str = OWN_TEXT,
    tokens_per_input: int = TOKENS_PER_INPUT,
    report: Reporter = silent,
) -> torch.Tensor:
    """C of one layer, (d_in, d_in) float32 on the CPU; computed once per model, text and number of tokens, and kept.

    Small models get all layers below it in the same pass over the text, large ones the layer that is asked for; who
    needs several asks for them together before (`second_moments`). Raises LgaError for a text that is not there,
    damaged or too short, and where solving with C would not fit in memory.
    """
    text = text_named(source, seed)
    _compute_missing(model, [layer], text, tokens_per_input, report)
    width = model.architecture.blocks[layer].down.d_in
    check_working(model, f"The second moment of layer {layer} with its factorization", SOLVING_BYTES * width**2)
    path = moment_path(model, layer, text, tokens_per_input)
    if (moment := kept(path, _loaded)) is not None:
        return moment
    _compute_missing(model, [layer], text, tokens_per_input, report)  # the file was damaged
    return _loaded(path)


def _loaded(path: Path) -> torch.Tensor:
    return load_file(path)["second_moment"]


def second_moments(
    model: LoadedModel,
    layers: Sequence[int],
    seed: int = 0,
    *,
    source: str = OWN_TEXT,
    tokens_per_input: int = TOKENS_PER_INPUT,
    report: Reporter = silent,
) -> None:
    """Compute and keep the moments of these layers, where they are not kept yet."""
    _compute_missing(model, layers, text_named(source, seed), tokens_per_input, report)


def _compute_missing(
    model: LoadedModel, layers: Sequence[int], text: Text, tokens_per_input: int, report: Reporter
) -> None:
    left = _to_fill(model, layers, text, tokens_per_input)
    while left:
        group = _groups(model, left, text, tokens_per_input)[0]
        _compute(model, group, text, tokens_per_input, report)
        # Not looked for on disk again: where the cache has a cap, one group may put out another for ever.
        left = tuple(layer for layer in left if layer not in group)


def missing(model: LoadedModel, layers: Sequence[int], text: Text, tokens_per_input: int) -> tuple[int, ...]:
    """Those of these layers whose moment is not kept yet, from the lowest up."""
    return tuple(
        layer for layer in sorted(set(layers)) if not moment_path(model, layer, text, tokens_per_input).exists()
    )


def _to_fill(model: LoadedModel, layers: Sequence[int], text: Text, tokens_per_input: int) -> tuple[int, ...]:
    """The layers that are filled when these are asked for: none where all of them are kept."""
    asked = missing(model, layers, text, tokens_per_input)
    below = range(max(asked, default=-1) + 1)  # the pass runs through these anyway
    if moment_bytes(model, below) <= LAYERS_BELOW_BYTES:
        return missing(model, below, text, tokens_per_input)
    return asked


def _groups(model: LoadedModel, layers: Sequence[int], text: Text, tokens_per_input: int) -> list[tuple[int, ...]]:
    """Layers that share a pass: of one width, since that sets the tokens, and as many as fit in memory.

    What a stopped pass had begun comes first, as it was. Raises LgaError where not even one layer fits.
    """
    room = available(model.device) * MEMORY_SHARE
    stopped = set(begun(model, layers, text, tokens_per_input))
    passes = [group for group in stopped if set(group) <= set(layers) and moment_bytes(model, group) <= room]
    left = [layer for layer in layers if not any(layer in group for group in passes)]
    for width in dict.fromkeys(model.architecture.blocks[layer].down.d_in for layer in left):
        if (most := int(room // (4 * width**2))) < 1:
            raise out_of_memory(
                f"The second moment of one layer needs {gigabytes(4 * width**2)} of memory, "
                f"{gigabytes(room)} can be had for it."
            )
        same = [layer for layer in left if model.architecture.blocks[layer].down.d_in == width]
        passes += [tuple(same[first : first + most]) for first in range(0, len(same), most)]
    return passes


@dataclass(kw_only=True)
class _Pass:
    """One pass over a text: the sums so far, and what is in them."""

    path: Path  # of its checkpoint
    sums: dict[int, torch.Tensor]  # layer -> Σ k kᵀ (d_in, d_in)
    rows: int = 0  # of the text, read
    tokens: int = 0  # in them
    saved: float = 0.0  # when the last checkpoint was written, by the clock
    writing: float = 0.0  # seconds that it took

    def save_if_due(self) -> None:
        """Write a checkpoint where the last one is old enough for it to cost little of the time."""
        begin = perf_counter()
        if begin - self.saved <= max(CHECKPOINT_SECONDS, self.writing / CHECKPOINT_SHARE):
            return
        tensors = {str(layer): total.cpu() for layer, total in self.sums.items()}
        metadata = {"rows": str(self.rows), "tokens": str(self.tokens)}
        keep(self.path, lambda place: save_file(tensors, place, metadata=metadata))
        self.saved = perf_counter()
        self.writing = self.saved - begin


def _compute(model: LoadedModel, layers: tuple[int, ...], text: Text, tokens_per_input: int, report: Reporter) -> None:
    """One pass over the text for these layers, whose moments are kept at its end."""
    needed = text_tokens(model, layers[0], tokens_per_input)
    check_room(2 * moment_bytes(model, layers), "The second moments")  # with a checkpoint beside them
    rows = text.rows(model, needed, report=report)
    reading = _begin(model, layers, checkpoint_path(model, text, needed))
    for batch in by_tokens(islice(rows, reading.rows, None), padded(len), BATCH_TOKENS):
        with model.using("second moments"), torch.no_grad():
            _add(model, batch, reading.sums)
        reading.rows += len(batch)
        reading.tokens += sum(map(len, batch))
        reading.save_if_due()
        done = min(reading.tokens, needed)
        report(Progress(phase=Phase.SECOND_MOMENTS, done=done, total=needed, detail=_in_words(layers)))
    if reading.tokens < needed:
        raise LgaError(
            f"The text of the second moment has {reading.tokens:,} tokens; at least {needed:,} are needed.",
            hint="Name a longer text, or own-text.",
        )
    for layer, total in reading.sums.items():
        moment = (total / reading.tokens).cpu()
        if not moment.isfinite().all():
            reading.path.unlink(missing_ok=True)
            raise LgaError(
                f"The second moment of layer {layer} is not finite: a key overflows in {model.dtype}.",
                hint="Load the model in float32 or bfloat16 (--dtype).",
            )
        keep(moment_path(model, layer, text, tokens_per_input), partial(save_file, {"second_moment": moment}))
    reading.path.unlink(missing_ok=True)


def _begin(model: LoadedModel, layers: tuple[int, ...], path: Path) -> _Pass:
    """A pass for these layers, from its checkpoint on where there is one."""
    now = perf_counter()

    def read(place: Path) -> _Pass | None:
        with safe_open(place, "pt") as file:  # one file from here on: another job may put a later one there
            if layers_in(file) != layers:
                return None
            sums = {layer: file.get_tensor(str(layer)).to(model.device, copy=True) for layer in layers}
            done = file.metadata()
            return _Pass(path=place, sums=sums, rows=int(done["rows"]), tokens=int(done["tokens"]), saved=now)

    if (going_on := kept(path, read)) is not None:
        return going_on
    widths = {layer: model.architecture.blocks[layer].down.d_in for layer in layers}
    sums = {layer: torch.zeros(width, width, device=model.device) for layer, width in widths.items()}
    return _Pass(path=path, sums=sums, saved=now)


def _add(model: LoadedModel, rows: Sequence[TokenRow], sums: dict[int, torch.Tensor]) -> None:
    batch = Batch.of(rows, model.device)
    present = batch.mask.bool()

    def hook_for(layer: int) -> OutputFunction:
        def add(given: torch.Tensor, _output: torch.Tensor) -> None:
            keys = given[present.to(given.device)].float()  # (N, d_in), without the pads
            sums[layer].addmm_(keys.T, keys)

        return add

    hooks = {model.architecture.blocks[layer].down.module: hook_for(layer) for layer in sums}
    with on_outputs(hooks, model.architecture.flat):
        run_up_to(model, batch, max(sums))


def _in_words(layers: Sequence[int]) -> str:
    return f"layer {layers[0]}" if len(layers) == 1 else f"{len(layers)} layers from {layers[0]} to {layers[-1]}"
