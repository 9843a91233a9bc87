"""Cells as they are stored and put together: numbers that are not finite, and gaps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import tiny_model
from editing.writing import SETTINGS
from evaluation.sweep.sweeping import FINE_TUNING

from lga_core.editing.settings import FineTuningSettings
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.results import Sweep, SweepCell
from lga_core.runs.experiments.sweeps import sweep as swept
from lga_core.runs.storage.store import Store


def test_a_sweep_of_edits_that_blow_up_is_finished_and_comes_back_from_the_store(some, tmp_path):
    """In float32 such a step overflows: NaN for the change, and for the losses after it."""
    model = tiny_model("llama", torch.float32)
    store = Store(tmp_path)
    blowing_up = FineTuningSettings(steps=4, learning_rate=1e37)
    cells = list(sweep_cells(model, some[:2], (0, 2), "ft-m", blowing_up))
    assert all(np.isnan(cell.delta_norm) and np.isnan(cell.losses[-1]) for cell in cells)
    measured, stored = swept(model, "world", some[:2], (0, 2), "ft-m", blowing_up, store)
    assert measured.complete and (stored.rows, stored.reused) == (4, 0)
    again, stored = swept(model, "world", some[:2], (0, 2), "ft-m", blowing_up, store)
    assert stored.from_store and again.to_json() == measured.to_json()
    shown = again.to_frame()
    assert shown["delta_norm"].isna().all() and shown["rewrite"].notna().all()


def test_numbers_of_a_cell_that_are_not_finite_come_back_as_they_were(some):
    model = tiny_model("llama", torch.float32)
    (cell,) = sweep_cells(model, some[:1], (0,), "ft-m", FINE_TUNING)
    inf = float("inf")
    for number in (inf, -inf, float("nan")):
        broken = replace(cell, delta_norm=number, target_error=number, losses=(1.5, number))
        back = SweepCell.from_json(broken.to_json())
        np.testing.assert_equal((back.delta_norm, back.target_error, back.losses), (number, number, (1.5, number)))
    assert SweepCell.from_json(cell.to_json()) == cell and "null" in replace(cell, target_error=None).to_json()


def test_a_sweep_of_cells_has_its_gaps_as_nan(some):
    model = tiny_model("llama", torch.float32)
    cells = list(sweep_cells(model, some[:2], (0, 1), "r-rome", SETTINGS))
    records = [fact.record for fact in some[:3]]
    sweep = Sweep.of(cells, records, (0, 1), "r-rome", {})
    assert not sweep.complete
    assert np.isnan(sweep.overall[2]).all() and not np.isnan(sweep.overall[:2]).any()
    one = next(cell for cell in cells if cell.record == records[1] and cell.layer == 1)
    present = [value for value in one.after.values() if value is not None]
    assert sweep.overall[1, 1] == pytest.approx(sum(present) / len(present))
    assert Sweep.from_json(sweep.to_json()).to_json() == sweep.to_json()
    assert Sweep.of(cells, records[:2], (0, 1), "r-rome", {}).complete
