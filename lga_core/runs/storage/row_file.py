"""Files of rows, one JSON line each with its checksum: appended whole, read on from where the last look ended."""

import functools
import json
import logging
import os
import re
import threading
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pydantic_core

from lga_core.errors import LgaError
from lga_core.results.base import adapter

Row = TypeVar("Row")
READERS_KEPT = 2048  # files whose rows stay parsed in memory; the traces of 682 facts of 3 kinds, each about 10 kB
HALF = "-half"  # the end of the name of a file that is being written
CHECKED_BYTES = 256  # before the place where reading goes on: is it the same file still?
BEGIN = b'{"of": '  # of a line, and nowhere else: a row's own JSON has no such space
CHECKSUM = re.compile(rb', "crc": "([0-9a-f]{8})"}$')  # at a line's end, of all before it; earlier versions wrote none
log = logging.getLogger(__name__)


def append_rows(path: Path, rows: Mapping[str, Any]) -> bool:
    """Add rows by name, all or none; whether the file had any before. The caller holds the store's lock.

    Raises OSError where they cannot be written; the file is then as it was.
    """
    lines = b"".join(_line(of, adapter(type(row)).dump_json(row, warnings=False)) for of, row in rows.items())
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


def unreadable_rows(path: Path, row_types: Sequence[Any]) -> int:
    """How many lines are damaged (cut, flipped bits) or hold a row of none of these types, as of another version."""
    readers = [_reader(path, row_type) for row_type in row_types]
    for reader in readers:
        reader.rows()
    return readers[0].damaged + len(set.intersection(*(reader.other for reader in readers)))


def write_whole(path: Path, content: bytes) -> None:
    """Whole or not at all, in the place of what was there. Raises OSError."""
    half = path.with_suffix(f"{path.suffix}{HALF}")
    try:
        with open(half, "wb", buffering=0) as file:
            _write_all(file, content)
        half.replace(path)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()


def unusable(root: Path, error: OSError) -> LgaError:
    """What a failing disk or lock means to the user."""
    reason = error.strerror or str(error)
    return LgaError(
        f"The store of finished runs cannot be used: {reason} ({root}).",
        hint="Free some space there or name another folder in LGA_HOME; what was stored before is kept.",
    )


class RowReader:
    """The rows of one file, read as they are added; threads may share it."""

    def __init__(self, path: Path, row_type: Any) -> None:
        self._path = path
        self._adapter = adapter(row_type)
        self._lock = threading.Lock()
        self._start_over()

    def rows(self) -> dict[str, Any]:
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
        self._rows: dict[str, Any] = {}
        self.damaged = 0  # lines that are not as they were written
        self.other: set[str] = set()  # names of rows that are not of this type
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
            before, *rows = line.split(BEGIN)  # two rows on one line: the end of the first is damaged
            for part in (before, *(BEGIN + row for row in rows)):
                self._take(part)
        self._offset += len(lines)
        self._before = (self._before + lines)[-CHECKED_BYTES:]

    def _take(self, line: bytes) -> None:
        if not line:
            return
        try:
            checksum = CHECKSUM.search(line)
            if checksum is not None and int(checksum[1], 16) != zlib.crc32(line[: checksum.start()]):
                raise ValueError("not as it was written")
            entry = pydantic_core.from_json(line)
            of, row = entry["of"], entry["row"]
            if not isinstance(of, str) or len(entry) != (2 if checksum is None else 3):
                raise ValueError("no row")
        except (ValueError, KeyError, TypeError) as error:
            self.damaged += 1
            log.warning("A damaged line of %s is left out: %s.", self._path, error)
            return
        if of in self._rows:
            return
        try:
            self._rows[of] = self._adapter.validate_python(row)
            self.other.discard(of)
        except ValueError:  # a trial's stage among reports, or another version's row
            self.other.add(of)


@functools.lru_cache(maxsize=READERS_KEPT)
def _reader(path: Path, row_type: Any) -> RowReader:
    return RowReader(path, row_type)


def _line(of: str, row: bytes) -> bytes:
    content = b'%s%s, "row": %s' % (BEGIN, json.dumps(of).encode(), row)
    return b'%s, "crc": "%08x"}\n' % (content, zlib.crc32(content))


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
