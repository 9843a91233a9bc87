"""Licence terms that must be accepted before the first fetch, and the memory that they were."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models.sources.entry import ModelEntry
from lga_core.models.sources.files import cache_home


def terms_accepted(entry: ModelEntry) -> bool:
    """Whether nothing stands in the way: no terms, terms accepted before, or LGA_ACCEPT_TERMS=1."""
    if entry.licence is None or not entry.licence.must_accept or os.environ.get("LGA_ACCEPT_TERMS") == "1":
        return True
    try:
        kept = json.loads(_memory(entry).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(kept, dict) and kept.get("terms") == [entry.licence.name, entry.licence.url]


def accept_terms(entry: ModelEntry) -> None:
    """Remember in the cache folder that the user accepts this model's terms. New terms need a new acceptance.

    Raises LgaError where that cannot be written.
    """
    if entry.licence is None or not entry.licence.must_accept:
        return
    memory = _memory(entry)
    kept = {"terms": [entry.licence.name, entry.licence.url], "accepted": datetime.now(UTC).isoformat()}
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(kept), encoding="utf-8")
    except OSError as error:
        raise LgaError(
            f"That the terms are accepted cannot be kept in {memory.parent}: {error.strerror}.",
            hint="Set LGA_HOME to a folder that can be written, or LGA_ACCEPT_TERMS=1.",
        ) from error


def require_terms(entry: ModelEntry) -> None:
    """Raise LgaError with the licence, where to read it and how to accept it, unless it is accepted."""
    if not terms_accepted(entry):
        raise LgaError(
            f"{entry.title} comes under the {entry.licence.name}, to be read at {entry.licence.url} and accepted once.",
            hint="Accept with --accept-terms, with LGA_ACCEPT_TERMS=1, or in the app's sidebar.",
        )


def _memory(entry: ModelEntry) -> Path:
    return cache_home() / "accepted" / f"{entry.slug}.json"
