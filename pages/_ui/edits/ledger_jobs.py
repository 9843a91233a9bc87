"""This tab's ledgers: what the engine has shown of them, and the jobs that change them, one at a time."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lga_core.data.facts import Fact
from lga_core.service.ledger_view import LedgerView
from lga_core.service.process.jobs import Job
from lga_core.service.requests import (
    ExportAdapter,
    ExportModel,
    LedgerRequest,
    LoadEditSet,
    MeasureEdits,
    MoveEdit,
    PublishEdits,
    RecomputeEdits,
    RemoveEdit,
    ToggleEdit,
    UndoAll,
    WriteEdits,
)
from lga_core.view.words.text import count
from pages._ui.session.state import Trial, kept
from pages._ui.shell import jobs

LEDGER = "ledger"
EXPORT = "export"
PUBLISH = "publish"
SHOWN_SECONDS = 1.5  # a change that needs nothing computed is shown with the click


def current_ledger(model: str) -> LedgerView:
    """What the engine has shown of this tab's edits of that model, also while a job changes them."""
    _take_shown()
    return kept().ledgers.get(model, LedgerView())


def ledger_request(kind: type[LedgerRequest], model: str, **what: Any) -> LedgerRequest:
    """A request about this tab's ledger of that model; no two are equal."""
    memory = kept()
    memory.ledger_jobs += 1
    return kind(model=model, session=memory.id, number=memory.ledger_jobs, **what)


def keep(trial: Trial) -> None:
    """Put a trial's edit at the ledger's end."""
    request = trial.request
    write(request.model, [request.fact], request.editor, request.layers, request.settings, "sequential")


def write(
    model: str,
    facts: Sequence[Fact],
    editor: str,
    layers: Sequence[int],
    settings: Any,
    mode: str,
    *,
    each: bool = True,
) -> None:
    """Write facts at the ledger's end. `each`: measure after each."""
    title = "Keeping the edit" if len(facts) == 1 else f"Editing {count(len(facts), 'fact')}"
    _start(
        WriteEdits,
        model,
        title,
        facts=tuple(facts),
        editor=editor,
        layers=tuple(layers),
        settings=settings,
        mode=mode,
        each=each,
    )


def toggle(model: str, entry: str) -> None:
    """Switch one entry off, or on again."""
    _change(ToggleEdit, model, "Switching an edit", entry=entry)


def move(model: str, entry: str, by: int) -> None:
    """Move one entry up (-1) or down (1)."""
    _change(MoveEdit, model, "Moving an edit", entry=entry, by=by)


def remove(model: str, entry: str) -> None:
    """Take one entry out."""
    _change(RemoveEdit, model, "Removing an edit", entry=entry)


def undo_all(model: str) -> None:
    """Empty the ledger."""
    _change(UndoAll, model, "Undoing all edits")


def recompute(model: str) -> None:
    """Compute all stale entries again."""
    _start(RecomputeEdits, model, "Recomputing stale edits")


def measure(model: str) -> None:
    """Ask all facts of the ledger again."""
    _start(MeasureEdits, model, "Measuring the facts")


def load(model: str, source: bytes | Path, name: str) -> None:
    """Put a saved edit set in the ledger's place."""
    _start(LoadEditSet, model, "Loading the edit set", source=source, name=name)


def export(model: str, folder: Path) -> None:
    """Write a copy of the model with the enabled edits merged."""
    if not jobs.is_running(EXPORT):
        jobs.start(EXPORT, ledger_request(ExportModel, model, folder=folder), "Writing the edited model")


def export_adapter(model: str, folder: Path, dense_rank: int | None) -> None:
    """Write the enabled edits as a LoRA adapter."""
    if not jobs.is_running(EXPORT):
        request = ledger_request(ExportAdapter, model, folder=folder, dense_rank=dense_rank)
        jobs.start(EXPORT, request, "Writing the adapter")


def publish(model: str, **how: Any) -> None:
    """Put the ledger into a repository of the hub."""
    if not jobs.is_running(PUBLISH):
        jobs.start(PUBLISH, ledger_request(PublishEdits, model, **how), "Publishing the edits")


def _start(kind: type[LedgerRequest], model: str, title: str, **what: Any) -> Job | None:
    """None where another job of a ledger runs: a second click was faster than the page."""
    if jobs.is_running(LEDGER):
        return None
    _take_shown()
    return jobs.start(LEDGER, ledger_request(kind, model, **what), title)


def _change(kind: type[LedgerRequest], model: str, title: str, **what: Any) -> None:
    """A change that is published before the facts are measured: the page that follows the click shows it already."""
    job = _start(kind, model, title, **what)
    limit = time.monotonic() + SHOWN_SECONDS
    while job is not None and job.published is None and time.monotonic() < limit:
        if job.wait(0.02):
            return


def _take_shown() -> None:
    """Keep what the last job has shown: the next one takes its place."""
    job = jobs.last_job(LEDGER)
    if job is None:
        return
    shown = job.result if job.result is not None else job.published
    if shown is not None:
        kept().ledgers[job.request.model] = shown
