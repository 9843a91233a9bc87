"""Rates that are tried where none was measured, so that a plan can name a time before anything is computed."""

import torch
from conftest import drain, tiny_model

from lga_core.models.moment_plan import moment_plan
from lga_core.models.rate_trial import try_rates
from lga_core.models.rates import note_rate, rate


def test_a_plan_has_no_time_before_the_rates_are_tried_and_one_after():
    model = tiny_model("llama", torch.float32)
    assert moment_plan(model, [1]).seconds is None
    drain(try_rates(model))
    plan = moment_plan(model, [1])
    expected = plan.tokens_to_write / rate(model, "writing") + plan.tokens_to_read / rate(model, "reading")
    assert plan.seconds == expected > 0


def test_measured_rates_stay_and_the_lock_is_free_between_steps():
    model = tiny_model("gemma3", torch.float32)
    note_rate(model, "writing", 100, 4.0)
    for _ in try_rates(model):
        assert model._user == []
    assert rate(model, "writing") == 25.0 and rate(model, "reading") > 0
