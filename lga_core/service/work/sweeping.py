"""A sweep of the proxy and then of the test facts: each finished cell is in the store at once."""

from dataclasses import replace

from lga_core.errors import LgaError
from lga_core.progress import Phase, Progress, Reporter
from lga_core.runs import sweeps, tasks
from lga_core.runs.storage.store import Store
from lga_core.service.reading.stored import editable, test_candidates
from lga_core.service.requests import SweepRequest
from lga_core.service.work.desk import Control, Desk
from lga_core.service.work.scoring import facts_of


class FirstBatch(Exception):
    """The first edits are measured, which is what an estimate needs."""


def sweep(desk: Desk, request: SweepRequest, control: Control) -> None:
    """Measure what the store lacks of it."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)
    chosen = facts_of(model, request.proxy, store, control.report)
    proxy = editable(chosen)
    if not proxy:
        raise LgaError(f"None of the facts of {request.proxy.name} has a new answer.", hint="Choose another fact set.")
    parts = [(request.proxy.name, proxy)]
    if request.test is not None:
        candidates = test_candidates(request.test, chosen)
        test = candidates[: request.test.limit]
        if request.test.known_only:
            test = tasks.choose_known(model, candidates, request.test.limit, store, report=control.report)
        if not test:
            raise LgaError(
                f"No fact of {request.test.name} is left to judge on: its subjects are all in the proxy, or "
                "it has no new answers.",
                hint="Choose another test set, or fewer proxy facts.",
            )
        parts.append((request.test.name, test))
    total = sum(len(facts) for _name, facts in parts) * len(request.layers)
    report = until_first_batch(control.report) if request.first_batch else control.report
    before = 0
    try:
        for name, facts in parts:
            sweeps.sweep(
                model,
                name,
                facts,
                request.layers,
                request.editor,
                request.settings,
                store,
                metrics=request.metrics,
                report=counted(report, before, total),
            )
            before += len(facts) * len(request.layers)
    except FirstBatch:
        return


def counted(report: Reporter, before: int, total: int) -> Reporter:
    """A reporter that counts the edits of one part as edits of the whole sweep: one estimate of the time left."""

    def report_edits(progress: Progress) -> None:
        if progress.phase is Phase.SWEEP:
            progress = replace(progress, done=before + progress.done, total=total)
        report(progress)

    return report_edits


def until_first_batch(report: Reporter) -> Reporter:
    """A reporter that ends the sweep when more edits are measured than at its first report."""
    before: list[int] = []

    def tell(progress: Progress) -> None:
        report(progress)
        if progress.phase is Phase.SWEEP:
            before.append(progress.done)
            if progress.done > before[0]:
                raise FirstBatch

    return tell
