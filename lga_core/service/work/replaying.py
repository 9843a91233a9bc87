"""A stored run, computed again by the model in memory."""

from lga_core.errors import LgaError
from lga_core.results import ReplayReport
from lga_core.runs.replay.replay import replay as replay_run
from lga_core.runs.storage.store import Store
from lga_core.service.requests import ReplayRequest
from lga_core.service.work.desk import Control, Desk


def replay(desk: Desk, request: ReplayRequest, control: Control) -> ReplayReport:
    """Nothing is written: the numbers that were stored stay."""
    run = Store().find(request.run)
    if run is None:
        raise LgaError("This run is not stored any more.", hint="Look at the list of runs again.")
    return replay_run(desk.model(request.model, control), run, report=control.report)
