"""This tab's ledgers: what the engine has shown of them, and the jobs that change them, one at a time."""

import time
from collections.abc import Mapping
from typing import Any

from lga_core.service.ledger_requests import (
    ChangeLedger,
    ExportAdapter,
    ExportModel,
    LedgerRequest,
    LoadEditSet,
    MeasureEdits,
    PublishEdits,
    RecomputeEdits,
    WriteEdits,
)
from lga_core.service.ledger_view import LedgerView
from lga_core.service.process.jobs import Job
from pages._ui.session.state import kept, session
from pages._ui.shell import jobs

LEDGER = "ledger"
EXPORT = "export"
PUBLISH = "publish"
SHOWN_SECONDS = 1.5  # a change that needs nothing computed is shown with the click
_JOBS: Mapping[type[LedgerRequest], tuple[str, str]] = {  # their area, where one runs at a time, and their title
    WriteEdits: (LEDGER, "Writing edits"),
    ChangeLedger: (LEDGER, "Changing the edits"),
    RecomputeEdits: (LEDGER, "Recomputing stale edits"),
    MeasureEdits: (LEDGER, "Measuring the facts"),
    LoadEditSet: (LEDGER, "Loading the edit set"),
    ExportModel: (EXPORT, "Writing the edited model"),
    ExportAdapter: (EXPORT, "Writing the adapter"),
    PublishEdits: (PUBLISH, "Publishing the edits"),
}
_CHANGES = {
    "toggle": "Switching an edit",
    "up": "Moving an edit",
    "down": "Moving an edit",
    "remove": "Removing an edit",
    "undo all": "Undoing all edits",
}


def current_ledger(model: str) -> LedgerView:
    """This tab's edits of that model as the engine has shown them, also while a job changes them."""
    _take_shown()
    return kept().ledgers.get(model, LedgerView())


def ledger_request(kind: type[LedgerRequest], model: str, **what: Any) -> LedgerRequest:
    """A request about this tab's ledger of that model; no two are equal."""
    memory = kept()
    memory.ledger_jobs += 1
    return kind(model=model, session=memory.id, number=memory.ledger_jobs, **what)


def start(kind: type[LedgerRequest], model: str, title: str | None = None, **what: Any) -> Job | None:
    """Start a job on the ledger; None where another one of its area runs. `what`: the request's other fields."""
    area, usual_title = _JOBS[kind]
    if area == LEDGER:
        _take_shown()
    if jobs.is_running(area):  # a second click was faster than the page
        session().notices.append("Not done: what was asked before is still being done. Ask again after it.")
        return None
    return jobs.start(area, ledger_request(kind, model, **what), title or usual_title)


def change(model: str, how: str, entry: str = "") -> None:
    """A change that is published before the facts are measured: the page that follows the click shows it already."""
    job = start(ChangeLedger, model, _CHANGES[how], how=how, entry=entry)
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
