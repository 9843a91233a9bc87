"""Reading an edit set: its two files, and `metrics.json` where it is there. Nothing else of it is read.

All goes into memory, and what does not fit is refused.
"""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of

from lga_core.editing.editors.editor import Written
from lga_core.editing.edits import DenseEdit, Edit, LowRankEdit
from lga_core.editing.files.containers import HINT, Container, legible, opened
from lga_core.editing.files.manifest import (
    ENTRY_FIELDS,
    FIRST_FORMAT,
    FORMAT,
    MANIFEST,
    METRICS_FILE,
    MOST_MANIFEST_BYTES,
    MOST_METRICS_BYTES,
    TENSORS,
    WRITTEN_FIELDS,
    Manifest,
    ManifestEntry,
    Measured,
    OfFormat,
    Tensors,
    fits,
    same_fields,
)
from lga_core.editing.ledger import Entry, Ledger, hash_of
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.memory import available
from lga_core.models.sources.files import gigabytes
from lga_core.models.structure.architecture import Linear
from lga_core.results import EditMeans
from lga_core.settings import Settings, problem

HEADER_BYTES = 2**20  # of the tensor file, beyond a part that grows with the number of tensors
HEADER_BYTES_PER_TENSOR = 512
CPU = torch.device("cpu")


def read_edit_set(source: Path | str | bytes, model: LoadedModel) -> Ledger:
    """A ledger from a folder, a .zip file or a .zip's bytes. Raises LgaError with the reason where it is refused.

    LGA_MODEL_ROOTS limits from which folders.
    """
    with opened(source) as files:
        return _read(files, model)


def _read(files: Container, model: LoadedModel) -> Ledger:
    manifest = read_manifest(files)
    if manifest.model_fingerprint != model.fingerprint:
        raise LgaError(
            f"This edit set was made for another model, {manifest.model}: its weights, tokenizer or "
            f"configuration are not those of {model.name}.",
            hint=f"Load {manifest.model} first.",
        )
    if len({entry.id for entry in manifest.entries}) < len(manifest.entries):
        raise _damaged("two entries have the same id")
    settings = [_checked(entry, model) for entry in manifest.entries]
    tensors = checked_tensors(read_tensors(files, manifest), manifest)
    return Ledger(
        entries=tuple(
            Entry(
                **same_fields(entry, ENTRY_FIELDS),
                version=entry.editor_version,
                on=entry.on if isinstance(entry.on, str) else hash_of(entry.on),
                settings=checked,
                written=tuple(_written(entry, item, tensors, model) for item in entry.tensors),
            )
            for entry, checked in zip(manifest.entries, settings, strict=True)
        )
    )


def read_manifest(files: Container) -> Manifest:
    """What the set says of itself; no model is needed. Raises LgaError where it is damaged or of another format."""
    content = files.read(MANIFEST, MOST_MANIFEST_BYTES)
    if not fits(content):
        raise _damaged(f"{MANIFEST} holds more values than it can")
    try:
        number = OfFormat.model_validate_json(content).format
        if number > FORMAT:
            raise LgaError(
                f"This edit set has format {number}; this version reads formats up to {FORMAT}.",
                hint="Update this program.",
            )
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(f"{MANIFEST}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if manifest.format < FIRST_FORMAT:
        raise _damaged(f"{MANIFEST}: there is no format {manifest.format}")
    if manifest.digest != manifest.sha256:
        raise _damaged(f"{MANIFEST} is not as it was written")
    return manifest


def read_measured(files: Container, manifest: Manifest) -> EditMeans | None:
    """How the facts fare; None where that is not kept with the set, or is about another state of the edits."""
    if not files.has(METRICS_FILE):
        return None
    try:
        measured = Measured.model_validate_json(files.read(METRICS_FILE, MOST_METRICS_BYTES))
    except ValidationError as error:
        raise LgaError(f"{METRICS_FILE} beside the edits is damaged.", hint=HINT) from error
    return measured.means if measured.manifest_sha256 == manifest.sha256 else None


def read_tensors(files: Container, manifest: Manifest) -> bytes:
    """The tensor file as it was written. Raises LgaError where it is not, or does not fit into the memory."""
    size = tensor_size(manifest)
    if 3 * size > (free := available(CPU)):  # the file, its tensors, and the check of both
        raise LgaError(
            f"This edit set holds {gigabytes(size)} of tensors, {gigabytes(free)} of memory are free.",
            hint="Close other programs, or use a machine with more memory.",
        )
    content = files.read(TENSORS, size + HEADER_BYTES + HEADER_BYTES_PER_TENSOR * len(manifest.shapes))
    if hashlib.sha256(content).hexdigest() != manifest.tensors_sha256:
        raise _damaged(f"{TENSORS} is not the file that was written (its SHA-256 differs)")
    return content


def tensor_size(manifest: Manifest) -> int:
    """Bytes of all tensors."""
    return 4 * sum(map(math.prod, manifest.shapes.values()))


def checked_settings(entry: ManifestEntry) -> Settings:
    """An entry's settings. Raises LgaError for an editor or settings that this version does not have."""
    try:
        return TypeAdapter(editor_named(entry.editor).settings).validate_python(entry.settings)
    except ValidationError as error:
        raise LgaError(
            f"The settings of {entry.editor} in this edit set are not those of this version: {problem(error)}.",
            hint="Use the version of this program that saved it.",
        ) from error


def _checked(entry: ManifestEntry, model: LoadedModel) -> Settings:
    """The entry's settings. Raises LgaError for anything in it that does not fit itself or the model."""
    for fact in entry.facts:
        if fact.target_new is None or fact.prompt[slice(*fact.span)] != fact.subject:
            raise _damaged(f"the subject of {fact.prompt!r} is not where the manifest says")
    layers = [item.layer for item in entry.tensors]
    if not layers or len(set(layers)) < len(layers) or sorted(layers) != sorted(entry.layers):
        raise _damaged(f"the layers of the edit of {entry.facts[0].subject!r} do not fit")
    for item in entry.tensors:
        _check_shapes(entry, item, model)
    return checked_settings(entry)


def _check_shapes(entry: ManifestEntry, item: Tensors, model: LoadedModel) -> None:
    matrix = _matrix(item, model)
    if matrix is None:
        raise LgaError(
            f"The edit set changes {item.matrix} at layer {item.layer}; {model.name} has no such matrix.",
            hint="Load the model that it was made for.",
        )
    rank = item.shapes.get("left", (0, 0))[0]
    wanted = (
        {"left": (rank, matrix.d_out), "right": (rank, matrix.d_in)}
        if item.kind == "low rank"
        else {"delta": (matrix.d_out, matrix.d_in)}
    )
    if "keys" in item.shapes:
        wanted["keys"] = (item.shapes["keys"][0], matrix.d_in)
    if dict(item.shapes) != wanted or min(map(min, wanted.values())) < 1:
        shapes = ", ".join(f"{part} {shape}" for part, shape in item.shapes.items())
        raise LgaError(
            f"{item.matrix} is {matrix.d_out} × {matrix.d_in} in {model.name}, and the edit set's tensors "
            f"for it have other shapes: {shapes}.",
            hint="Load the model that it was made for.",
        )
    if {len(item.target_errors), len(item.clamped), len(item.losses)} != {len(entry.facts)}:
        raise _damaged(f"the figures at layer {item.layer} are not one a fact")


def _matrix(item: Tensors, model: LoadedModel) -> Linear | None:
    matrix = model.architecture.blocks[item.layer].down if item.layer < model.layers else None
    return matrix if matrix is not None and matrix.name == item.matrix else None


def checked_tensors(content: bytes, manifest: Manifest) -> dict[str, torch.Tensor]:
    """The tensors that the manifest names. Raises LgaError where they are others, or not finite."""
    tensors = tensors_in(content, TENSORS)
    if missing := sorted(manifest.shapes.keys() - tensors.keys()):
        raise _damaged(f"{TENSORS} lacks {len(missing)} tensors, first {missing[0]}")
    if more := sorted(tensors.keys() - manifest.shapes.keys()):
        raise _damaged(f"{TENSORS} has {len(more)} tensors that the manifest does not name, first {more[0]}")
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or tuple(tensor.shape) != manifest.shapes[name]:
            raise _damaged(f"{name} is {tensor.dtype} {tuple(tensor.shape)}, not float32 {manifest.shapes[name]}")
        if not tensor.isfinite().all():
            raise _damaged(f"{name} holds numbers that are not finite")
    return tensors


def tensors_in(content: bytes, name: str) -> dict[str, torch.Tensor]:
    """All tensors of the safetensors file `name`. Raises LgaError where it is damaged."""
    try:
        return tensors_of(content)
    # KeyError: a dtype that torch has no name for; TypeError and RuntimeError: sizes of an empty tensor that it cannot
    # count.
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise LgaError(f"{name} is damaged: {legible(error)}.", hint=HINT) from error


def edit_in(
    entry: ManifestEntry, item: Tensors, tensors: Mapping[str, torch.Tensor], device: torch.device = CPU
) -> Edit:
    """One edit of one matrix, on `device`, of tensors by their names in the file, whose shapes are checked."""
    kind = LowRankEdit if item.kind == "low rank" else DenseEdit
    parts = {part: tensors[f"{entry.id}/{item.layer}/{part}"].to(device) for part in item.shapes}
    return kind(layer=item.layer, matrix=item.matrix, **parts)


def _written(entry: ManifestEntry, item: Tensors, tensors: Mapping[str, torch.Tensor], model: LoadedModel) -> Written:
    # Where a model lies on several cards its edits lie on the first one, wherever their matrices are.
    return Written(edit=edit_in(entry, item, tensors, model.device), **same_fields(item, WRITTEN_FIELDS))


def _damaged(what: str) -> LgaError:
    return LgaError(f"The edit set is damaged: {legible(what)}.", hint=HINT)
