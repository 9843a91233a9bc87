"""Many edits one after another: each checkpoint is in the store at once."""

from lga_core.runs import many_edits as runs
from lga_core.runs.storage.store import Store
from lga_core.service.requests import ManyEditsRequest
from lga_core.service.work.desk import Control, Desk


def many_edits(desk: Desk, request: ManyEditsRequest, control: Control) -> None:
    """Edit and measure what the store lacks."""
    runs.many_edits(
        desk.model(request.model, control),
        request.facts_name,
        request.facts,
        request.layers,
        request.editor,
        request.settings,
        request.how,
        Store(origin=request.origin),
        report=control.report,
    )
