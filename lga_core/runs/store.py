"""Finished work on disk, by content key: the same question twice is answered from here.

A run is three files: `<key>.json` says what was asked (Provenance), `<key>.jsonl` holds one line for each finished
row, `<key>.done` marks that no row is missing. Rows are only ever appended, under one lock for the whole store, so
two processes with the same question share a file; of two rows for the same thing the first written counts.
"""

import functools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pydantic_core
from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from lga_core.errors import LgaError
from lga_core.models.files import cache_home
from lga_core.results import Provenance, Result, Stored

Row = TypeVar("Row", bound=Result)
LOCK_SECONDS = 30.0


@functools.cache
def _adapter(row_type: type[Row]) -> TypeAdapter[Row]:
    return TypeAdapter(row_type)  # building one takes milliseconds: once a type, not once a row


class Store:
    """All runs under one folder, by default `runs` in the project's cache folder (LGA_HOME)."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else cache_home() / "runs"

    def open(self, provenance: Provenance) -> "Run":
        """The run that answers this question. Nothing is written before its first row."""
        return self.find(provenance.key) or Run(store=self, provenance=provenance)

    def find(self, key: str) -> "Run | None":
        """The stored run with this content key, complete or not; None where there is none that can be read."""
        try:
            return Run(store=self, provenance=Provenance.from_json(self.path(key, ".json").read_bytes()))
        except (FileNotFoundError, ValidationError):
            return None
        except OSError as error:
            raise _unusable(self.root, error) from error

    def list(self) -> tuple[Stored, ...]:
        """Every stored run, the newest first."""
        runs = filter(None, (self.find(path.stem) for path in self.root.glob("*.json")))
        return tuple(sorted((run.stored() for run in runs), key=lambda run: run.provenance.created, reverse=True))

    def delete(self, key: str) -> None:
        """Forget one run. A key that is not there is no error."""
        with self.writing():
            for suffix in (".done", ".jsonl", ".json"):
                self.path(key, suffix).unlink(missing_ok=True)

    def path(self, key: str, suffix: str) -> Path:
        """One file of a run. Keys come from addresses too, so anything but a plain word is refused."""
        if not key.isalnum():
            raise LgaError(f"{key!r} is not the key of a stored run.", mend="Open the run from the list of runs.")
        return self.root / f"{key}{suffix}"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The store's lock, for one writer among all threads and processes. Raises LgaError where disk or lock fail."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / "store.lock", timeout=LOCK_SECONDS):
                yield
        except OSError as error:  # filelock's Timeout is one too
            raise _unusable(self.root, error) from error


@dataclass(frozen=True, kw_only=True)
class Run:
    """One question and the rows of its answer so far. Holds no open file, so threads may share it."""

    store: Store
    provenance: Provenance

    @property
    def complete(self) -> bool:
        return self._path(".done").exists()

    def rows(self, row_type: type[Row]) -> dict[str, Row]:
        """What is stored, by the name under which it was appended. Lines that cannot be read are left out."""
        rows: dict[str, Row] = {}
        for name, content in self._entries():
            with suppress(ValidationError):  # an older version's row
                rows.setdefault(name, _adapter(row_type).validate_python(content))
        return rows

    def append(self, of: str, row: Result) -> None:
        """Store one finished row under a name that is unique in this run (a fact's fingerprint)."""
        self.extend({of: row})

    def extend(self, rows: Mapping[str, Result]) -> None:
        """Store finished rows by name, all or none. Raises LgaError when they cannot be written."""
        content = {of: _adapter(type(row)).dump_json(row, warnings=False).decode() for of, row in rows.items()}
        lines = "".join(f'{{"of": {json.dumps(of)}, "row": {row}}}\n' for of, row in content.items()).encode()
        with self.store.writing():
            self._write_provenance()
            with open(self._path(".jsonl"), "ab+", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                if not _ends_whole(file, end):
                    lines = b"\n" + lines  # a killed writer's half line must not swallow the next one
                try:
                    _write_all(file, lines)
                except OSError:
                    file.truncate(end)
                    raise

    def finish(self) -> None:
        """Mark that no row is missing."""
        with self.store.writing():
            self._write_provenance()
            self._path(".done").touch()

    def stored(self, reused: int = 0, notes: tuple[str, ...] = ()) -> Stored:
        """The pointer to show beside this run's numbers."""
        rows = len({name for name, _ in self._entries()})
        return Stored(provenance=self.provenance, complete=self.complete, rows=rows, reused=reused, notes=notes)

    def _path(self, suffix: str) -> Path:
        return self.store.path(self.provenance.key, suffix)

    def _entries(self) -> Iterator[tuple[str, Any]]:
        try:
            lines = self._path(".jsonl").read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(self.store.root, error) from error
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):  # a killed writer's half line
                entry = pydantic_core.from_json(line)
                yield entry["of"], entry["row"]

    def _write_provenance(self) -> None:
        """Whole or not at all; also when another process deleted the run meanwhile."""
        path = self._path(".json")
        if path.exists():
            return
        half = path.with_suffix(".json-half")
        try:
            with open(half, "wb", buffering=0) as file:
                _write_all(file, self.provenance.to_json().encode())
            half.replace(path)
        finally:
            with suppress(FileNotFoundError):
                half.unlink()


def _ends_whole(file: BinaryIO, end: int) -> bool:
    if end == 0:
        return True
    file.seek(end - 1)
    return file.read(1) == b"\n"


def _write_all(file: BinaryIO, content: bytes) -> None:
    """An unbuffered write may stop early, with no error, when the disk fills up: go on until it says so."""
    view = memoryview(content)
    while view:
        view = view[file.write(view):]


def _unusable(root: Path, error: OSError) -> LgaError:
    reason = error.strerror or str(error)
    return LgaError(
        f"The store of finished runs cannot be used: {reason} ({root}).",
        mend="Free some space there or name another folder in LGA_HOME; what was stored before is kept.",
    )
