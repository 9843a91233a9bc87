"""Edit sets on disk: a ledger as a folder or a .zip, with everything that it takes to trust it again. Never a pickle.

`edits.safetensors` holds the tensors, `manifest.json` says what they are, for which model, and their hash; where the
edits were measured, `metrics.json` has the means. `reading` has the way back.
"""

import functools
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors.torch import save as bytes_of

from lga_core.editing.edits import Edit, LowRankEdit
from lga_core.editing.files.manifest import (
    ENTRY_FIELDS,
    FORMAT,
    MANIFEST,
    METRICS_FILE,
    TENSORS,
    WRITTEN_FIELDS,
    Manifest,
    ManifestEntry,
    Measured,
    Tensors,
    fits,
    same_fields,
)
from lga_core.editing.files.whole_folder import check_name, write_folder
from lga_core.editing.ledger import Entry, Ledger
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.paths import whole_file
from lga_core.results import EditMeans

PACKAGES = ("torch", "transformers", "safetensors")


def save_edit_set(ledger: Ledger, model: LoadedModel, path: Path | str, *, measured: EditMeans | None = None) -> Path:
    """Write a ledger to `path`: a new .zip file, else a folder (new, or empty).

    `measured`: how its facts fare, where that is known. Whole or not at all. Raises LgaError where the disk or the
    path fails, an edit is not finite, or there are too many of them.
    """
    path = Path(path)
    check_place(path)
    parts = edit_set_files(ledger, model, measured)
    if path.suffix.lower() != ".zip":
        write_folder(path, parts, "The edit set")
        return path
    try:
        with whole_file(path) as half, half.open("wb") as file:
            _zip_to(file, parts)
    except OSError as error:
        raise LgaError(
            f"The edit set cannot be written to {path}: {error.strerror}.",
            hint="Name a new folder or a .zip file where you may write and where there is room.",
        ) from error
    return path


def check_place(path: Path) -> None:
    """Raise LgaError where an edit set cannot be put, before anything is computed for it."""
    if not path.parent.is_dir():
        raise LgaError(f"There is no folder {path.parent}.", hint="Make it first, or name another file.")
    check_name(path)
    zipped = path.suffix.lower() == ".zip"
    if path.is_file() or path.is_symlink() or (path.is_dir() and (zipped or any(path.iterdir()))):
        raise LgaError(f"{path} is there already.", hint="Name a new .zip file, or a folder that is new or empty.")


def edit_set_bytes(ledger: Ledger, model: LoadedModel, measured: EditMeans | None = None) -> bytes:
    """The .zip as bytes, for a download."""
    file = io.BytesIO()
    _zip_to(file, edit_set_files(ledger, model, measured))
    return file.getvalue()


def edit_set_files(ledger: Ledger, model: LoadedModel, measured: EditMeans | None = None) -> dict[str, bytes]:
    """The content of each file of an edit set. Raises LgaError for an edit that is not finite, and for too many."""
    tensors = {
        f"{entry.id}/{item.edit.layer}/{part}": tensor.detach().to("cpu", torch.float32).contiguous().clone()
        for entry in ledger.entries
        for item in entry.written
        for part, tensor in _tensors(item.edit).items()
    }
    if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        entry = ledger.entry(broken[0].split("/")[0])
        raise LgaError(
            f"The edit of {entry.facts[0].subject!r} blew up: it holds numbers that are not finite.",
            hint="Compute it again with other settings, or leave it out.",
        )
    content = bytes_of(tensors)
    manifest = Manifest(
        format=FORMAT,
        model=model.name,
        model_fingerprint=model.fingerprint,
        dtype=str(model.dtype).removeprefix("torch."),
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        packages=_packages(),
        tensors_sha256=hashlib.sha256(content).hexdigest(),
        entries=tuple(map(_described, ledger.entries)),
    )
    manifest = manifest.sealed
    described = manifest.model_dump_json(indent=1).encode()
    if not fits(described):  # it could not be read back
        raise LgaError(
            f"{len(ledger.entries):,} edits with their facts and probes are too many for one edit set.",
            hint="Remove some of them, or save them as several sets.",
        )
    files = {MANIFEST: described, TENSORS: content}
    if measured is not None:
        files[METRICS_FILE] = (
            Measured(manifest_sha256=manifest.sha256, means=measured).model_dump_json(indent=1).encode()
        )
    return files


def _described(entry: Entry) -> ManifestEntry:
    return ManifestEntry(
        **same_fields(entry, ENTRY_FIELDS),
        editor_version=entry.version,
        on=entry.on,
        settings=asdict(entry.settings),
        tensors=tuple(
            Tensors(
                layer=item.edit.layer,
                matrix=item.edit.matrix,
                kind="low rank" if isinstance(item.edit, LowRankEdit) else "dense",
                shapes={part: (len(tensor), tensor.shape[1]) for part, tensor in _tensors(item.edit).items()},
                **same_fields(item, WRITTEN_FIELDS),
            )
            for item in entry.written
        ),
    )


def _tensors(edit: Edit) -> dict[str, torch.Tensor]:
    parts = {"left": edit.left, "right": edit.right} if isinstance(edit, LowRankEdit) else {"delta": edit.delta}
    return parts if edit.keys is None else {**parts, "keys": edit.keys}


def _zip_to(file: BinaryIO, parts: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@functools.cache
def _packages() -> Mapping[str, str]:
    return {name: installed_version(name) for name in PACKAGES}
