"""What `bench sweep` compares: the batched cells are the plain way's, on every family."""

import pytest
import torch
from conftest import tiny_model
from editing.writing import SETTINGS

from lga_core.bench.speed.baselines import naive_edit
from lga_core.bench.speed.sweep import differences, left_early
from lga_core.data.load import load_facts
from lga_core.evaluation.experiments.layer_sweep import sweep_cells


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_the_batched_cells_are_those_of_whole_runs_one_at_a_time(family):
    model, facts = tiny_model(family, torch.float32), load_facts("world").facts[:3]
    plain = [naive_edit(model, fact, layer, SETTINGS) for fact in facts for layer in (0, 2, 3)]
    batched = list(sweep_cells(model, facts, (0, 2, 3), "r-rome", SETTINGS))
    apart = differences(plain, batched)
    assert apart["largest_relative_difference_of_norms"] <= 1e-4
    assert (apart["cells_with_other_accuracies"], apart["cells"]) == (0, 9)
    places = {(cell.record, cell.layer): cell for cell in batched}
    for cell in plain:
        assert places[cell.record, cell.layer].losses == pytest.approx(cell.losses, rel=1e-4)
        assert places[cell.record, cell.layer].clamped == cell.clamped
        assert places[cell.record, cell.layer].before == cell.before
    steps = [[len(places[fact.record, layer].losses) for fact in facts] for layer in (0, 2, 3)]
    assert left_early(batched) == 1 - sum(map(sum, steps)) / sum(3 * max(row) for row in steps)
