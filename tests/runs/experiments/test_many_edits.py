"""Many edits in the store: a stopped run goes on from its last checkpoint, with equal numbers."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from reporting import Collect

from lga_core.editing.settings import EmmetSettings, RRomeSettings, ValueSettings
from lga_core.evaluation.settings import ManyEditsSettings
from lga_core.evaluation.side_effects import fluency
from lga_core.progress import Cancelled
from lga_core.results import Cost
from lga_core.runs.experiments.many_edits import many_edits
from lga_core.runs.reading import finished_many_edits
from lga_core.runs.storage.store import STATE, Store

SEARCH = ValueSettings(steps=2)
QUICK = RRomeSettings(value=SEARCH, contexts=0, covariance="identity")
HOW = ManyEditsSettings(every=2)
NOTHING = Cost()


@pytest.fixture(autouse=True)
def short_continuations(monkeypatch):
    monkeypatch.setattr(fluency, "LENGTH", 6)


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


def ask(model, facts, store, how=HOW, editor="r-rome", settings=QUICK, **options):
    return many_edits(model, "small", facts, [2, 1], editor, settings, how, store, **options)


def numbers(result):
    return [replace(row, cost=NOTHING, edit_cost=NOTHING) for row in result.checkpoints]


def stop_at(edits):
    def look(step):
        if step.done == edits:
            raise Cancelled

    return Collect(look)


def test_a_stopped_run_goes_on_from_its_last_checkpoint_and_has_equal_numbers(model, facts, tmp_path):
    whole, stored = ask(model, facts, Store(tmp_path / "whole"))
    assert (whole.complete, stored.complete, stored.rows, stored.reused) == (True, True, 4, 0)
    store = Store(tmp_path / "stopped")
    with pytest.raises(Cancelled):
        ask(model, facts, store, report=stop_at(3))
    part, stored = finished_many_edits(model.identity, "small", facts, [1, 2], "r-rome", QUICK, HOW, store)
    assert (part.complete, stored.complete, [row.edits for row in part.checkpoints]) == (False, False, [0, 2])
    state = store.path(stored.provenance.key, STATE)
    assert state.exists()
    report = Collect()
    again, stored = ask(model, facts, store, report=report)
    assert min(step.done for step in report.steps) == 2  # the first two are not computed again
    assert (stored.complete, stored.rows, stored.reused) == (True, 4, 2)
    assert numbers(again) == numbers(whole) and not state.exists()
    once_more, stored = ask(model, facts, store)
    assert stored.from_store and once_more.to_json() == again.to_json()


def test_a_lost_checkpoint_in_the_middle_is_missing_and_computed_again(model, facts, tmp_path):
    store = Store(tmp_path / "lost")
    whole, stored = ask(model, facts, store)
    (rows,) = store.root.glob("*.jsonl")
    lines = rows.read_bytes().splitlines(keepends=True)
    rows.write_bytes(b"".join(line for number, line in enumerate(lines) if number != 1))
    part, stored = finished_many_edits(model.identity, "small", facts, [1, 2], "r-rome", QUICK, HOW, store)
    assert (len(part.checkpoints), part.complete, stored.complete) == (len(lines) - 1, False, False)
    report = Collect()
    again, stored = ask(model, facts, store, report=report)
    assert again.complete and stored.complete and numbers(again) == numbers(whole)
    assert max(step.done for step in report.steps) == 2  # the edits after the lost checkpoint are not made again
    assert not store.path(stored.provenance.key, STATE).exists()


def test_a_sum_that_is_damaged_or_ahead_of_lost_rows_is_computed_again(model, facts, tmp_path):
    settings = EmmetSettings(value=SEARCH, contexts=0, covariance="identity")
    asked = {"how": ManyEditsSettings(every=2, batch=2), "editor": "emmet", "settings": settings}
    whole, _stored = ask(model, facts[:4], Store(tmp_path / "whole"), **asked)
    store = Store(tmp_path / "damaged")
    with pytest.raises(Cancelled):
        ask(model, facts[:4], store, **asked, report=stop_at(4))
    (state,) = store.root.glob(f"*{STATE}")  # of all four; its row was not measured
    (rows,) = store.root.glob("*.jsonl")
    kept, content = state.read_bytes(), rows.read_bytes()
    for damaged_state, left in ((kept[:50], content), (kept, content.splitlines(keepends=True)[0]), (kept, content)):
        state.write_bytes(damaged_state)
        rows.write_bytes(left)
        again, stored = ask(model, facts[:4], store, **asked)
        assert numbers(again) == numbers(whole) and stored.complete
        store.path(stored.provenance.key, ".done").unlink()
