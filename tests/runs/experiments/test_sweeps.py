"""Sweeps in the store: shared by sets, resumed after a stop and after a kill."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import tiny_model
from reporting import Collect

from lga_core.data.facts import Probe
from lga_core.data.load import load_facts
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.settings import SweepMetrics
from lga_core.probes.questions import dropped_locality, left_out
from lga_core.progress import Cancelled, Phase
from lga_core.results import METRICS, SweepCell
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.reading import finished_sweep
from lga_core.runs.storage.keys import sweep_run
from lga_core.runs.storage.store import Store

SETTINGS = RRomeSettings(value=ValueSettings(steps=3), contexts=1, covariance="identity")
LAYERS = (0, 1, 2)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture(scope="module")
def some():
    return load_facts("world").facts[:4]


def ask(model, facts, store, layers=LAYERS, **options):
    return sweep(model, "world", facts, layers, "r-rome", SETTINGS, store, **options)


def test_a_cap_on_probes_changes_the_cells_that_it_cuts_and_is_named(some, store):
    model = tiny_model("llama", torch.float32)
    many = tuple(
        Probe(prompt=f"Question {n} is", answers=(("Rome",), ("London",)), group="Reasoning") for n in range(9)
    )
    facts = [some[0], replace(some[1], portability=many)]
    capped, stored = ask(model, facts, store, metrics=SweepMetrics(probes=4))
    assert (stored.rows, stored.reused, capped.answers) == (6, 0, "first")
    assert capped.left_out == left_out(facts, 4) and capped.left_out["portability"]["Reasoning"] >= 5
    whole, stored = ask(model, facts, store, metrics=SweepMetrics(probes=None))
    cut = [fact for fact in facts if left_out([fact], 4)]
    assert (stored.rows, stored.reused) == (6, 3 * (2 - len(cut)))  # the cells of the others are shared
    assert whole.left_out == {} and whole.probes["portability"][1] == 9 and capped.probes["portability"][1] == 4
    again, stored = ask(model, facts, store, metrics=SweepMetrics(probes=4))
    assert stored.from_store and again.to_json() == capped.to_json()
    best, stored = ask(model, facts, store, metrics=SweepMetrics(answers="best", probes=4))
    assert (stored.reused, best.answers) == (0, "best")  # another question
    assert (best.after["portability"][1] >= capped.after["portability"][1]).all()


def test_a_fact_without_a_new_answer_is_refused_before_any_cell_is_named(some, store):
    traced = replace(some[0], target_new=None)
    assert any(probe.accepted for probe in traced.locality)
    with pytest.raises(LgaError, match="has no new answer"):
        ask(tiny_model("llama", torch.float32), [some[1], traced], store)
    assert not list(store.root.glob("*.jsonl"))


def test_a_sweep_counts_the_probes_that_are_never_asked(some, store):
    model = tiny_model("llama", torch.float32)
    facts = [replace(fact, dropped_locality=number) for number, fact in enumerate(some[:2])]
    measured, _ = ask(model, facts, store)
    assert measured.dropped_locality == dropped_locality(facts) >= 1
    unknown, stored = ask(model, [facts[0], replace(facts[1], dropped_locality=None)], store)
    assert stored.from_store and unknown.dropped_locality is None  # the same cells, of facts without a count


@pytest.mark.parametrize("after", [1, 2])  # of two cells
def test_a_text_that_changes_meanwhile_ends_the_sweep_and_hides_nothing(some, store, tmp_path, after):
    """The cells' second moments are not what this is about: they are measured without one."""
    model = tiny_model("llama", torch.float32)
    text = tmp_path / "text.txt"
    text.write_text("Rome is a city.")

    def elsewhere(model, facts, layers, editor, settings, done, **how):
        without = replace(settings, covariance="identity")
        for number, cell in enumerate(sweep_cells(model, facts, layers, editor, without, done, **how), start=1):
            yield cell
            if number == after:
                text.write_text("Rome is another city.")

    settings = replace(SETTINGS, covariance=f"file:{text}")
    asked = (model, "world", some[:2], (1,), "r-rome", settings, store, elsewhere)
    run = sweep_run(model.identity, "r-rome", settings, store)
    if after == 2:
        measured, stored = sweep(*asked)
        assert measured.complete and (stored.rows, stored.reused) == (2, 0)
    else:
        with pytest.raises(LgaError, match="has changed since this work began"):
            sweep(*asked)
    assert len(run.rows(SweepCell)) == after  # none of another text
    assert finished_sweep(model.identity, "world", some[:2], (1,), "r-rome", settings, store)[1].rows == 0


def stop_at_cells(step):
    if step.phase is Phase.SWEEP and step.done:
        raise Cancelled


def test_a_stopped_sweep_keeps_its_batches_and_goes_on(some, store):
    model = tiny_model("llama", torch.float32)
    whole, stored = ask(model, some, Store(store.root / "other"))
    assert (whole.complete, stored.complete, stored.rows, stored.reused) == (True, True, 12, 0)
    report = Collect(stop_at_cells)
    with pytest.raises(Cancelled):
        ask(model, some, store, report=report)
    finished = report.steps[-1].done
    part, stored = finished_sweep(model.identity, "world", some, LAYERS, "r-rome", SETTINGS, store)
    assert (stored.complete, stored.rows) == (False, finished)
    assert (part.measured == 1).sum() == finished
    again, stored = ask(model, some, store)
    assert (stored.complete, stored.rows, stored.reused) == (True, 12, finished)
    for name in METRICS:
        assert again.after[name].tolist() == whole.after[name].tolist()


def test_parts_orders_and_other_sets_share_cells(some, store):
    model = tiny_model("llama", torch.float32)
    first, _stored = ask(model, some, store)
    asked = []
    other = [replace(fact, record=50 + fact.record) for fact in some[:0:-1]]
    swept, stored = sweep(
        model,
        "mine",
        other,
        (2, 0),
        "r-rome",
        SETTINGS,
        store,
        lambda *args, **how: (asked.append(args[-1]), sweep_cells(*args, **how))[1],
    )
    assert (stored.from_store, stored.provenance.facts) == (True, "mine")
    assert swept.records == tuple(fact.record for fact in other) and swept.layers == (0, 2), "in order"
    assert swept.overall.tolist() == first.overall[:0:-1][:, [0, 2]].tolist()
    assert not asked, "all was there"
    other_settings = replace(SETTINGS, ridge=0.5)
    _, stored = finished_sweep(model.identity, "world", some, LAYERS, "r-rome", other_settings, store)
    assert stored.rows == 0


def test_a_damaged_line_costs_its_cell_only(some, store):
    model = tiny_model("llama", torch.float32)
    ask(model, some, store)
    (file,) = store.root.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:5], lines[5][:40] + b"\n", *lines[6:]]))
    assert finished_sweep(model.identity, "world", some, LAYERS, "r-rome", SETTINGS, store)[1].rows == 11
    again, stored = ask(model, some, store)
    assert (again.complete, stored.reused) == (True, 11)


PROGRAM = """
import sys, torch
sys.path[:0] = [{root!r}, {tests!r}]
from conftest import tiny_model
from runs.experiments.test_sweeps import ask
from lga_core.data.facts import Probe
from lga_core.data.load import load_facts
from lga_core.runs.storage.store import Store


def report(step):
    done = step.done if step.phase == "Sweep" else 0
    print(done, flush=True)
    if done >= 100:  # it is killed before its end
        sys.stdin.read()


ask(tiny_model("llama", torch.float32), load_facts("world").facts[:40], Store({store!r}), (0, 1, 2, 3),
    report=report)
"""


OVERLAPPING = """
import sys, torch
sys.path[:0] = [{root!r}, {tests!r}]
from conftest import tiny_model
from runs.experiments.test_sweeps import ask
from lga_core.data.load import load_facts
from lga_core.runs.storage.store import Store
_, stored = ask(tiny_model("llama", torch.float32), load_facts("world").facts[:20], Store({store!r}), (0, 1, 2),
    report=lambda step: print(step.phase, step.done, flush=True))
print("computed", stored.rows - stored.reused, flush=True)
"""


def test_sweeps_that_overlap_compute_and_store_each_cell_once(store):
    """One in another process, two in threads of this one: other facts, other layers, all at once."""
    program = OVERLAPPING.format(root=str(ROOT), tests=str(ROOT / "tests"), store=str(store.root))
    facts, models = load_facts("world").facts, [tiny_model("llama", torch.float32) for _ in range(2)]
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    for line in other.stdout:  # it has cells left to compute
        if line.startswith("Sweep ") and not line.startswith("Sweep 0"):
            break
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(ask, models[0], facts[10:24], store, (1, 2, 3))]
        asked.append(threads.submit(ask, models[1], facts[8:22], store, (3, 0)))
        swept = [each.result() for each in asked]
    computed = int(other.stdout.read().split()[-1])
    other.stdout.close()
    assert other.wait() == 0
    assert all(sweep.complete and stored.complete for sweep, stored in swept)
    cells = {(fact, layer) for fact in range(20) for layer in (0, 1, 2)}
    cells |= {(fact, layer) for fact in range(10, 24) for layer in (1, 2, 3)}
    cells |= {(fact, layer) for fact in range(8, 22) for layer in (3, 0)}
    assert computed + sum(stored.rows - stored.reused for _, stored in swept) == len(cells)
    (file,) = store.root.glob("*.jsonl")
    assert len(file.read_bytes().splitlines()) == len(cells) == store.find(file.stem).notes.rows


def test_kill_9_in_mid_sweep_loses_the_running_batch_at_most(store):
    program = PROGRAM.format(root=str(ROOT), tests=str(ROOT / "tests"), store=str(store.root))
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    reported = 0
    for line in running.stdout:  # as finished, when it was killed
        reported = int(line)
        if reported >= 20:
            break
    time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    rest = [int(line) for line in running.stdout.read().split()]
    running.stdin.close()
    running.stdout.close()
    reported = max([reported, *rest])
    model, facts = tiny_model("llama", torch.float32), load_facts("world").facts[:40]
    (file,) = store.root.glob("*.jsonl")
    kept = sweep_run(model.identity, "r-rome", SETTINGS, store).rows(SweepCell)
    assert len(kept) >= reported
    swept, stored = ask(model, facts, store, (0, 1, 2, 3))
    assert (swept.complete, stored.reused) == (True, len(kept))
    assert len(file.read_bytes().splitlines()) <= 160 + 1  # nothing that was kept was measured again
