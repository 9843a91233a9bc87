"""Who computes what, among all that share a store: a row is computed by one of them at a time.

A claim is a locked byte of a file, at a place that stands for the row; the system frees it when its process dies.
The files stay: who waits for a lock on a file that was removed meanwhile would share its claim with the next one.
"""

import functools
import hashlib
import os
import random
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lga_core.progress import Phase, Progress, Reporter
from lga_core.runs.storage.store import Run

try:
    import fcntl
except ImportError:  # Windows, which has no such locks: an equal row may be computed twice there, and is stored once
    fcntl = None

LOOK_SECONDS = 0.25
LOOKED_AT = 64  # rows of those that others have claimed, at each look
BEAT_SECONDS = 5.0  # between two signs of life of a process that holds claims
STALLED_SECONDS = 60.0  # without a new row or a sign of life nobody waits on: to compute it again costs time alone
PLACE_BYTES = 8
# At each call the system goes through all locks of a file, so that rows in one take it the square of their number: a
# second for 5,000 and most of a minute for 20,000. They are spread over so many files, each open while claims are held.
FILES = 64


@contextmanager
def claimed(run: Run, names: Collection[str], report: Reporter) -> Iterator[frozenset[str]]:
    """Those of these rows of a run that nobody else computes now. What is stored of them by then is not to be computed.

    Waits until there is one, or until somebody else has stored a row: then there may be none, and it is looked again.
    Never called while other rows of the run are claimed. Reports while it waits, which may cancel the work.
    """
    claims = _claims(run.store.root.resolve())
    places = {_place(run, name): name for name in names}
    stamp = run.stamp
    ours = claims.take(places)
    try:
        if places and not ours:
            freed = _wait_for(claims, places, run, stamp, report)
            if freed is None:
                yield frozenset(names)
                return
            ours = freed
            report(Progress(phase=Phase.ELSEWHERE, done=1, total=1))
        yield frozenset(places[place] for place in ours)
    finally:
        claims.give(ours)


def _wait_for(claims: "_Claims", places: Collection[int], run: Run, stamp: object, report: Reporter) -> set[int] | None:
    """Takes what it can of the places as soon as one is free; nothing where somebody has stored a row first.

    `stamp`: the run's when they were looked at. None where those who hold them show no sign of life any more.
    """
    sign = claims.sign_of_life
    since = time.monotonic()
    ours: set[int] = set()
    while not ours and run.stamp == stamp:
        if time.monotonic() - since > STALLED_SECONDS:
            return None
        report(Progress(phase=Phase.ELSEWHERE, done=0, total=1))
        time.sleep(LOOK_SECONDS)
        if claims.sign_of_life != sign or claims.holds_any(places):  # a thread of this process lives as it does
            sign = claims.sign_of_life
            since = time.monotonic()
        sample = random.sample(sorted(places), min(len(places), LOOKED_AT))
        ours = claims.take(sample)  # all of thousands would take the system seconds at each look
        if ours:
            ours |= claims.take(places)
    return ours


def _place(run: Run, name: str) -> int:
    """Below 2^62, for an offset in a file has 63 bits."""
    digest = hashlib.sha256(f"{run.provenance.key}/{name}".encode()).digest()
    return int.from_bytes(digest[:PLACE_BYTES]) >> 2


class _Claims:
    """The claims of this process on the rows of one store; its threads are kept from one another too.

    A file is open while something is held, and once: to close it anywhere in the process frees all of its locks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "claims"
        self._alive = self._folder / "alive"  # its time is the last sign of life
        self._files: dict[int, int] = {}  # number of a file of locks -> its descriptor
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._beating = False
        self._own_beat = 0  # that time as this process wrote it last
        self._others_beat = 0  # as another one did

    @property
    def sign_of_life(self) -> int:
        """Another number each time that another process has shown that it lives and holds claims."""
        with self._lock:
            self._note_others()
            return self._others_beat

    def holds_any(self, places: Collection[int]) -> bool:
        """Whether a thread of this process holds one of them."""
        with self._lock:
            return not self._held.isdisjoint(places)

    def take(self, places: Collection[int]) -> set[int]:
        """Those that nobody held. A folder that cannot be written is told when a row is stored."""
        with self._lock:
            try:
                self._open(places)
            except OSError:
                self._close_or_beat()
                return set(places)
            taken = {place for place in places if place not in self._held and self._lock_byte(place)}
            self._held |= taken
            self._close_or_beat()
            return taken

    def give(self, places: Collection[int]) -> None:
        with self._lock:
            given = self._held.intersection(places)
            self._held -= given
            if self._held and fcntl is not None:  # else the files are closed, which frees all at once
                for place in given:
                    with suppress(OSError):
                        fcntl.lockf(self._files[place % FILES], fcntl.LOCK_UN, 1, place)
            self._close_or_beat()

    def _open(self, places: Collection[int]) -> None:
        """The files of these places, where they are not open."""
        if not self._files:
            self._folder.mkdir(parents=True, exist_ok=True)
        for number in {place % FILES for place in places} - self._files.keys():
            path = self._folder / f"{number:02}.lock"
            self._files[number] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def _lock_byte(self, place: int) -> bool:
        if fcntl is None:
            return True
        try:
            fcntl.lockf(self._files[place % FILES], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):  # another process has it
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def _close_or_beat(self) -> None:
        if self._held and not self._beating:
            self._beating = True
            threading.Thread(target=self._beat, name="claims", daemon=True).start()
        elif not self._held:
            for file in self._files.values():
                os.close(file)
            self._files.clear()

    def _beat(self) -> None:
        while True:
            with self._lock:
                if not self._held:
                    self._beating = False
                    return
                self._note_others()  # what is overwritten now
                with suppress(OSError):
                    self._alive.touch()
                    self._own_beat = self._alive.stat().st_mtime_ns
            time.sleep(BEAT_SECONDS)

    def _note_others(self) -> None:
        with suppress(OSError):
            changed = self._alive.stat().st_mtime_ns
            if changed != self._own_beat:
                self._others_beat = changed


@functools.cache
def _claims(folder: Path) -> _Claims:
    return _Claims(folder)
