"""Where a deleted run lies until it is too late to undo: until the next one is deleted, or the server ends."""

import shutil
from contextlib import suppress
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.runs.storage.index import SUFFIXES
from lga_core.runs.storage.row_file import unusable
from lga_core.runs.storage.store import Store


class RunBin:
    """The folder `bin` of a store; it holds at most one run."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.root / "bin"

    @property
    def held(self) -> str | None:
        """The key of the run that can be brought back."""
        return next((path.stem for path in sorted(self._folder.glob("*")) if path.suffix in SUFFIXES), None)

    def delete(self, key: str) -> None:
        """Move a run here; what lay here before is gone. Raises LgaError where that fails."""
        with self._store.writing():
            files = self._files(self._store.root, key)
            if not files:
                raise LgaError("This run is not stored any more.", hint="Look at the list again.")
            self._move(files, self._folder)  # first: where that fails, the earlier run stays here
            names = {path.name for path in files}
            try:
                for path in self._folder.iterdir():
                    if path.name not in names:
                        path.unlink(missing_ok=True)
            except OSError as error:
                raise unusable(self._store.root, error) from error

    def undo(self) -> str:
        """Bring the deleted run back as it was; returns its key.

        Raises LgaError where it was measured again meanwhile.
        """
        key = self.held
        if key is None:
            raise LgaError("There is no deleted run to bring back.", hint="Only the last one can be.")
        with self._store.writing():
            files = self._files(self._folder, key)
            # Files of it that lie on one side only are of a move that was killed halfway: it is completed.
            if any((self._store.root / path.name).exists() for path in files):
                raise LgaError(
                    "The run has been measured again since it was deleted.", hint="Delete the new one first."
                )
            self._move(files, self._store.root)
        return key

    def empty(self) -> None:
        """Delete for good what lies here."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self, folder: Path, key: str) -> list[Path]:
        """A run's files that are there, its description last: rows without one would be shown as damaged."""
        paths = [folder / self._store.path(key, suffix).name for suffix in reversed(SUFFIXES)]
        return [path for path in paths if path.exists()]

    def _move(self, files: list[Path], folder: Path) -> None:
        """All or none."""
        moved: list[tuple[Path, Path]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in files:
                path.replace(folder / path.name)
                moved.append((path, folder / path.name))
        except OSError as error:
            for before, after in moved:
                with suppress(OSError):
                    after.replace(before)
            raise unusable(self._store.root, error) from error
