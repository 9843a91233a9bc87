"""Rates that are tried where none was measured, so that a plan can name a time before anything is computed."""

import torch
from conftest import tiny_model
from reporting import Collect
from torch.utils._python_dispatch import TorchDispatchMode

from lga_core.models.moments.plan import moment_plan
from lga_core.models.moments.rate_trial import try_rates
from lga_core.models.moments.rates import note_rate, rate


def test_a_plan_has_no_time_before_the_rates_are_tried_and_one_after():
    model = tiny_model("llama", torch.float32)
    assert moment_plan(model, [1]).seconds is None
    try_rates(model)
    plan = moment_plan(model, [1])  # for which half of the blocks run
    expected = plan.tokens_to_write / rate(model, "writing") + plan.tokens_to_read / 2 / rate(model, "reading")
    assert plan.seconds == expected > 0


def test_a_reading_is_over_when_its_result_is_known():
    """A card is only told what to compute: the last thing in the measured time must be a number from there."""
    model = tiny_model("llama", torch.float32)
    note_rate(model, "writing", 100, 4.0)  # so that reading alone is tried
    with Operations() as operations:
        try_rates(model)
    assert operations.names[-1] == "aten::_local_scalar_dense"


class Operations(TorchDispatchMode):
    """Notes what torch computes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.name())
        return function(*args, **(kwargs or {}))


def test_measured_rates_stay_and_the_lock_is_free_between_steps():
    model = tiny_model("gemma3", torch.float32)
    note_rate(model, "reading", 100, 4.0)
    report = Collect()  # which looks, at each step, whether the model is held
    try_rates(model, report=report)
    assert len(report.steps) > 1
    assert rate(model, "reading") == 25.0 and rate(model.identity, "writing") > 0
