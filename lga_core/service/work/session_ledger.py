"""One session's ledger of one model, with the reports about it; saved after each change: a restart loses nothing."""

import hashlib
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lga_core.editing.edits import Edit
from lga_core.editing.files.edit_set import edit_set_bytes
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Entry, Ledger
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.sources.derived import keep
from lga_core.models.sources.files import cache_home
from lga_core.results import EditMeans, LedgerReport, norm_ratio
from lga_core.service.ledger_view import Change, EntryView, LedgerView
from lga_core.service.requests import TrialRequest

CHANGES_KEPT = 60
DAYS_KEPT = 7  # a session's folder that was not used is removed after these


@dataclass(eq=False, kw_only=True)
class SessionLedger:
    """Mutable on purpose: it lives as long as the engine. Holds edits and results, never the model."""

    path: Path  # where the edits are saved
    fingerprint: str  # of the model that the edits are for
    ledger: Ledger = field(default_factory=Ledger)
    report: LedgerReport | None = None
    measured: Ledger | None = None  # what the report is about
    changes: list[Change] = field(default_factory=list)  # the oldest first
    waiting: list[str] = field(default_factory=list)  # changes since the last measurement
    tried: tuple[TrialRequest, tuple[Edit, ...]] | None = None  # a trial's edit, for the playground
    unread: str | None = None  # why the saved edits cannot be read: what they are is not known

    @classmethod
    def restored(cls, session: str, model: LoadedModel) -> "SessionLedger":
        """The saved one, or an empty one; `unread` where there is a file that cannot be read now."""
        place = hashlib.sha256(model.name.encode()).hexdigest()[:16]
        path = sessions_folder() / session / f"{place}.zip"
        new = cls(path=path, fingerprint=model.fingerprint)
        if path.is_file():
            try:
                new.ledger = read_edit_set(path.read_bytes(), model)
            except LgaError as error:
                new.unread = error.cause
            except OSError as error:
                new.unread = f"{error}."
        return new

    def belongs_to(self, model: LoadedModel) -> None:
        """Raise LgaError where its edits are not those of the model's files, or the saved ones cannot be read now.

        A change of what could not be read would be saved in its place.
        """
        if self.unread is not None:
            raise LgaError(
                f"The saved edits of this session cannot be read now: {self.unread}",
                hint="They are kept: try again later. To start anew without them, undo all or load a saved set.",
            )
        if self.fingerprint == model.fingerprint:
            return
        if self.ledger.entries:
            raise LgaError(
                f"The files of {model.name} have changed since these edits were computed.",
                hint="Undo all, and edit again.",
            )
        self.fingerprint = model.fingerprint
        self.tried = None

    def change(self, ledger: Ledger, words: str, model: LoadedModel, *, anew: bool = False) -> None:
        """Save a changed ledger, then take it: where it cannot be saved, nothing has changed.

        `anew`: it takes this one's place, for the model's files as they are now, and its history begins with it.
        """
        self._save(ledger, model)
        self.unread = None
        self.ledger = ledger
        if anew:
            self.fingerprint = model.fingerprint
            self.tried = None
        if anew or not ledger.entries:
            self.report = None
            self.measured = None
            self.changes.clear()
            self.waiting.clear()
        if ledger.entries:
            self.waiting.append(words)

    def note(self, ledger: Ledger, report: LedgerReport) -> None:
        """Take a measurement, unless the ledger has changed meanwhile."""
        if self.ledger is not ledger:
            return
        self.report = report
        self.measured = ledger
        self.changes.append(Change(words=", ".join(self.waiting) or "measured again", report=report))
        self.waiting.clear()
        del self.changes[:-CHANGES_KEPT]

    def touch(self) -> None:
        """Tell that the session is in use: reading its edits leaves the folder's time as it was."""
        with suppress(OSError):  # nothing is saved yet, or it is not ours to write to
            os.utime(self.path.parent)

    @property
    def means(self) -> EditMeans | None:
        """How the facts of the ledger as it is now fare; None where that is not measured."""
        return self.report.means if self.report is not None and self.measured is self.ledger else None

    def view(self) -> LedgerView:
        """As pages see it."""
        stale = self.ledger.stale
        return LedgerView(
            entries=tuple(_entry(entry, stale=entry.id in stale) for entry in self.ledger.entries),
            report=self.report,
            current=self.measured is self.ledger or not self.ledger.entries,
            changes=tuple(self.changes),
        )

    def _save(self, ledger: Ledger, model: LoadedModel) -> None:
        if not ledger.entries:
            self.path.unlink(missing_ok=True)
            return
        content = edit_set_bytes(ledger, model)
        keep(self.path, lambda place: place.write_bytes(content))


def sessions_folder() -> Path:
    return cache_home() / "sessions"


def remove_old_sessions() -> None:
    """Saved ledgers of sessions that ended long ago."""
    oldest = time.time() - DAYS_KEPT * 86_400
    for folder in sessions_folder().glob("*"):
        with suppress(FileNotFoundError):  # another server's engine was faster
            if folder.is_dir() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def _entry(entry: Entry, *, stale: bool) -> EntryView:
    ratios = [norm_ratio(item.edit.norm, item.weight_norm) for item in entry.written]
    errors = [error for item in entry.written for error in item.target_errors if error is not None]
    same = ("id", "facts", "editor", "layers", "settings", "mode", "enabled")
    return EntryView(
        **{name: getattr(entry, name) for name in same},
        stale=stale,
        norm_ratio=None if None in ratios else max(ratios),
        target_error=max(errors) if errors else None,
    )
