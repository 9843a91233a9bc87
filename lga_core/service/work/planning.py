"""What work will take, said before it starts. Estimates are made for a model in memory; they load none."""

from lga_core.evaluation.memory_need import editing_need, scoring_need
from lga_core.results import MemoryEstimate
from lga_core.service.requests import MemoryRequest
from lga_core.service.work.desk import Control, Desk


def estimate_memory(desk: Desk, request: MemoryRequest, control: Control) -> MemoryEstimate | None:
    """Of scoring these measurements, or of editing at these layers."""
    model = desk.peek(request.model)
    if model is None:
        return None
    if request.measurements:
        return scoring_need(model, request.measurements, request.facts or 1)
    return editing_need(model, request.layers, request.settings, request.facts)
