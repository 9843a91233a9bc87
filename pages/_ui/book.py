"""A session's ledgers, one a model: the edits that are kept, how their facts fare, and the steps that change them.

The steps run in a job's thread, so nothing here may draw. Each finished entry and each measurement is put into the
`Book` at once: after a cancel or a failure it stays.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from lga_core.data.facts import Fact
from lga_core.editing.edit_set import read_edit_set
from lga_core.editing.edits import Edit
from lga_core.editing.export import export_merged
from lga_core.editing.ledger import Entry, Ledger, Mode, extend, recompute
from lga_core.editing.settings import Settings
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.evaluation.ledger import ledger_report
from lga_core.models.loaded import LoadedModel
from lga_core.results import LedgerReport, Progress, retold
from pages._ui.model import Shelf
from pages._ui.state import Trial, session

X = TypeVar("X")
Steps = Generator[Progress, None, X]
MOST_CHANGES = 60                            # measurements that are remembered


@dataclass(frozen=True, kw_only=True)
class Change:
    """The ledger's facts after one change."""

    words: str                               # what was changed
    report: LedgerReport


@dataclass(eq=False)
class Book:
    """One session's edits of one model. Holds edits and results, never the model."""

    model: str                               # as the user named it
    id: str = field(default_factory=lambda: uuid4().hex)        # jobs of two sessions are never one
    ledger: Ledger = field(default_factory=Ledger)
    fingerprint: str | None = None           # of the model that the edits are for
    report: LedgerReport | None = None
    measured: Ledger | None = None           # what the report is about
    changes: list[Change] = field(default_factory=list)         # the oldest first
    waiting: list[str] = field(default_factory=list)            # changes since the last measurement
    started: int = 0                         # jobs, so far
    tried: tuple[Trial, tuple[Edit, ...]] | None = None         # a trial's edit, for the playground

    @property
    def current(self) -> bool:
        """Whether the report is about the ledger as it is now."""
        return self.measured is self.ledger

    def change(self, ledger: Ledger, words: str) -> None:
        """Take a changed ledger."""
        self.ledger = ledger
        self.waiting.append(words)
        if not ledger.entries:
            self.report, self.measured = None, None
            self.changes.clear()
            self.waiting.clear()

    def note(self, ledger: Ledger, report: LedgerReport) -> None:
        """Take a measurement, unless the ledger has changed meanwhile."""
        if self.ledger is not ledger:
            return
        self.report, self.measured = report, ledger
        self.changes.append(Change(words=", ".join(self.waiting) or "measured again", report=report))
        self.waiting.clear()
        del self.changes[:-MOST_CHANGES]


def book_of(model: str) -> Book:
    """This session's book for the model of that name."""
    return session().books.setdefault(model, Book(model=model))


def subjects(entry: Entry) -> str:
    """What an entry is about, in a few words."""
    first = entry.facts[0].subject
    return first if len(entry.facts) == 1 else f"{first} and {len(entry.facts) - 1} more"


def write_steps(shelf: Shelf, book: Book, facts: Sequence[Fact], editor: str, layers: Sequence[int],
                settings: Settings, mode: Mode, *, each: bool = True) -> Steps[None]:
    """Write facts at the ledger's end; each entry is kept as soon as it is finished. `each`: measure after each."""
    model = yield from model_of(shelf, book)
    groups = [(fact,) for fact in facts] if mode == "sequential" else [tuple(facts)]
    for group in groups or [()]:
        editor_named(editor).check(model, group, layers)        # all of them, before the first is written
    for number, group in enumerate(groups):
        ledger = yield from _numbered(extend(model, book.ledger, group, editor, layers, settings, mode), number,
                                      len(groups))
        book.change(ledger, f"wrote {subjects(ledger.entries[-1])}")
        if each or number == len(groups) - 1:
            yield from _numbered(_measure(model, book), number, len(groups))


def recompute_steps(shelf: Shelf, book: Book) -> Steps[None]:
    """Compute all stale entries anew, then measure. Cancelled, the ledger stays as it was."""
    model = yield from model_of(shelf, book)
    book.change((yield from recompute(model, book.ledger)), "recomputed")
    yield from _measure(model, book)


def measure_steps(shelf: Shelf, book: Book) -> Steps[None]:
    """How the facts fare now."""
    model = yield from model_of(shelf, book)
    yield from _measure(model, book)


def load_steps(shelf: Shelf, book: Book, source: bytes | Path, name: str) -> Steps[int]:
    """Put a saved edit set in the ledger's place, then measure; returns how many entries it has.

    Refused, the ledger stays as it was.
    """
    model = yield from shelf.take(book.model)
    yield Progress(label="reading the edit set", done=0, total=1)
    ledger = read_edit_set(source, model)
    _belongs(book, model, anew=True)
    book.change(Ledger(), "")
    book.change(ledger, f"loaded {name}")
    yield from _measure(model, book)
    return len(ledger.entries)


def export_steps(shelf: Shelf, book: Book, ledger: Ledger, folder: Path) -> Steps[Path]:
    """A copy of the model with the enabled edits merged, as a folder."""
    model = yield from model_of(shelf, book)
    return (yield from export_merged(model, ledger.edits, folder, [fact for entry in ledger.enabled
                                                                   for fact in entry.facts]))


def tried_edits(model: LoadedModel, book: Book, trial: Trial) -> Steps[tuple[Edit, ...]]:
    """A trial's edit, computed again: a report has the numbers only. Kept until another trial is asked for."""
    if book.tried is None or book.tried[0] is not trial:
        written = yield from editor_named(trial.report.editor).run(
            model, [trial.fact], trial.report.layers, trial.settings, ())
        book.tried = trial, tuple(item.edit for item in written)
    return book.tried[1]


def model_of(shelf: Shelf, book: Book) -> Steps[LoadedModel]:
    """The book's model. Raises LgaError where its files are no longer those that the edits were computed on."""
    model = yield from shelf.take(book.model)
    _belongs(book, model, anew=not book.ledger.entries)
    return model


def _belongs(book: Book, model: LoadedModel, *, anew: bool) -> None:
    if book.fingerprint == model.fingerprint:
        return
    if not anew:
        raise LgaError(f"The files of {model.name} have changed since these edits were computed.",
                       mend="Undo all, and edit again.")
    book.fingerprint, book.tried = model.fingerprint, None


def _measure(model: LoadedModel, book: Book) -> Steps[None]:
    ledger = book.ledger
    if ledger.entries:
        report = yield from ledger_report(model, ledger)
        book.note(ledger, report)


def _numbered(steps: Steps[X], number: int, count: int) -> Steps[X]:
    """The steps of one of several entries, told as the count of finished ones."""
    return (yield from retold(steps, lambda step: step if count == 1 else Progress(
        label=f"edit {number + 1} of {count}: {step.label}", done=number, total=count)))
