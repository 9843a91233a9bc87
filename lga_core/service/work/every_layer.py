"""One fact edited at every layer, and its own scores: each finished cell and row is in the store at once."""

from lga_core.runs import sweeps, tasks
from lga_core.runs.storage.store import Store
from lga_core.service.reading.every_layer import stored_row
from lga_core.service.requests import EveryLayerRequest, Need
from lga_core.service.work.desk import Control, Desk


def every_layer(desk: Desk, request: EveryLayerRequest, control: Control) -> None:
    """Measure what the store lacks of it: the gradients, which take a second, the edits, then the other scores."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)

    def score(need: Need) -> None:
        if stored_row(model.identity, request, need, store) is None:
            tasks.measure(
                model,
                request.proxy.name,
                [request.fact],
                need.measurement,
                need.settings,
                store,
                report=control.report,
            )

    first, *others = request.needs
    score(first)
    sweeps.sweep(
        model,
        request.proxy.name,
        [request.fact],
        range(model.layers),
        request.editor,
        request.settings,
        store,
        metrics=request.sweep_metrics,
        report=control.report,
    )
    for need in others:
        score(need)
