"""Trial edits, the sessions' ledgers, and the playground."""

from typing import Any

from lga_core.editing.edits import Edit
from lga_core.editing.files.easyedit.both_files import easyedit_files
from lga_core.editing.files.easyedit.writing import parts_of
from lga_core.editing.files.edit_set import edit_set_bytes
from lga_core.editing.files.export import export_merged
from lga_core.editing.files.lora import export_lora
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Ledger, extensions, recompute
from lga_core.editing.table import editor_named
from lga_core.evaluation.experiments.ledger_report import ledger_report
from lga_core.evaluation.experiments.playground import compare_texts
from lga_core.models.loaded import LoadedModel
from lga_core.paths import user_path
from lga_core.progress import Phase, Progress
from lga_core.results import Adapter, EditReport, MergedModel, PlaygroundReport, Stored
from lga_core.runs import tasks
from lga_core.runs.storage.store import Store
from lga_core.service import ledger_requests as ask_ledger
from lga_core.service import requests as ask
from lga_core.service.ledger_view import LedgerView
from lga_core.service.work.desk import Control, Desk
from lga_core.service.work.session_ledger import SessionLedger


def try_edit(desk: Desk, request: ask.TrialRequest, control: Control) -> tuple[EditReport, Stored]:
    """One edit, measured before and after; each stage is shown when it is there."""
    model = desk.model(request.model, control)
    return tasks.trial(
        model,
        request.facts_name,
        request.fact,
        request.layers,
        request.editor,
        request.settings,
        Store(origin=request.origin),
        metrics=request.metrics,
        show=control.publish,
        report=control.report,
    )


def for_easyedit(desk: Desk, request: ask.EasyEditRequest, control: Control) -> bytes:
    parts = parts_of(desk.model(request.model, control))
    return easyedit_files(request.facts, request.editor, request.layers, request.settings, parts).zipped


def write(desk: Desk, request: ask_ledger.WriteEdits, control: Control) -> LedgerView:
    """Group by group: facts one by one, or all in one solve."""
    model, book = ledger_of(desk, request, control)
    written = extensions(
        model,
        book.ledger,
        request.facts,
        request.editor,
        request.layers,
        request.settings,
        request.mode,
        report=control.report,
    )
    for ledger in written:
        control.check()
        book.change(ledger, f"wrote {_subjects(ledger.entries[-1].facts)}", model)
        control.publish(book.view())
        if request.each:
            _measure(model, book, control)
    if not request.each:
        _measure(model, book, control)
    return book.view()


def change(desk: Desk, request: ask_ledger.ChangeLedger, control: Control) -> LedgerView:
    """All can be undone also where the model's files are no longer those of the edits."""
    if request.how == "undo all":
        model = desk.model(request.model, control)
        return _changed(model, desk.ledger(request.session, model), Ledger(), "undone", control)
    model, book = ledger_of(desk, request, control)
    ledger = book.ledger
    entry = ledger.entry(request.entry)
    subjects = _subjects(entry.facts)
    if request.how == "toggle":
        words = f"{subjects} {'off' if entry.enabled else 'on'}"
        return _changed(model, book, ledger.toggled(entry.id), words, control)
    if request.how == "remove":
        return _changed(model, book, ledger.removed(entry.id), f"removed {subjects}", control)
    place = ledger.entries.index(entry) + (-1 if request.how == "up" else 1)
    return _changed(model, book, ledger.moved(entry.id, place), f"moved {subjects} {request.how}", control)


def recompute_stale(desk: Desk, request: ask_ledger.RecomputeEdits, control: Control) -> LedgerView:
    """Cancelled, the entries that are finished are kept."""
    model, book = ledger_of(desk, request, control)
    for ledger in recompute(model, book.ledger, report=control.report):
        control.check()
        book.change(ledger, "recomputed", model)
        control.publish(book.view())
    _measure(model, book, control)
    return book.view()


def measure(desk: Desk, request: ask_ledger.MeasureEdits, control: Control) -> LedgerView:
    model, book = ledger_of(desk, request, control)
    _measure(model, book, control)
    return book.view()


def load(desk: Desk, request: ask_ledger.LoadEditSet, control: Control) -> LedgerView:
    model = desk.model(request.model, control)
    control.report(Progress(phase=Phase.EDIT_SET, done=0, total=1))
    ledger = read_edit_set(request.source, model)  # refused, nothing has changed
    book = desk.ledger(request.session, model)
    return _changed(model, book, ledger, f"loaded {request.name}", control, anew=True)


def save(desk: Desk, request: ask_ledger.SaveEditSet, control: Control) -> bytes:
    model, book = ledger_of(desk, request, control)
    return edit_set_bytes(book.ledger, model, book.means)


def export(desk: Desk, request: ask_ledger.ExportModel, control: Control) -> MergedModel:
    model, book = ledger_of(desk, request, control)
    ledger = book.ledger
    return export_merged(model, ledger.edits, user_path(request.folder), ledger.enabled_facts, report=control.report)


def export_adapter(desk: Desk, request: ask_ledger.ExportAdapter, control: Control) -> Adapter:
    model, book = ledger_of(desk, request, control)
    return export_lora(
        book.ledger,
        model,
        user_path(request.folder),
        dense_rank=request.dense_rank,
        measured=book.means,
        report=control.report,
    )


def play(desk: Desk, request: ask_ledger.PlayRequest, control: Control) -> PlaygroundReport:
    """With the ledger's enabled edits, or with a trial's."""
    model, book = ledger_of(desk, request, control)
    edits = book.ledger.edits if request.trial is None else _tried(model, book, request.trial, control)
    return compare_texts(model, request.prompt, edits, request.settings, on_text=control.publish, report=control.report)


def _subjects(facts: tuple) -> str:
    first = facts[0].subject
    return first if len(facts) == 1 else f"{first} and {len(facts) - 1} more"


def ledger_of(desk: Desk, request: ask_ledger.LedgerRequest, control: Control) -> tuple[LoadedModel, SessionLedger]:
    """The model and the session's ledger of it. Raises LgaError where its files are no longer those of the edits."""
    model = desk.model(request.model, control)
    book = desk.ledger(request.session, model)
    book.belongs_to(model)
    return model, book


def _changed(
    model: LoadedModel, book: SessionLedger, ledger: Ledger, words: str, control: Control, *, anew: bool = False
) -> LedgerView:
    """Take a ledger that needs nothing computed, show it, and measure its facts. `anew`: see `SessionLedger.change`."""
    control.check()
    book.change(ledger, words, model, anew=anew)
    control.publish(book.view())
    _measure(model, book, control)
    return book.view()


def _measure(model: LoadedModel, book: SessionLedger, control: Control) -> None:
    ledger = book.ledger
    if ledger.entries:
        book.note(ledger, ledger_report(model, ledger, report=control.report))


def _tried(model: LoadedModel, book: SessionLedger, trial: ask.TrialRequest, control: Control) -> tuple[Edit, ...]:
    """A trial's edit, computed again: a report has the numbers only. Kept until another trial is asked for."""
    if book.tried is None or book.tried[0] != trial:
        editor: Any = editor_named(trial.editor)
        written = editor.run(model, [trial.fact], trial.layers, trial.settings, (), report=control.report)
        book.tried = trial, tuple(item.edit for item in written)
    return book.tried[1]
