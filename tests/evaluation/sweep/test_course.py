"""The course of a sweep: what is refused, left out, reported and timed, and what is left when it is cancelled."""

from time import perf_counter, sleep

import pytest
import torch
from conftest import tiny_model
from editing.writing import SETTINGS, VALUE
from evaluation.sweep.sweeping import FINE_TUNING, LAYERS, by_place
from reporting import Collect, assert_nothing_open, cancel_at, checked
from trying import trial_edit
from weights import weights_hash

from lga_core.errors import LgaError
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Cancelled, Phase


def test_what_is_done_is_not_done_again(some):
    model = tiny_model("llama", torch.float32)
    done = {(some[0].record, 0), (some[0].record, 1), (some[1].record, 1)}
    report = Collect()
    cells = by_place(sweep_cells(model, some[:3], (0, 1), "r-rome", SETTINGS, done, report=report))
    assert cells.keys() == {(fact.record, layer) for fact in some[:3] for layer in (0, 1)} - done
    steps = [step for step in report.steps if step.phase is Phase.SWEEP]  # not the second moments' own
    assert (steps[0].done, steps[0].total, steps[-1].done) == (3, 6, 6)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    everything = {(fact.record, layer) for fact in some for layer in (0, 1)}
    assert list(sweep_cells(model, some, (0, 1), "r-rome", SETTINGS, everything)) == []


def test_it_reports_every_step_of_a_search_and_every_batch_of_probes(some):
    model = tiny_model("llama", torch.float32)
    report = Collect()
    list(sweep_cells(model, some[:2], (1,), "r-rome", SETTINGS, report=report))
    details = [step.detail for step in report.steps if step.phase is Phase.SWEEP]
    assert list(dict.fromkeys(details)) == [
        "preparing the probes",
        "probes before the edits",
        "layer 1: v*",
        "layer 1: probes",
        "layer 1",
    ]
    assert details.count("layer 1: v*") > VALUE.steps
    assert any(step.phase is Phase.SECOND_MOMENTS for step in report.steps)


def test_a_sweep_leaves_the_model_as_it_was_even_when_it_is_cancelled(some):
    model = tiny_model("gpt2", torch.float32)
    before = weights_hash(model.model)
    with pytest.raises(Cancelled):
        list(checked(sweep_cells(model, some, LAYERS, "r-rome", SETTINGS, report=cancel_at(12, Phase.SWEEP))))
    assert_nothing_open("after it was cancelled")
    assert weights_hash(model.model) == before


def test_it_begins_with_what_cannot_be_swept(some):
    model = tiny_model("llama", torch.float32)
    with pytest.raises(LgaError, match="has no layer 9"):
        list(sweep_cells(model, some, (0, 9), "r-rome", SETTINGS))
    with pytest.raises(LgaError, match="no editor 'rime'"):
        list(sweep_cells(model, some, (0,), "rime", SETTINGS))


@pytest.mark.parametrize(
    "work",
    [
        lambda model, facts, report: sweep_cells(model, facts, LAYERS, "r-rome", SETTINGS, report=report),
        lambda model, facts, report: sweep_cells(model, facts[:1], (0,), "ft-m", FINE_TUNING, report=report),
        lambda model, facts, report: [
            trial_edit(model, facts[0], (1,), "r-rome", SETTINGS, diagnose=False, report=report)
        ],
    ],
    ids=["sweep", "sweep, one fact at a time", "trial"],
)
def test_seconds_leave_out_what_others_compute_while_the_reporter_waits(work, some):
    model = tiny_model("llama", torch.float32)
    prefixes(model, SETTINGS.contexts, SETTINGS.seed)  # sampled before: no cell's seconds hold them
    waited = []

    def wait(_step):
        begin = perf_counter()
        sleep(0.1)  # in which another job has its turn
        waited.append(perf_counter() - begin)

    begin = perf_counter()
    measured = list(work(model, some[:2], Collect(wait)))
    whole = perf_counter() - begin
    assert len(waited) > 5
    assert 0 < sum(item.cost.seconds for item in measured) <= whole - sum(waited)
