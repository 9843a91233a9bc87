"""Edits as a PEFT LoRA adapter: ΔW = B·A for each edited matrix, one pair of files for all layers.

An adapter needs nothing of ours: peft loads it onto the plain transformers model. The edit set lies beside it, so that
the folder can also be loaded back into a ledger (`reading.read_edit_set`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as bytes_of
from transformers.pytorch_utils import Conv1D

from lga_core.editing.edits import DenseEdit, Edit, LowRankEdit, summed
from lga_core.editing.files.edit_set import edit_set_files
from lga_core.editing.files.whole_folder import write_folder
from lga_core.editing.ledger import Ledger
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.sources.catalogue import published_name
from lga_core.models.sources.checkpoint import ADAPTER_CONFIG
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Adapter, EditMeans

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."  # what peft puts before the names of the base model's modules
METADATA = "__metadata__"  # words in the header of a tensor file
RESIDUAL = "residual of "  # and a matrix: in the metadata of the tensors, how far an approximated one is from ΔW


def export_lora(
    ledger: Ledger,
    model: LoadedModel,
    folder: Path | str,
    *,
    dense_rank: int | None = None,
    measured: EditMeans | None = None,
    report: Reporter = silent,
) -> Adapter:
    """Write the enabled edits of a ledger as a LoRA adapter, and the whole ledger as an edit set beside it.

    A ROME-family edit has one rank a fact, so the rank is the number of edits of a matrix, and B·A is ΔW. What
    fine-tuning leaves is a whole matrix: it is written by its `dense_rank` largest singular values, with the error.
    `measured`: how the facts fare, where that is known.
    Raises LgaError for a dense edit without `dense_rank`, one below 1, no enabled edit, and a folder that holds
    anything. A reporter that raises leaves nothing: the last report is before the folder is written.
    """
    folder = Path(folder)
    files, ranks, errors = adapter_files(ledger, model, dense_rank=dense_rank, measured=measured, report=report)
    write_folder(folder, files, "The adapter")
    return Adapter(folder=str(folder), ranks=ranks, errors=errors)


def adapter_files(
    ledger: Ledger,
    model: LoadedModel,
    *,
    dense_rank: int | None,
    measured: EditMeans | None,
    report: Reporter = silent,
) -> tuple[dict[str, bytes], dict[str, int], dict[str, float]]:
    """Of the adapter and the edit set beside it the files' contents, ranks and errors. Raises as `export_lora`."""
    if dense_rank is not None and dense_rank < 1:
        raise LgaError(f"An adapter of rank {dense_rank} changes nothing.", hint="Ask for a rank of 1 or more.")
    edits = summed(ledger.edits)
    if not edits:
        raise LgaError("There is no edit to write.", hint="Keep an edit, or switch one on.")
    described = edit_set_files(ledger, model, measured)  # first: an edit that is not finite has no SVD
    low_rank, errors = _all_low_rank(edits, dense_rank, report)
    ranks = {edit.matrix: len(edit.left) for edit in low_rank}
    transposed = any(isinstance(model.model.get_submodule(matrix), Conv1D) for matrix in ranks)
    config = lora_config(ranks, published_name(model.name), transposed=transposed)
    files = {**described, **peft_files(config, _weights(low_rank), errors)}
    report(Progress(phase=Phase.ADAPTER, done=len(edits), total=len(edits)))
    return files, ranks, errors


def peft_files(
    config: Mapping[str, Any], weights: Mapping[str, torch.Tensor], errors: Mapping[str, float]
) -> dict[str, bytes]:
    """The contents of both files that peft reads; `errors`: ‖ΔW − B·A‖ / ‖ΔW‖ of the matrices that are approximated."""
    told = {f"{RESIDUAL}{matrix}": repr(error) for matrix, error in errors.items()}
    return {
        WEIGHTS: _with_metadata(bytes_of(dict(weights)), {"format": "pt", **told}),
        ADAPTER_CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
    }


def told_error(weights: bytes, matrix: str) -> float | None:
    """What a sound tensor file says of an approximated matrix; None where it says nothing that is a number."""
    told = _header(weights)[0].get(METADATA, {})
    try:
        return float(told[f"{RESIDUAL}{matrix}"])
    except (KeyError, ValueError):
        return None


def _with_metadata(weights: bytes, metadata: Mapping[str, str]) -> bytes:
    """A tensor file with these words; `safetensors` itself writes them in another order each time."""
    header, tensors = _header(weights)
    text = json.dumps({METADATA: dict(metadata), **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + tensors


def _header(weights: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a sound tensor file, and its tensors."""
    end = 8 + int.from_bytes(weights[:8], "little")
    return json.loads(weights[8:end]), weights[end:]


def _all_low_rank(
    edits: Sequence[Edit], dense_rank: int | None, report: Reporter
) -> tuple[list[LowRankEdit], dict[str, float]]:
    """One low-rank edit a matrix, and the relative error of those that were approximated."""
    low_rank: list[LowRankEdit] = []
    errors: dict[str, float] = {}
    for done, edit in enumerate(edits):
        report(Progress(phase=Phase.ADAPTER, done=done, total=len(edits), detail=edit.matrix))
        if isinstance(edit, LowRankEdit):
            low_rank.append(edit)
            continue
        if dense_rank is None:
            raise LgaError(
                f"The edit of {edit.matrix} changes the whole matrix, as fine-tuning does: it has no low rank.",
                hint="Ask for a rank to write its best approximation (--lora-rank), or export the merged model.",
            )
        near, errors[edit.matrix] = approximated(edit, dense_rank)
        low_rank.append(near)
    return low_rank, errors


def approximated(edit: DenseEdit, rank: int) -> tuple[LowRankEdit, float]:
    """The nearest edit of that rank (truncated SVD), and ‖ΔW − near‖ / ‖ΔW‖ in the Frobenius norm."""
    left, values, right = torch.linalg.svd(edit.delta.double(), full_matrices=False)  # (d_out, n), (n,), (n, d_in)
    rank = min(rank, len(values))
    near = LowRankEdit(
        layer=edit.layer,
        matrix=edit.matrix,
        left=(left[:, :rank] * values[:rank]).T.to(edit.delta),  # (rank, d_out)
        right=right[:rank].to(edit.delta),  # (rank, d_in)
    )
    total = values.norm()
    return near, float(values[rank:].norm() / total) if total > 0 else 0.0


def _weights(edits: Sequence[LowRankEdit]) -> dict[str, torch.Tensor]:
    weights = {}
    for edit in edits:
        a, b = weight_names(edit.matrix)
        weights[a] = edit.right.detach().float().cpu().contiguous()  # (r, d_in)
        weights[b] = edit.left.T.detach().float().cpu().contiguous()  # (d_out, r)
    return weights


def weight_names(matrix: str) -> tuple[str, str]:
    """The names of A and B of a matrix in the adapter's tensor file."""
    return f"{PREFIX}{matrix}.lora_A.weight", f"{PREFIX}{matrix}.lora_B.weight"


def lora_config(ranks: Mapping[str, int], base: str | None, *, transposed: bool) -> dict[str, Any]:
    """peft's LoraConfig for these matrices of the model `base`; `transposed`: its weights are stored as (d_in, d_out).

    Its scale alpha / r is 1 for every matrix, as B·A is ΔW itself.
    """
    largest = max(ranks.values())
    others = {matrix: rank for matrix, rank in ranks.items() if rank != largest}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "target_modules": sorted(ranks),
        "r": largest,
        "lora_alpha": largest,
        "rank_pattern": others,
        "alpha_pattern": others,
        "fan_in_fan_out": transposed,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
    }
