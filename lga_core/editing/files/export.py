"""A model with edits merged into a copy of its weights, as a plain transformers folder that needs nothing of ours.

The model in memory is only read. Beside it a copy of the edited matrices is made, never of the whole model: all other
weights are written from where they lie, one file of at most SHARD_BYTES a step.
"""

import copy
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from huggingface_hub import StateDictSplit, split_torch_state_dict_into_shards
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict
from transformers.pytorch_utils import Conv1D

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, LowRankEdit, by_matrix
from lga_core.editing.files.whole_folder import whole_folder
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.sources.files import gigabytes, tells_no_room
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import MergedModel

SHARD_BYTES = 2 * 10**9
NOTE = "lga_edits.json"


def export_merged(
    model: LoadedModel,
    edits: Sequence[Edit],
    folder: Path | str,
    facts: Sequence[Fact] = (),
    *,
    report: Reporter = silent,
) -> MergedModel:
    """Write config, tokenizer and weights, in the model's dtype, with `edits` merged; `facts` are named in a note.

    The note and the result tell how much of each matrix's ΔW the rounding to that dtype takes. Whole or not at all: it
    is built beside `folder` and moved there in one step. Raises LgaError for a folder that holds anything, a full disk,
    or an edit that is not finite.
    """
    folder = Path(folder)
    try:
        with whole_folder(folder) as half:
            with model.using("writing the edited model"):
                weights = merged_weights(model, edits)
                shards = split_torch_state_dict_into_shards(weights, max_shard_size=SHARD_BYTES)
                _check_room(folder, sum(weight.nbytes for weight in weights.values()))
                errors = rounding_errors(model, edits)
                _write_rest(model, _note(model, edits, facts, errors), shards, half)
            steps = len(shards.filename_to_tensors)
            report(Progress(phase=Phase.EXPORT, done=0, total=steps))
            for done, (name, members) in enumerate(shards.filename_to_tensors.items(), start=1):
                part = {key: weights[key].contiguous() for key in members}
                with model.using("writing the edited model"):
                    save_file(part, half / name, metadata={"format": "pt"})
                report(Progress(phase=Phase.EXPORT, done=done, total=steps))
    except OSError as error:
        raise _cannot_write(folder, error.strerror or str(error)) from error
    except SafetensorError as error:
        raise _cannot_write(folder, "the disk is full" if tells_no_room(str(error)) else str(error)) from error
    return MergedModel(folder=str(folder), errors=errors)


def rounding_errors(model: LoadedModel, edits: Sequence[Edit]) -> dict[str, float]:
    """‖(W' − W) − ΔW‖ / ‖ΔW‖ of each edited matrix, W' = W + ΔW rounded to the weights' dtype."""
    errors = {}
    for matrix, members in by_matrix(edits).items():
        module, change = _change(model, members)
        kept = merged_matrix(model, members).to(change) - module.get_parameter("weight").detach().to(change)
        size = float(change.norm())
        errors[matrix] = float((kept - change).norm()) / size if size else 0.0
    return errors


def merged_matrix(model: LoadedModel, edits: Sequence[Edit]) -> torch.Tensor:
    """W + Σ ΔW of the edits of one matrix, as its module stores it (GPT-2's Conv1D: transposed) and in its dtype.

    Raises LgaError where that is not finite.
    """
    module, change = _change(model, edits)
    weight = module.get_parameter("weight").detach()
    merged = (weight.to(change) + change).to(weight.dtype)
    if not merged.isfinite().all():
        raise LgaError(
            f"{edits[0].matrix} with the edits holds numbers that are not finite: an edit blew up.",
            hint="Leave that edit out, or compute it again with other settings.",
        )
    return merged


def _change(model: LoadedModel, edits: Sequence[Edit]) -> tuple[nn.Module, torch.Tensor]:
    """The module of one matrix, and Σ ΔW as it stores its weight, in float32 or better."""
    module = model.model.get_submodule(edits[0].matrix)
    weight = module.get_parameter("weight")
    precise = torch.promote_types(weight.dtype, torch.float32)
    change = torch.zeros(edits[0].delta.shape, dtype=precise, device=weight.device)  # (d_out, d_in)
    for edit in edits:
        change += edit.delta.to(change)
    return module, change.T if isinstance(module, Conv1D) else change


def merged_weights(model: LoadedModel, edits: Sequence[Edit]) -> dict[str, torch.Tensor]:
    """What a saved model holds, by name; only the edited matrices are copies."""
    network = model.model
    weights = network.state_dict()
    for matrix, members in by_matrix(edits).items():
        weights[f"{matrix}.weight"] = merged_matrix(model, members)
    for name in network._keys_to_ignore_on_save or ():
        weights.pop(name, None)
    # As save_pretrained does: a tied head is stored once, and parts get the names that their family has on disk.
    return revert_weight_conversion(network, remove_tied_weights_from_state_dict(weights, network))


def _write_rest(model: LoadedModel, note: Mapping[str, object], shards: StateDictSplit, folder: Path) -> None:
    """Everything but the weights."""
    network = model.model
    config = copy.deepcopy(network.config)  # the model's own stays as it is
    config.dtype = str(model.dtype).removeprefix("torch.")
    config.architectures = [type(network).__name__]
    config.save_pretrained(folder)
    # Not its save_pretrained: that refuses values which a published model may well have.
    _write(folder / "generation_config.json", network.generation_config.to_json_string())
    model.tokenizer.save_pretrained(folder)
    if shards.is_sharded:
        index = {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename}
        _write(folder / "model.safetensors.index.json", json.dumps(index, indent=2, sort_keys=True))
    _write(folder / NOTE, json.dumps(note, indent=1, ensure_ascii=False))


def _note(
    model: LoadedModel, edits: Sequence[Edit], facts: Sequence[Fact], errors: Mapping[str, float]
) -> Mapping[str, object]:
    return {
        "about": "These weights are another model's with edits merged.",
        "model": model.name,
        "model_fingerprint": model.fingerprint,
        "facts": [
            {
                "prompt": fact.prompt,
                "subject": fact.subject,
                "target_new": fact.target_new,
                "target_old": list(fact.target_old),
            }
            for fact in facts
        ],
        "edits": [
            {
                "matrix": edit.matrix,
                "layer": edit.layer,
                "rank": len(edit.left) if isinstance(edit, LowRankEdit) else None,
                "delta_norm": edit.norm,
            }
            for edit in edits
        ],
        "rounding_errors": errors,
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise _cannot_write(folder, f"it needs {gigabytes(needed)}, {gigabytes(free)} are free")


def _cannot_write(folder: Path, why: str) -> LgaError:
    return LgaError(
        f"The edited model cannot be written to {folder}: {why}.",
        hint="Name a folder where you may write and where there is room. Nothing was kept.",
    )
