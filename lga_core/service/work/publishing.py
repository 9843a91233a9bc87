"""A session's ledger into a repository of the hub, and the card that it gets there."""

from lga_core.editing.files.containers import Files
from lga_core.editing.files.edit_set import edit_set_files
from lga_core.editing.files.lora import adapter_files
from lga_core.editing.publishing import hub
from lga_core.editing.publishing.parcel import CARD, parcel
from lga_core.results import PublishedEdits
from lga_core.service import ledger_requests as ask_ledger
from lga_core.service.work.desk import Control, Desk
from lga_core.service.work.editing import ledger_of


def show_card(desk: Desk, request: ask_ledger.ShowCard, control: Control) -> bytes:
    return _parcel(desk, request, control)[CARD]


def publish(desk: Desk, request: ask_ledger.PublishEdits, control: Control) -> PublishedEdits:
    hub.check_ready(request.repository)
    files = _parcel(desk, request, control)
    settings = {"private": request.private, "update": request.update}
    with control.without_turn(last=True):
        return hub.publish(files, request.repository, **settings, report=control.report)


def _parcel(desk: Desk, request: ask_ledger.Publication, control: Control) -> dict[str, bytes]:
    model, book = ledger_of(desk, request, control)
    if request.adapter:
        files, _ranks, _errors = adapter_files(
            book.ledger, model, dense_rank=request.dense_rank, measured=book.means, report=control.report
        )
    else:
        files = edit_set_files(book.ledger, model, book.means)
    return parcel(Files(files), request.repository, request.base)
