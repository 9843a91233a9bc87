"""A live race: the simulated one on the model's own sweep, kept in its store, gone on with after a stop."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from conftest import drain, forwards, tiny_model, watched
from worth.swept import ranking_of

from lga_core.data.load import load_facts
from lga_core.editing.rank_one import RankOneSettings
from lga_core.editing.value import ValueSettings
from lga_core.results import Cost, Race, SweepStep
from lga_core.runs.races import finished_race
from lga_core.runs.races import race as live_race
from lga_core.runs.store import Store
from lga_core.runs.sweeps import sweep
from lga_core.worth.racing import RaceSettings, simulate

EDITING = RankOneSettings(value=ValueSettings(steps=3), contexts=1, covariance="identity")
HOW = RaceSettings(candidates=3, block=2, confidence=0.3, draws=50)
ORDER = (2, 0, 3, 1)


@pytest.fixture(scope="module")
def some():
    return load_facts("world").facts[:8]


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float64)


def ask(model, facts, store, how=HOW):
    return live_race(model, "world", facts, ranking_of(ORDER), "r-rome", EDITING, how, store)


def test_the_live_race_is_the_simulated_one_and_is_run_once(model, some, tmp_path):
    store, other = Store(tmp_path / "raced"), Store(tmp_path / "swept")
    asked = (model, "world", some, ranking_of(ORDER), "r-rome", EDITING)
    assert finished_race(*asked, HOW, store) is None
    steps, (live, stored) = watched(ask(model, some, store))
    assert not stored.from_store and (stored.complete, stored.rows, stored.reused) == (True, live.cells, 0)
    assert live.cells < live.most_cells                                # a layer was dropped
    told = [step for step in steps if step.label == "race"]
    assert sum(len(step.cells) for step in told if isinstance(step, SweepStep)) == live.cells
    assert all(before.done <= after.done for before, after in pairwise(told))
    assert told[-1].done == told[-1].total == live.cells

    whole, _ = drain(sweep(model, "world", some, range(4), "r-rome", EDITING, other))
    found, = simulate(whole, ranking_of(ORDER), HOW)
    assert _without_seconds(live) == _without_seconds(found)
    for mine, its in zip(live.rounds, found.rounds, strict=True):
        assert (mine.cost.forward_rows, mine.cost.backward_rows) == pytest.approx(
            (its.cost.forward_rows, its.cost.backward_rows))

    with forwards(model) as run:
        again, stored = drain(ask(model, some[::-1], store))           # the order of the file says nothing
        after, swept = drain(ask(model, some, other))
        read, _ = finished_race(*asked, HOW, store)
    assert run == [] and stored.from_store and swept.from_store
    assert again == live == read and _without_seconds(after) == _without_seconds(live)
    _, stored = drain(sweep(model, "world", some, range(4), "r-rome", EDITING, store))
    assert (stored.complete, stored.rows, stored.reused) == (True, 32, live.cells)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_stopped_race_goes_on_where_it_was(model, some, tmp_path, steps):
    store = Store(tmp_path / "stopped")
    begun, cells = ask(model, some[:4], store), 0
    for step in begun:
        cells += len(step.cells) if isinstance(step, SweepStep) else 0
        if cells >= steps:
            break
    begun.close()
    one, stored = drain(ask(model, some[:4], store))
    assert (stored.rows, stored.reused) == (one.cells, cells)
    whole, _ = drain(ask(model, some[:4], Store(tmp_path / "whole")))
    assert _without_seconds(one) == _without_seconds(whole)


def test_other_layers_of_the_same_facts_are_no_cells_of_the_race(model, some, tmp_path):
    store = Store(tmp_path / "runs")
    drain(sweep(model, "world", some[:2], (1, 3), "r-rome", EDITING, store))
    for reused in (2, 6):
        one, stored = drain(ask(model, some[:2], store))
        assert (one.candidates, one.cells, stored.rows, stored.reused) == ((2, 0, 3), 6, 6, reused)


def _without_seconds(found: Race) -> Race:
    rounds = tuple(replace(item, cost=Cost()) for item in found.rounds)
    return replace(found, rounds=rounds, cost=Cost())
