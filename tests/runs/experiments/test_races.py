"""A live race: the simulated one on the model's own sweep, kept in its store, gone on with after a stop."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from conftest import forwards, tiny_model
from reporting import Collect
from worth.swept import ranking_of

from lga_core.data.load import load_facts
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.progress import Cancelled, Phase
from lga_core.results import Cost, Race
from lga_core.runs.experiments.races import race as live_race
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.storage.store import Store
from lga_core.worth.racing import RaceSettings
from lga_core.worth.simulated_race import simulate

EDITING = RRomeSettings(value=ValueSettings(steps=3), contexts=1, covariance="identity")
HOW = RaceSettings(candidates=3, block=2, confidence=0.3, draws=50)
ORDER = (2, 0, 3, 1)


@pytest.fixture(scope="module")
def some():
    return load_facts("world").facts[:8]


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float64)


def ask(model, facts, store, **options):
    return live_race(model, "world", facts, ranking_of(ORDER), "r-rome", EDITING, HOW, store, **options)


def test_the_live_race_is_the_simulated_one_and_is_run_once(model, some, tmp_path):
    store, other = Store(tmp_path / "raced"), Store(tmp_path / "swept")
    report = Collect()
    live, stored = ask(model, some, store, report=report)
    assert not stored.from_store and (stored.complete, stored.rows, stored.reused) == (True, live.cells, 0)
    assert live.cells < live.most_cells  # a layer was dropped
    steps = [step for step in report.steps if step.phase is Phase.RACE]
    assert all(before.done <= after.done for before, after in pairwise(steps))
    assert steps[-1].done == steps[-1].total == live.cells

    whole, _ = sweep(model, "world", some, range(4), "r-rome", EDITING, other)
    simulated = simulate(whole, ranking_of(ORDER), HOW)
    assert _without_seconds(live) == _without_seconds(simulated)
    for mine, its in zip(live.rounds, simulated.rounds, strict=True):
        assert (mine.cost.forward_rows, mine.cost.backward_rows) == pytest.approx(
            (its.cost.forward_rows, its.cost.backward_rows)
        )

    with forwards(model) as run:
        again, stored = ask(model, some[::-1], store)  # the order of the file says nothing
        after, swept = ask(model, some, other)
    assert run == [] and stored.from_store and swept.from_store
    assert again == live and _without_seconds(after) == _without_seconds(live)
    _, stored = sweep(model, "world", some, range(4), "r-rome", EDITING, store)
    assert (stored.complete, stored.rows, stored.reused) == (True, 32, live.cells)


@pytest.mark.parametrize("cells", [1, 4])
def test_a_stopped_race_goes_on_where_it_was(model, some, tmp_path, cells):
    def look(step):
        if step.phase is Phase.RACE and step.done >= cells:
            raise Cancelled

    store, report = Store(tmp_path / "stopped"), Collect(look)
    with pytest.raises(Cancelled):
        ask(model, some[:4], store, report=report)
    one, stored = ask(model, some[:4], store)
    assert (stored.rows, stored.reused) == (one.cells, report.steps[-1].done)
    whole, _ = ask(model, some[:4], Store(tmp_path / "whole"))
    assert _without_seconds(one) == _without_seconds(whole)


def test_other_layers_of_the_same_facts_are_no_cells_of_the_race(model, some, tmp_path):
    store = Store(tmp_path / "runs")
    sweep(model, "world", some[:2], (1, 3), "r-rome", EDITING, store)
    for reused in (2, 6):
        one, stored = ask(model, some[:2], store)
        assert (one.candidates, one.cells, stored.rows, stored.reused) == ((2, 0, 3), 6, 6, reused)


def _without_seconds(race: Race) -> Race:
    rounds = tuple(replace(item, cost=Cost()) for item in race.rounds)
    return replace(race, rounds=rounds, cost=Cost())
