"""Finished work on disk, by content key: the same question twice is answered from here.

A run is up to five files: `<key>.json` says what was asked (Provenance), `<key>.jsonl` holds one line for each
finished row, `<key>.done` marks that no row is missing, `<key>.notes` has what is told about the run and changes
(RunNotes), and `<key>.state` what a run that is not done needs beside its rows to go on. Rows are only ever appended,
under one lock for the whole store, so two processes with the same question share a file. A row that is there already
is not stored again; of two for the same thing, as in older stores, the first written counts. `facts/` has the facts
that were asked about.
"""

import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from lga_core.errors import LgaError
from lga_core.models.sources.files import cache_home
from lga_core.results import Cost, Origin, Provenance, Result, RunNotes, Stored
from lga_core.results.base import adapter
from lga_core.runs.storage.fact_log import FactLog
from lga_core.runs.storage.row_file import append_rows, read_rows, unusable, write_whole

Row = TypeVar("Row", bound=Result)
LOCK_SECONDS = 30.0
ORIGINS_KEPT = 8
CHECKSUM_BYTES = 4  # before a state
STATE = ".state"


class Store:
    """All runs under one folder, by default `runs` in the project's cache folder (LGA_HOME).

    `origin`: who asks; noted beside every run that is written to. `recorded`: a folder of runs that come with the
    code, read where this store has no such run, and never written to.
    """

    def __init__(
        self, root: Path | str | None = None, origin: Origin | None = None, recorded: Path | None = None
    ) -> None:
        self.root = Path(root) if root is not None else cache_home() / "runs"
        self.origin = origin
        self.recorded = recorded

    @property
    def facts(self) -> FactLog:
        """The facts that the runs are about."""
        return FactLog(self.root / "facts", self.writing)

    def open(self, provenance: Provenance) -> "Run":
        """The run that answers this question. Nothing is written before its first row."""
        return self.find(provenance.key) or Run(store=self, provenance=provenance)

    def find(self, key: str) -> "Run | None":
        """The stored run with this content key, complete or not; None where there is none that can be read."""
        try:
            asked = read_description(self.shown(key, ".json"), key)
        except OSError as error:
            raise unusable(self.root, error) from error
        return Run(store=self, provenance=asked) if isinstance(asked, Provenance) else None

    def path(self, key: str, suffix: str) -> Path:
        """One file of a run. Keys come from addresses too, so anything but a plain word is refused."""
        if not key.isalnum():
            raise LgaError(f"{key!r} is not the key of a stored run.", hint="A key is letters and digits.")
        return self.root / f"{key}{suffix}"

    def is_recorded(self, key: str) -> bool:
        """Whether what is read under this key came with the code: nothing of it was measured here yet."""
        if self.recorded is None or self.path(key, ".json").exists():
            return False
        return (self.recorded / f"{key}.json").exists()

    def shown(self, key: str, suffix: str) -> Path:
        """Where one file of a run is read."""
        own = self.path(key, suffix)
        return self.recorded / own.name if self.recorded is not None and self.is_recorded(key) else own

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The store's lock, for one writer among all threads and processes. Raises LgaError where disk or lock fail."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / "store.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout as error:
            raise LgaError(
                f"Another process has been writing to the store of finished runs for {LOCK_SECONDS:g} seconds.",
                hint="Start again in a moment; what was stored before is kept.",
            ) from error
        except OSError as error:
            raise unusable(self.root, error) from error


@dataclass(frozen=True, kw_only=True)
class Run:
    """One question and the rows of its answer so far. Holds no open file, so threads may share it."""

    store: Store
    provenance: Provenance

    @property
    def complete(self) -> bool:
        return self._shown(".done").exists()

    @property
    def stamp(self) -> Hashable:
        """Cheap to read, and another one after every row that was added: whether there is something new to show."""
        try:
            status = self._shown(".jsonl").stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def rows(self, row_type: type[Row]) -> dict[str, Row]:
        """What is stored, by the name under which it was appended. Lines that cannot be read are left out.

        Only what was added since this process last read the run is read and parsed.
        """
        return read_rows(self._shown(".jsonl"), row_type)

    @property
    def notes(self) -> RunNotes | None:
        """What is told about the run; None where an earlier version stored it, or where that cannot be read."""
        return read_notes(self._shown(".notes"))

    def rename(self, title: str) -> None:
        """Give the run a name; "" takes it away. Raises LgaError where it cannot be written."""
        with self.store.writing():
            self._write_notes(replace(self.notes or RunNotes(), title=title.strip() or None))

    def append(self, of: str, row: Result) -> None:
        """Store one finished row under a name that is unique in this run (a fact's fingerprint)."""
        self.extend({of: row})

    def extend(self, rows: Mapping[str, Result]) -> None:
        """Store finished rows by name, all or none; one that somebody else has stored meanwhile is not stored again.

        Raises LgaError when they cannot be written.
        """
        path = self._path(".jsonl")
        with self.store.writing():
            self._write_provenance()
            new = {of: row for of, row in rows.items() if of not in read_rows(path, type(row))}
            if new:
                continued = append_rows(path, new)
                self._note_rows(tuple(new.values()), continued=continued)

    @property
    def state(self) -> bytes | None:
        """What the run goes on from beside its rows; None where nothing was kept, or where that is damaged."""
        try:
            kept = self._path(STATE).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(self.store.root, error) from error
        content = kept[CHECKSUM_BYTES:]
        return content if _checksum(content) == kept[:CHECKSUM_BYTES] else None

    def keep_state(self, content: bytes) -> None:
        """Put this in the place of the state before. Raises LgaError where it cannot be written."""
        with self.store.writing():
            self._write_provenance()
            write_whole(self._path(STATE), _checksum(content) + content)

    def finish(self) -> None:
        """Mark that no row is missing."""
        with self.store.writing():
            self._write_provenance()
            self._path(".done").touch()
            self._path(STATE).unlink(missing_ok=True)

    def stored(self, *, rows: int, reused: int = 0) -> Stored:
        """The pointer to show beside this run's numbers. `reused`: rows of it that were there before."""
        return Stored(provenance=self.provenance, complete=self.complete, rows=rows, reused=reused)

    def _path(self, suffix: str) -> Path:
        return self.store.path(self.provenance.key, suffix)

    def _shown(self, suffix: str) -> Path:
        return self.store.shown(self.provenance.key, suffix)

    def _write_provenance(self) -> None:
        """Also when another process deleted the run meanwhile, and in the place of a damaged one."""
        path = self._path(".json")
        if not isinstance(read_description(path, self.provenance.key), Provenance):
            write_whole(path, self.provenance.to_json().encode())

    def _note_rows(self, rows: Sequence[Result], *, continued: bool) -> None:
        """Add what these rows took, and who asked for them. `continued`: there were rows before these."""
        unknown = RunNotes() if continued else RunNotes(rows=0, seconds=0.0)
        notes = self.notes or unknown
        if notes.rows is not None and notes.seconds is not None:
            seconds = sum((getattr(row, "cost", Cost()).seconds for row in rows), notes.seconds)
            notes = replace(notes, rows=notes.rows + len(rows), seconds=seconds)
        if (origin := self.store.origin) is not None and origin not in notes.origins[:1]:
            earlier = [item for item in notes.origins if item != origin]
            notes = replace(notes, origins=(origin, *earlier)[:ORIGINS_KEPT])
        self._write_notes(notes)

    def _write_notes(self, notes: RunNotes) -> None:
        write_whole(self._path(".notes"), adapter(RunNotes).dump_json(notes))


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "big")


def read_description(path: Path, key: str) -> Provenance | str:
    """What a run says it is of, or in words why that cannot be told. Raises OSError where the disk fails."""
    try:
        asked: Provenance = adapter(Provenance).validate_json(path.read_bytes())
    except FileNotFoundError:
        return "Its description is missing; only rows are there."
    except ValidationError:
        return "Its description is damaged, or of another version."
    return asked if asked.key == key else "Its description belongs to another run."


def read_notes(path: Path) -> RunNotes | None:
    """A run's notes; None where there are none that can be read."""
    try:
        return adapter(RunNotes).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
