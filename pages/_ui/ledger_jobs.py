"""The jobs of a ledger: what a button starts, and what it is called. One at a time changes the ledger of a session."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.ledger import Ledger, Mode
from lga_core.view.text import count
from pages._ui import book as steps
from pages._ui import jobs, model
from pages._ui.book import Book
from pages._ui.state import Trial, session

WRITING, MEASURING, EXPORTING = "ledger", "measure", "export"


def is_kept(book: Book, trial: Trial) -> bool:
    """Whether the ledger holds this very edit."""
    wanted = (trial.report.editor, trial.report.layers, trial.settings, (trial.fact.fingerprint,))
    return any((entry.editor, entry.layers, entry.settings, tuple(fact.fingerprint for fact in entry.facts)) == wanted
               for entry in book.ledger.entries)


def keep(book: Book, trial: Trial) -> None:
    """Put a trial's edit at the ledger's end."""
    write(book, [trial.fact], trial.report.editor, trial.report.layers, trial.settings, "sequential")


def write(book: Book, facts: Sequence[Fact], editor: str, layers: Sequence[int], settings: Any, mode: Mode, *,
          each: bool = True) -> None:
    """Write facts at the ledger's end."""
    on = model.shelf()
    _start(WRITING, book, "Keeping the edit" if len(facts) == 1 else f"Editing {count(len(facts), 'fact')}",
           lambda: steps.write_steps(on, book, facts, editor, layers, settings, mode, each=each))


def recompute(book: Book) -> None:
    """Compute what is stale anew."""
    on = model.shelf()
    _start(WRITING, book, "Computing stale edits anew", lambda: steps.recompute_steps(on, book))


def load(book: Book, source: bytes | Path, name: str) -> None:
    """Put a saved edit set in the ledger's place."""
    on = model.shelf()
    _start(WRITING, book, "Loading the edit set", lambda: steps.load_steps(on, book, source, name))


def change(book: Book, ledger: Ledger, words: str) -> None:
    """Take a ledger that needs nothing computed, and measure its facts."""
    book.change(ledger, words)
    if ledger.entries:
        measure(book)
    else:
        _clear()


def measure(book: Book) -> None:
    """Measure all facts of the ledger."""
    on = model.shelf()
    _start(MEASURING, book, "Measuring the facts", lambda: steps.measure_steps(on, book))


def export(book: Book, folder: Path) -> None:
    """Write a copy of the model with the enabled edits merged."""
    on, ledger = model.shelf(), book.ledger
    _start(EXPORTING, book, "Writing the edited model", lambda: steps.export_steps(on, book, ledger, folder))


def _clear() -> None:
    """Forget what earlier jobs had to say; a measurement that still runs is of a ledger that is no more."""
    for area in (WRITING, MEASURING):
        if (job := session().jobs.pop(area, None)) is not None:
            job.cancel()


def _start(area: str, book: Book, title: str, make_steps) -> None:
    """A job of this book alone. A second click that was faster than the page starts nothing."""
    if jobs.is_running(EXPORTING if area == EXPORTING else WRITING):
        return
    if area != EXPORTING:
        _clear()
    book.started += 1
    jobs.start(area, (book.id, book.started), title, make_steps)
