"""Finished work on disk, by content key: the same question twice is answered from here.

A run is three files: `<key>.json` says what was asked (Provenance), `<key>.jsonl` holds one line for each finished
row, `<key>.done` marks that no row is missing. Rows are only ever appended, under one lock for the whole store, so
two processes with the same question share a file; of two rows for the same thing the first written counts.
"""

import functools
import json
import os
import threading
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import pydantic_core
from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from lga_core.errors import LgaError
from lga_core.models.sources.files import cache_home
from lga_core.results import Provenance, Result, Stored

Row = TypeVar("Row", bound=Result)
LOCK_SECONDS = 30.0
READERS_KEPT = 64  # runs whose rows stay parsed in memory
CHECKED_BYTES = 256  # before the place where reading goes on: is it the same file still?


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

    def path(self, key: str, suffix: str) -> Path:
        """One file of a run. Keys come from addresses too, so anything but a plain word is refused."""
        if not key.isalnum():
            raise LgaError(f"{key!r} is not the key of a stored run.", hint="A key is letters and digits.")
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

    @property
    def stamp(self) -> Hashable:
        """Cheap to read, and another one after every row that was added: whether there is something new to show."""
        try:
            status = self._path(".jsonl").stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def rows(self, row_type: type[Row]) -> dict[str, Row]:
        """What is stored, by the name under which it was appended. Lines that cannot be read are left out.

        Only what was added since this process last read the run is read and parsed.
        """
        return _reader(self._path(".jsonl"), row_type).rows()  # type: ignore[arg-type]

    def append(self, of: str, row: Result) -> None:
        """Store one finished row under a name that is unique in this run (a fact's fingerprint)."""
        self.extend({of: row})

    def extend(self, rows: Mapping[str, Result]) -> None:
        """Store finished rows by name, all or none. Raises LgaError when they cannot be written."""
        content = {
            of: _adapter(type(row)).dump_json(row, warnings=False).decode()  # type: ignore[arg-type]
            for of, row in rows.items()
        }
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

    def stored(self, *, rows: int, reused: int = 0) -> Stored:
        """The pointer to show beside this run's numbers. `reused`: rows of it that were there before."""
        return Stored(provenance=self.provenance, complete=self.complete, rows=rows, reused=reused)

    def _path(self, suffix: str) -> Path:
        return self.store.path(self.provenance.key, suffix)

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


class RunReader(Generic[Row]):
    """The rows of one run's file, read as they are added; threads may share it."""

    def __init__(self, path: Path, row_type: type[Row]) -> None:
        self._path = path
        self._adapter = _adapter(row_type)  # type: ignore[arg-type]
        self._lock = threading.Lock()
        self._start_over()

    def rows(self) -> dict[str, Row]:
        """Every row so far, in the order in which they were added; of two with one name the first counts."""
        with self._lock:
            try:
                with open(self._path, "rb") as file:
                    self._read_on(file)
            except FileNotFoundError:
                self._start_over()
            except OSError as error:
                raise _unusable(self._path.parent, error) from error
            return dict(self._rows)

    def _start_over(self) -> None:
        self._rows: dict[str, Row] = {}
        self._offset = 0  # the end of the last whole line that was read
        self._before = b""  # the bytes before it

    def _read_on(self, file: BinaryIO) -> None:
        file.seek(self._offset - len(self._before))
        if file.read(len(self._before)) != self._before:  # deleted, cut or written anew meanwhile
            self._start_over()
            file.seek(0)
        added = file.read()
        lines = added[: added.rfind(b"\n") + 1]  # the rest is being written, or was cut off
        for line in lines.splitlines():
            self._take(line)
        self._offset += len(lines)
        self._before = (self._before + lines)[-CHECKED_BYTES:]

    def _take(self, line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):  # a killed writer's half line, or an older version's row
            entry = pydantic_core.from_json(line)
            if entry["of"] not in self._rows:
                self._rows[entry["of"]] = self._adapter.validate_python(entry["row"])


@functools.lru_cache(maxsize=READERS_KEPT)
def _reader(path: Path, row_type: type) -> RunReader[Any]:
    return RunReader(path, row_type)


@functools.cache
def _adapter(row_type: type) -> TypeAdapter[Any]:
    return TypeAdapter(row_type)  # building one takes milliseconds: once a type, not once a row


def _ends_whole(file: BinaryIO, end: int) -> bool:
    if end == 0:
        return True
    file.seek(end - 1)
    return file.read(1) == b"\n"


def _write_all(file: BinaryIO, content: bytes) -> None:
    """An unbuffered write may stop early, with no error, when the disk fills up: go on until it says so."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def _unusable(root: Path, error: OSError) -> LgaError:
    reason = error.strerror or str(error)
    return LgaError(
        f"The store of finished runs cannot be used: {reason} ({root}).",
        hint="Free some space there or name another folder in LGA_HOME; what was stored before is kept.",
    )
