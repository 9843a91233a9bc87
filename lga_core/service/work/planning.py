"""What work will take, said before it starts. Estimates are made for a model in memory; they load none."""

from lga_core.evaluation.memory_need import editing_need, scoring_need
from lga_core.models.moments.plan import MomentPlan, moment_plan
from lga_core.models.moments.rate_trial import try_rates
from lga_core.models.text.sources import IDENTITY
from lga_core.results import MemoryEstimate
from lga_core.service.requests import LoadRequest, MemoryRequest, MomentPlanRequest, SpeedRequest
from lga_core.service.work.desk import Control, Desk


def load(desk: Desk, request: LoadRequest, control: Control) -> int:
    """The number of layers of the model, which is in memory afterwards."""
    return desk.model(request.model, control).layers


def measure_speed(desk: Desk, request: SpeedRequest, control: Control) -> None:
    """How fast the model reads and writes here is kept for later plans."""
    try_rates(desk.model(request.model, control), report=control.report)


def plan_moments(desk: Desk, request: MomentPlanRequest, control: Control) -> MomentPlan | None:
    """Of the second moments that the edit needs; None where it needs none or the model is not in memory."""
    model = desk.peek(request.model)
    settings = request.settings
    source = getattr(settings, "covariance", IDENTITY)
    if model is None or source == IDENTITY:
        return None
    return moment_plan(model, request.layers, source, seed=settings.seed, tokens_per_input=settings.tokens_per_input)


def estimate_memory(desk: Desk, request: MemoryRequest, control: Control) -> MemoryEstimate | None:
    """Of scoring these measurements, or of editing at these layers."""
    model = desk.peek(request.model)
    if model is None:
        return None
    if request.measurements:
        return scoring_need(model, request.measurements, request.facts or 1)
    return editing_need(model, request.layers, request.settings, request.facts)
