"""All runs of a store by what is told about them; their rows are not read.

Looked at again and again: a run's files are opened anew only when they changed.
"""

import os
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

from lga_core.errors import LgaError
from lga_core.results import Provenance, RunNotes
from lga_core.runs.storage.kinds import RunKind, kind_of
from lga_core.runs.storage.row_file import unusable
from lga_core.runs.storage.store import STATE, Store, read_description, read_notes

SUFFIXES = (".json", ".jsonl", ".done", ".notes", STATE)
SHORT = 12  # letters of a key that tell it from the others


@dataclass(frozen=True, kw_only=True)
class RunHeader:
    """One stored run without its rows."""

    key: str
    provenance: Provenance | None  # None: it cannot be read
    notes: RunNotes | None  # None: stored by an earlier version, which recorded none
    complete: bool  # no row is missing; the runs that many fact sets share are never marked so
    bytes: int
    changed: float  # when something was added last, seconds since 1970
    problem: str | None = None  # why it cannot be read

    @property
    def short(self) -> str:
        """The first letters of the key."""
        return self.key[:SHORT]

    @property
    def model(self) -> str | None:
        """The name of the model that was asked."""
        return self.provenance.model if self.provenance is not None else None

    @property
    def title(self) -> str | None:
        """The name that a user gave it."""
        return self.notes.title if self.notes is not None else None

    @cached_property
    def kind(self) -> RunKind:
        return kind_of(self.provenance.method if self.provenance is not None else "cannot be read")

    @property
    def what(self) -> str:
        """What it is of, in words; a sweep's cells may be those of a race."""
        origins = self.notes.origins if self.notes is not None else ()
        raced = self.kind.subject == "sweep" and any((item.command or "").startswith("lga race") for item in origins)
        return self.kind.title.replace("Sweep", "Race", 1) if raced else self.kind.title

    @property
    def shared(self) -> bool:
        """Whether every set of facts adds to this one run, so that it has no end."""
        return self.kind.subject in ("sweep", "known facts")

    @property
    def state(self) -> str:
        """ "complete", "partial", or for a run without an end "open"."""
        if self.provenance is None:
            return "cannot be read"
        return "complete" if self.complete else "open" if self.shared else "partial"

    def holds(self, words: Sequence[str], shown: str = "") -> bool:
        """Whether each of the words (lower case) is in what is told about the run, or in what a page shows of it."""
        text = f"{self._text} {shown.lower()}"
        return all(word in text for word in words)

    @cached_property
    def _text(self) -> str:
        parts: list[object] = [self.key, self.what, self.state]
        if self.provenance is not None:
            asked = self.provenance
            parts += [asked.model, asked.facts, asked.method, asked.created, asked.machine, dict(asked.settings)]
        if self.notes is not None:
            parts += [self.title or "", *(item.command or "" for item in self.notes.origins)]
        return " ".join(map(str, parts)).lower()


class RunIndex:
    """Reads the headers of one store; threads may share it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[Hashable, RunHeader]] = {}
        self._lock = threading.Lock()

    def headers(self) -> tuple[RunHeader, ...]:
        """Every run, the one that was written to last first. Raises LgaError where the store cannot be read."""
        with self._lock:
            files = self._files()
            known: dict[str, tuple[Hashable, RunHeader]] = {}
            for key, parts in files.items():
                stamp = tuple((name, parts[name].st_mtime_ns, parts[name].st_size) for name in sorted(parts))
                earlier = self._known.get(key)
                known[key] = earlier if earlier is not None and earlier[0] == stamp else (stamp, self._read(key, parts))
            self._known = known
        return tuple(sorted((header for _stamp, header in known.values()), key=lambda header: -header.changed))

    def one(self, name: str) -> RunHeader:
        """The run whose key begins with `name`, or that has this title. Raises LgaError for none and for several."""
        headers = self.headers()
        begin = [header for header in headers if name and header.key.startswith(name)]
        called = [header for header in headers if header.title == name]
        matching = begin or called
        if len(matching) == 1:
            return matching[0]
        if begin:
            raise LgaError(f"{len(begin)} runs begin with {name}.", hint="Write more letters of the key.")
        if called:
            keys = ", ".join(header.key[:12] for header in called)
            raise LgaError(f"{len(called)} runs are called {name}: {keys}.", hint="Name one by its key.")
        raise LgaError(f"There is no stored run {name!r}.", hint="The page Runs lists them, each with its key.")

    def _files(self) -> dict[str, dict[str, os.stat_result]]:
        """Key -> suffix -> how that file is."""
        files: dict[str, dict[str, os.stat_result]] = {}
        try:
            with os.scandir(self._store.root) as entries:
                for entry in entries:
                    key, suffix = os.path.splitext(entry.name)
                    if suffix in SUFFIXES and key.isalnum():
                        try:
                            files.setdefault(key, {})[suffix] = entry.stat()
                        except FileNotFoundError:  # deleted meanwhile
                            continue
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise unusable(self._store.root, error) from error
        return {key: parts for key, parts in files.items() if parts.keys() & {".json", ".jsonl"}}

    def _read(self, key: str, parts: dict[str, os.stat_result]) -> RunHeader:
        try:
            asked = read_description(self._store.path(key, ".json"), key)
        except OSError as error:
            asked = f"Its description cannot be read: {error.strerror}."
        return RunHeader(
            key=key,
            provenance=asked if isinstance(asked, Provenance) else None,
            notes=read_notes(self._store.path(key, ".notes")),
            complete=".done" in parts,
            bytes=sum(item.st_size for item in parts.values()),
            changed=(parts.get(".jsonl") or parts[".json"]).st_mtime,
            problem=None if isinstance(asked, Provenance) else asked,
        )
