"""An adapter's two files as they lie beside an edit set: checked, and refused where they are not what it exports."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from lga_core.editing.edits import DenseEdit, Edit, LowRankEdit, summed
from lga_core.editing.files.containers import HINT, Container, legible
from lga_core.editing.files.lora import WEIGHTS, lora_config, peft_files, told_error, weight_names
from lga_core.editing.files.manifest import Manifest, Tensors
from lga_core.editing.files.reading import HEADER_BYTES, edit_in, tensor_size, tensors_in
from lga_core.errors import LgaError
from lga_core.models.sources.checkpoint import ADAPTER_CONFIG

MOST_CONFIG_BYTES = 2**20
TOLERANCE = 1e-4  # of ‖B·A − ΔW‖ / ‖ΔW‖: both are float32, and one is made of the other


def checked_adapter(
    files: Container, manifest: Manifest, edits: Mapping[str, torch.Tensor], base: str
) -> dict[str, bytes]:
    """Both files of peft, written anew for the base model's repository `base`: no words of theirs go along.

    `edits`: the tensors of the edit set, by name. Raises LgaError where the files are damaged, hold numbers that are
    not finite, or are not those of the enabled edits: B·A is ΔW, or an approximation as far from it as they say.
    """
    # Rank r of a whole matrix (d_out, d_in) takes r·(d_out + d_in) numbers, at most twice the matrix.
    content = files.read(WEIGHTS, 2 * tensor_size(manifest) + HEADER_BYTES)
    weights = tensors_in(content, WEIGHTS)
    ranks = _ranks(weights, _sizes(manifest))
    config = _config(files)
    transposed = config.get("fan_in_fan_out") is True
    if config != lora_config(ranks, config.get("base_model_name_or_path"), transposed=transposed):
        raise _of_others(f"{ADAPTER_CONFIG} has other settings")
    errors = _checked_errors(summed(_enabled(manifest, edits)), weights, content)
    return peft_files(lora_config(ranks, base, transposed=transposed), weights, errors)


def _checked_errors(edits: Sequence[Edit], weights: Mapping[str, torch.Tensor], content: bytes) -> dict[str, float]:
    """How far each approximated matrix is from its ΔW. Raises LgaError where one is farther than `content` says."""
    errors = {}
    for edit in edits:
        a, b = (weights[name] for name in weight_names(edit.matrix))
        error = _distance(edit, a, b)  # of B·A alone: by the settings its scale is 1
        told = told_error(content, edit.matrix) if isinstance(edit, DenseEdit) else 0.0
        if told is None:
            raise _of_others(f"it does not say how far it is from the edit of {legible(edit.matrix)}")
        if not abs(error - told) <= TOLERANCE or error > 1 + TOLERANCE:  # beyond 1 no adapter at all would be nearer
            raise _of_others(
                f"for {legible(edit.matrix)} ‖B·A − ΔW‖ / ‖ΔW‖ is {error:.2g}, where it is to be {min(told, 1):.2g}"
            )
        if isinstance(edit, DenseEdit):
            errors[edit.matrix] = error
    return errors


def _enabled(manifest: Manifest, tensors: Mapping[str, torch.Tensor]) -> list[Edit]:
    """The edits that are on. Raises LgaError where the shapes of one do not fit, which loading it would find too."""
    sizes = _sizes(manifest)
    edits = []
    for entry in manifest.entries:
        for item in entry.tensors if entry.enabled else ():
            (d_out, d_in), rank = sizes[item.matrix], item.shapes.get("left", (0, 0))[0]
            whole = (
                {"left": (rank, d_out), "right": (rank, d_in)} if item.kind == "low rank" else {"delta": (d_out, d_in)}
            )
            if {part: shape for part, shape in item.shapes.items() if part != "keys"} != whole:
                raise _of_others(f"the edits of {legible(item.matrix)} do not fit together")
            edits.append(edit_in(entry, item, tensors))
    return edits


def _distance(edit: Edit, a: torch.Tensor, b: torch.Tensor) -> float:
    """‖B·A − ΔW‖ / ‖ΔW‖ in the Frobenius norm, for A (r, d_in) and B (d_out, r)."""
    if isinstance(edit, LowRankEdit):
        apart = LowRankEdit(
            layer=edit.layer,
            matrix=edit.matrix,
            left=torch.cat([edit.left, -b.T]),
            right=torch.cat([edit.right, a]),
        ).norm
    else:
        apart = float((edit.delta.double() - b.double() @ a.double()).norm())
    if edit.norm:
        return apart / edit.norm
    return math.inf if apart else 0.0


def _config(files: Container) -> dict[str, Any]:
    try:
        config = json.loads(files.read(ADAPTER_CONFIG, MOST_CONFIG_BYTES))
    except (ValueError, RecursionError) as error:
        raise LgaError(f"{ADAPTER_CONFIG} is damaged: {legible(error)}.", hint=HINT) from error
    if not isinstance(config, dict):
        raise _of_others(f"{ADAPTER_CONFIG} holds no settings")
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
