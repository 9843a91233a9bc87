"""Where a deleted run lies until it is too late to undo: until its server deletes the next one, or ends.

Each server has a folder of its own in the store's `bin`, and holds the lock beside it: where nobody does, the server
was killed. Bins are made, filled and cleared under the store's lock.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from lga_core.errors import LgaError
from lga_core.runs.storage.index import SUFFIXES
from lga_core.runs.storage.row_file import HALF
from lga_core.runs.storage.store import Store


class RunBin:
    """One server's bin; it holds at most one run, and nothing is written before a first one is deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.root / "bin" / uuid4().hex
        self._lock = _lock_of(self._folder)

    @property
    def held(self) -> str | None:
        """The key of the run that can be brought back."""
        return next(iter(_keys(self._folder)), None)

    def delete(self, key: str) -> None:
        """Move a run here; what lay here before is gone. Raises LgaError where that fails."""
        with self._store.writing():
            files = self._files(self._store.root, key)
            if not files:
                raise LgaError("This run is not stored any more.", hint="Look at the list again.")
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._lock.is_locked:
                self._lock.acquire(timeout=0)
            self._move(files, self._folder)  # first: where that fails, the earlier run stays here
            _remove_halves(self._store.root, f"{key}.")
            names = {path.name for path in files}
            for path in self._folder.iterdir():
                if path.name not in names:
                    path.unlink(missing_ok=True)

    def undo(self, key: str) -> None:
        """Bring the deleted run back as it was.

        Raises LgaError where another one was deleted since, or where it was measured again meanwhile.
        """
        with self._store.writing():
            if key != self.held:
                raise LgaError("There is no deleted run to bring back.", hint="Only the last one can be.")
            if not self._bring_back(self._folder, key):
                raise LgaError(
                    "The run has been measured again since it was deleted.",
                    hint="Keep the new one: when it is deleted, it is the one that can be brought back.",
                )

    def empty(self) -> None:
        """Delete for good what lies here."""
        with suppress(LgaError), self._store.writing():
            _remove(self._folder, self._lock)

    def clear_abandoned(self) -> None:
        """Delete for good what killed servers left in their bins; what they had moved halfway is brought back.

        Raises LgaError where the store cannot be written.
        """
        place = self._folder.parent
        if not place.is_dir() and not any(self._store.root.glob(f"*{HALF}")):
            return
        with self._store.writing():
            _remove_halves(self._store.root)
            if not place.is_dir():
                return
            for folder in {path.with_suffix("") for path in place.iterdir()}:  # a bin or its lock
                lock = _lock_of(folder)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue  # its server lives
                for key in _keys(folder):
                    if self._files(self._store.root, key):
                        self._bring_back(folder, key)
                _remove(folder, lock)

    def _files(self, folder: Path, key: str) -> list[Path]:
        """A run's files that are there, its description last: rows without one would be shown as damaged."""
        paths = [folder / self._store.path(key, suffix).name for suffix in reversed(SUFFIXES)]
        return [path for path in paths if path.exists()]

    def _bring_back(self, folder: Path, key: str) -> bool:
        """False where a file of it is on both sides: it was measured again."""
        files = self._files(folder, key)
        # Files of it that lie on one side only are of a move that was killed halfway: it is completed.
        if any((self._store.root / path.name).exists() for path in files):
            return False
        self._move(files, self._store.root)
        return True

    def _move(self, files: Sequence[Path], folder: Path) -> None:
        """All or none."""
        moved: list[tuple[Path, Path]] = []
        try:
            for path in files:
                path.replace(folder / path.name)
                moved.append((path, folder / path.name))
        except OSError:
            for before, after in moved:
                with suppress(OSError):
                    after.replace(before)
            raise


def _lock_of(folder: Path) -> FileLock:
    return FileLock(f"{folder}.lock", thread_local=False)


def _keys(folder: Path) -> list[str]:
    """Of the runs that a bin holds: one at most, but for one that was being replaced by the next."""
    return sorted({path.stem for path in folder.glob("*") if path.suffix in SUFFIXES})


def _remove_halves(root: Path, begin: str = "") -> None:
    """Remove what killed processes have half written. The store's lock is held: nobody writes now."""
    for path in root.glob(f"{begin}*{HALF}"):
        with suppress(OSError):  # it only takes room
            path.unlink()


def _remove(folder: Path, lock: FileLock) -> None:
    """Remove a bin whose lock is held."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
