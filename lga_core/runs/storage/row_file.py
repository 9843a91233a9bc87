"""Files of rows, one JSON line each: appended whole, read on from where the last look ended."""

import functools
import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import pydantic_core
from pydantic import TypeAdapter

from lga_core.errors import LgaError

Row = TypeVar("Row")
READERS_KEPT = 64  # files whose rows stay parsed in memory
CHECKED_BYTES = 256  # before the place where reading goes on: is it the same file still?


def append_rows(path: Path, rows: Mapping[str, Any]) -> bool:
    """Add rows by name, all or none; whether the file had any before. The caller holds the store's lock.

    Raises OSError where they cannot be written; the file is then as it was.
    """
    content = {of: adapter(type(row)).dump_json(row, warnings=False).decode() for of, row in rows.items()}
    lines = "".join(f'{{"of": {json.dumps(of)}, "row": {row}}}\n' for of, row in content.items()).encode()
    with open(path, "ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if not _ends_whole(file, end):
            lines = b"\n" + lines  # a killed writer's half line must not swallow the next one
        try:
            _write_all(file, lines)
        except OSError:
            file.truncate(end)
            raise
    return end > 0


def read_rows(path: Path, row_type: type[Row]) -> dict[str, Row]:
    """Every row of the file by its name, in the order in which they were added. Lines that cannot be read are left out.

    Only what was added since this process last read the file is read and parsed.
    """
    known: Any = row_type
    return _reader(path, known).rows()


def write_whole(path: Path, content: bytes) -> None:
    """Whole or not at all, in the place of what was there. Raises OSError."""
    half = path.with_suffix(f"{path.suffix}-half")
    try:
        with open(half, "wb", buffering=0) as file:
            _write_all(file, content)
        half.replace(path)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()


def adapter(row_type: Any) -> TypeAdapter[Any]:
    """The JSON form of a type. Building one takes milliseconds: once a type, not once a row."""
    return _adapter(row_type)


def unusable(root: Path, error: OSError) -> LgaError:
    """What a failing disk or lock means to the user."""
    reason = error.strerror or str(error)
    return LgaError(
        f"The store of finished runs cannot be used: {reason} ({root}).",
        hint="Free some space there or name another folder in LGA_HOME; what was stored before is kept.",
    )


class RowReader(Generic[Row]):
    """The rows of one file, read as they are added; threads may share it."""

    def __init__(self, path: Path, row_type: Any) -> None:
        self._path = path
        self._adapter = adapter(row_type)
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
                raise unusable(self._path.parent, error) from error
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


@functools.cache
def _adapter(row_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(row_type)


@functools.lru_cache(maxsize=READERS_KEPT)
def _reader(path: Path, row_type: Any) -> RowReader[Any]:
    return RowReader(path, row_type)


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
