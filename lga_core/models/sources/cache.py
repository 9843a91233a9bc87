"""What the cache folder holds, and making room in it: what can be worked out again goes first, results never.

LGA_CACHE_GB caps the whole folder. Second moments and v* are removed, the least recently used first. Texts that a model
wrote go only when they are named: they are small, and a sweep that is not done must go on with the same ones.
Downloaded models, stored runs and kept edits are only counted.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lga_core.errors import LgaError
from lga_core.models.sources.files import bytes_below, cache_home

Removable = Literal["second moments", "v*", "texts"]
REMOVABLE: tuple[Removable, ...] = ("second moments", "v*", "texts")
VARIABLE = "LGA_CACHE_GB"
IN_USE_SECONDS = 600.0  # a file that was used so lately may be needed by the job that runs now


@dataclass(frozen=True, kw_only=True)
class CachePart:
    """One kind of thing in the cache folder."""

    name: str
    bytes: int
    removable: bool  # whether it can be worked out again


@dataclass(frozen=True, kw_only=True)
class _File:
    path: Path
    bytes: int
    used: float  # seconds since 1970
    kind: Removable

    @property
    def half(self) -> bool:
        """Whether it is still being written, or was when its process was killed (`paths.whole_file`)."""
        return self.path.name.startswith(".")

    @property
    def in_use(self) -> bool:
        return time.time() - self.used <= IN_USE_SECONDS


def cache_parts() -> tuple[CachePart, ...]:
    """What the folder holds, by kind; every byte is counted once."""
    home = cache_home()
    worked_out = list(_worked_out())
    sizes = {kind: sum(file.bytes for file in worked_out if file.kind == kind) for kind in REMOVABLE}
    kept = {"models": "models", "stored runs": "runs", "kept edits": "sessions"}
    kept_sizes = {name: bytes_below(home / folder) for name, folder in kept.items()}
    rest = max(bytes_below(home) - sum(sizes.values()) - sum(kept_sizes.values()), 0)
    return (
        *(CachePart(name=name, bytes=size, removable=False) for name, size in kept_sizes.items()),
        *(CachePart(name=name, bytes=size, removable=True) for name, size in sizes.items()),
        CachePart(name="others", bytes=rest, removable=False),
    )


def cap_bytes() -> int | None:
    """The cap that LGA_CACHE_GB sets; None where it sets none. Raises LgaError where it is no number of gigabytes."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise LgaError(f"{VARIABLE} is {text!r}, which is no number of gigabytes.", hint=f"Set {VARIABLE}=20, say.")
    return int(gigabytes * 1e9)


def shrink(limit: int) -> int:
    """Remove second moments and v* until the folder has at most `limit` bytes; returns the bytes freed.

    The least recently used go first. What was used within the last IN_USE_SECONDS stays, so the folder may remain
    larger.
    """
    halves = _remove_old_halves()
    too_many = bytes_below(cache_home()) - limit
    files = sorted(_worked_out(), key=lambda file: file.used)
    return halves + _remove([file for file in files if file.kind != "texts" and not file.in_use], too_many)


def clean(kinds: Sequence[Removable]) -> int:
    """Remove all of these kinds; returns the bytes freed."""
    return _remove_old_halves() + _remove([file for file in _worked_out() if file.kind in kinds], None)


def _remove_old_halves() -> int:
    """What killed processes left half written; what is being written now stays."""
    return _remove([file for file in _files() if file.half and not file.in_use], None)


def _remove(files: Sequence[_File], enough: int | None) -> int:
    freed = 0
    for file in files:
        if enough is not None and freed >= enough:
            break
        with suppress(OSError):  # gone already, or not ours to remove
            file.path.unlink()
            freed += file.bytes
    return freed


def _worked_out() -> Iterator[_File]:
    """What was worked out for any model, and is whole."""
    return (file for file in _files() if not file.half)


def _files() -> Iterator[_File]:
    for parent, _, names in os.walk(cache_home() / "derived"):
        for name in names:
            path = Path(parent, name)
            with suppress(FileNotFoundError):
                state = path.lstat()
                yield _File(path=path, bytes=state.st_size, used=state.st_mtime, kind=_kind(path))


def _kind(path: Path) -> Removable:
    if path.parent.name == "values":
        return "v*"
    return "second moments" if path.suffix == ".safetensors" else "texts"
