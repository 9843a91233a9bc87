"""An adapter's two files as they lie beside an edit set: checked, and refused where they are not what it exports."""

import json
from collections.abc import Mapping
from typing import Any

import torch

from lga_core.editing.files.containers import HINT, Container, legible
from lga_core.editing.files.lora import CONFIG, WEIGHTS, lora_config, peft_files, weight_names
from lga_core.editing.files.manifest import Manifest, Tensors
from lga_core.editing.files.reading import HEADER_BYTES, tensor_size, tensors_in
from lga_core.errors import LgaError

MOST_CONFIG_BYTES = 2**20


def checked_adapter(files: Container, manifest: Manifest, base: str) -> dict[str, bytes]:
    """Both files of peft, written anew for the base model's repository `base`: no words of theirs go along.

    Raises LgaError where they are damaged, hold numbers that are not finite, or are not those of the enabled edits.
    """
    # Rank r of a whole matrix (d_out, d_in) takes r·(d_out + d_in) numbers, at most twice the matrix.
    weights = tensors_in(files.read(WEIGHTS, 2 * tensor_size(manifest) + HEADER_BYTES), WEIGHTS)
    ranks = _ranks(weights, _sizes(manifest))
    config = _config(files)
    transposed = config.get("fan_in_fan_out") is True
    if config != lora_config(ranks, config.get("base_model_name_or_path"), transposed=transposed):
        raise _of_others(f"{CONFIG} has other settings")
    return peft_files(lora_config(ranks, base, transposed=transposed), weights)


def _config(files: Container) -> dict[str, Any]:
    try:
        config = json.loads(files.read(CONFIG, MOST_CONFIG_BYTES))
    except (ValueError, RecursionError) as error:
        raise LgaError(f"{CONFIG} is damaged: {legible(error)}.", hint=HINT) from error
    if not isinstance(config, dict):
        raise _of_others(f"{CONFIG} holds no settings")
    return config


def _sizes(manifest: Manifest) -> dict[str, tuple[int, int]]:
    """(d_out, d_in) of every matrix that the enabled edits change."""
    return {item.matrix: _size(item) for entry in manifest.entries if entry.enabled for item in entry.tensors}


def _size(item: Tensors) -> tuple[int, int]:
    if item.kind == "dense":
        return item.shapes.get("delta", (0, 0))
    return item.shapes.get("left", (0, 0))[1], item.shapes.get("right", (0, 0))[1]


def _ranks(tensors: Mapping[str, torch.Tensor], sizes: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """The rank of each matrix. Raises LgaError unless A and B of just these are there, and fit."""
    wanted = {name for matrix in sizes for name in weight_names(matrix)}
    if not wanted or tensors.keys() != wanted:
        raise _of_others(f"{WEIGHTS} changes other matrices")
    ranks = {}
    for matrix, (d_out, d_in) in sizes.items():
        a, b = (tensors[name] for name in weight_names(matrix))
        ranks[matrix] = rank = len(a) if a.ndim else 0
        if rank < 1 or a.shape != (rank, d_in) or b.shape != (d_out, rank) or {a.dtype, b.dtype} != {torch.float32}:
            raise _of_others(f"the tensors for {legible(matrix)} have other shapes or are not float32")
        if not (a.isfinite().all() and b.isfinite().all()):
            raise LgaError(
                f"The adapter's tensors for {legible(matrix)} hold numbers that are not finite.",
                hint="Export it again; where that does not help, compute the edit again.",
            )
    return ranks


def _of_others(what: str) -> LgaError:
    return LgaError(f"The adapter is not that of the edit set beside it: {what}.", hint="Export it again.")
