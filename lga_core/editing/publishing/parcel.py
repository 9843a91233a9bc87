"""What goes into a repository: an edit set or an adapter, checked, without paths of this machine, and its card."""

from collections.abc import Mapping
from pathlib import Path

from lga_core.editing.files.containers import Container
from lga_core.editing.files.manifest import MANIFEST, METRICS_FILE, TENSORS, Manifest, ManifestEntry, Measured
from lga_core.editing.files.reading import checked_tensors, read_manifest, read_measured, read_tensors
from lga_core.editing.publishing.adapter import checked_adapter
from lga_core.editing.publishing.base import base_model, check_name
from lga_core.editing.publishing.card import model_card
from lga_core.errors import LgaError
from lga_core.models.sources.checkpoint import ADAPTER_CONFIG
from lga_core.models.text.sources import FILE

CARD = "README.md"
COVARIANCE = "covariance"  # the setting that may name a file


def parcel(files: Container, repository: str, base: str | None = None) -> dict[str, bytes]:
    """The files by name, the card among them; of what lies beside an edit set nothing else is taken.

    `base`: the base model's repository, where the catalogue does not know it. Raises LgaError where `repository`
    cannot be a name, the set is damaged or holds no edit, the base model is not known, or its licence cannot be asked
    for.
    """
    check_name(repository)
    manifest = read_manifest(files)
    if not manifest.entries:
        raise LgaError("This edit set holds no edit.", hint="Publish one that does.")
    tensors = read_tensors(files, manifest)
    edits = checked_tensors(tensors, manifest)
    measured = read_measured(files, manifest)
    adapter = files.has(ADAPTER_CONFIG)
    model = base_model(manifest.model, base)
    entries = tuple(map(_without_paths, manifest.entries))
    manifest = manifest.model_copy(update={"model": model.name, "entries": entries}).sealed
    made = {MANIFEST: _json(manifest), TENSORS: tensors}
    if measured is not None:
        made[METRICS_FILE] = _json(Measured(manifest_sha256=manifest.sha256, means=measured))
    if adapter:
        made |= checked_adapter(files, manifest, edits, model.repository)
    card = model_card(manifest, model, repository, adapter=adapter, measured=measured)
    return {CARD: card.encode(), **made}


def _without_paths(entry: ManifestEntry) -> ManifestEntry:
    """Of a text on this machine only its file's name is told."""

    def bare(name: str, value: object) -> object:
        if isinstance(value, Mapping):
            return {inner: bare(inner, setting) for inner, setting in value.items()}
        if name == COVARIANCE and isinstance(value, str) and value.startswith(FILE):
            return f"{FILE}{Path(value.removeprefix(FILE)).name}"
        return value

    return entry.model_copy(update={"settings": bare("settings", entry.settings)})


def _json(model: Manifest | Measured) -> bytes:
    return model.model_dump_json(indent=1).encode()
