"""ROME and R-ROME against an independent, plain statement of them, with both stops and both starts of R-ROME."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from editing.plain_rome import plain_edit
from editing.writing import FAMILIES

from lga_core.editing.editors.rome import r_rome, rome
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.editing.table import EDITORS
from lga_core.evaluation.experiments.sweep_edits import edits_at

LAYER = 1
DECAY = 0.01
SETTINGS = RRomeSettings(
    value=ValueSettings(steps=9, learning_rate=0.05, kl_weight=1.0, weight_decay=DECAY, stop_loss=0.0), contexts=3
)


def relative_error(found, wanted):
    return float((found.double() - wanted).norm() / wanted.norm())


def stop_losses(model, fact, **how):
    """None that is reached, one that the nll passes before the total loss does, and one that the total loss passes."""
    free = plain_edit(model, fact, LAYER, SETTINGS, decay=DECAY, **how)
    assert len(free.nll) == SETTINGS.value.steps  # evaluations; one update fewer
    earlier = min(*free.nll[:4], *free.total[:5])
    assert free.nll[4] < earlier
    return 0.0, (free.nll[4] + earlier) / 2, (free.total[1] + free.total[2]) / 2


@pytest.mark.parametrize("stop", ["total", "nll"])
@pytest.mark.parametrize(("editor", "v0"), [("rome", "mean"), ("r-rome", "mean"), ("r-rome", "bare")])
@pytest.mark.parametrize("family", FAMILIES)
def test_an_edit_is_what_its_plain_statement_comes_to(family, editor, v0, stop, facts):
    model = tiny_model(family, torch.float64)
    fact = facts[0]
    how = {"r_rome": editor == "r-rome", "v0": v0}
    evaluations = []
    for stop_loss in stop_losses(model, fact, **how):
        settings = replace(SETTINGS, v0=v0, value=replace(SETTINGS.value, stop=stop, stop_loss=stop_loss))
        plain = plain_edit(model, fact, LAYER, settings, decay=DECAY, **how)
        (written,) = (r_rome if how["r_rome"] else rome)(model, [fact], [LAYER], settings)
        assert relative_error(written.edit.delta, plain.delta_weight) < 1e-4
        assert written.losses[0] == pytest.approx(plain.nll, rel=1e-4)
        (swept,) = edits_at(model, [fact], LAYER, EDITORS[editor], settings)
        assert relative_error(swept.edit.delta, plain.delta_weight) < 1e-4
        evaluations.append(len(plain.nll))
    assert evaluations[0] == 9
    assert (evaluations[1] == 5) == (stop == "nll")
    assert evaluations[2] <= 3 if stop == "nll" else evaluations[2] >= 2


def test_the_two_starts_of_r_rome_write_something_else(facts):
    model = tiny_model("llama", torch.float32)
    mean, bare = (r_rome(model, [facts[0]], [LAYER], replace(SETTINGS, v0=v0))[0] for v0 in ("mean", "bare"))
    assert relative_error(bare.edit.delta, mean.edit.delta.double()) > 1e-2
    for written in (mean, bare):  # either way the mean key is mapped to v*
        assert written.target_errors[0] < 1e-4


def test_the_last_evaluation_is_not_followed_by_an_update(facts):
    model = tiny_model("llama", torch.float32)
    for steps in (1, 2, 3):
        settings = replace(SETTINGS, value=replace(SETTINGS.value, steps=steps))
        (written,) = r_rome(model, [facts[0]], [LAYER], settings)
        assert len(written.losses[0]) == steps
        assert (written.edit.norm == 0) == (steps == 1)


def test_the_defaults_are_the_reference_codes():
    value = RRomeSettings().value
    assert (value.steps, value.stop, value.stop_loss) == (25, "total", 0.05)
    assert (value.learning_rate, value.kl_weight, value.norm_bound) == (0.5, 0.0625, 4.0)
    assert RRomeSettings().v0 == "mean"
