"""Who computes what, among the processes that share a store: an equal question is computed by one of them at a time.

A claim is a locked file, which the system frees when its process dies. Within one process nobody waits for another:
the engine joins equal requests, and a job that waits for a job whose turn it has would wait for ever.
"""

import functools
import hashlib
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lga_core.progress import Phase, Progress, Reporter
from lga_core.runs.storage.store import Run

LOOK_SECONDS = 0.25
STALLED_SECONDS = 60.0  # without a new row nobody waits on: that another one computes it again costs time alone
FOLDERS_KNOWN = 64


@contextmanager
def claimed(run: Run, names: Iterable[str], report: Reporter) -> Iterator[None]:
    """Compute these rows of a run, once no other process does. Read what it has stored meanwhile after this began.

    Reports while it waits, which may cancel the work.
    """
    claims = _claims(run.store.root / "claims")
    question = hashlib.sha256(json.dumps([run.provenance.key, sorted(names)]).encode()).hexdigest()[:32]
    stamp, since = run.stamp, time.monotonic()
    while not (ours := claims.take(question)) and time.monotonic() - since < STALLED_SECONDS:
        report(Progress(phase=Phase.ELSEWHERE, done=0, total=0))
        time.sleep(LOOK_SECONDS)
        if run.stamp != stamp:
            stamp, since = run.stamp, time.monotonic()
    try:
        yield
    finally:
        if ours:
            claims.give(question)


class _Claims:
    """The claims of this process in one folder; threads share them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, tuple[FileLock, int]] = {}  # with how many threads hold it
        self._lock = threading.Lock()

    def take(self, question: str) -> bool:
        """Whether it is this process's now. A folder that cannot be written is told when a row is stored."""
        with self._lock:
            lock, holders = self._held.get(question, (None, 0))
            if lock is None:
                lock = FileLock(self._folder / f"{question}.lock", thread_local=False)
                try:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    lock.acquire(timeout=0)
                except Timeout:
                    return False
                except OSError:
                    return True
            self._held[question] = (lock, holders + 1)
            return True

    def give(self, question: str) -> None:
        """One thread less holds it."""
        with self._lock:
            lock, holders = self._held.pop(question, (None, 0))
            if holders > 1:
                self._held[question] = (lock, holders - 1)
            elif lock is not None:
                with suppress(OSError):  # one that waits makes a new file, or has the old one open
                    Path(lock.lock_file).unlink()
                lock.release()


@functools.lru_cache(maxsize=FOLDERS_KNOWN)
def _claims(folder: Path) -> _Claims:
    return _Claims(folder)
