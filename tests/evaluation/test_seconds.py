"""The seconds of an experiment are its own: while a reporter lets other jobs compute, none are counted."""

import pytest
import torch
from conftest import tiny_model
from reporting import Collect

from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.evaluation.experiments import ledger_report, many_edits, playground
from lga_core.evaluation.settings import ManyEditsSettings, PlaygroundSettings
from lga_core.results import EditCheckpoint
from lga_core.scores import steps

QUICK = RRomeSettings(value=ValueSettings(steps=2), contexts=0, covariance="identity")
OTHERS = 1e6  # seconds of other jobs at every report; each look at the clock takes one


def reported(model, facts, report):
    ledger = extend(model, Ledger(), facts[:2], "r-rome", [1], QUICK, "sequential")
    return [ledger_report.ledger_report(model, ledger, report=report).cost]


def played(model, facts, report):
    return [playground.compare_texts(model, facts[0].prompt, (), PlaygroundSettings(length=3), report=report).cost]


def written(model, facts, report):
    how = ManyEditsSettings(every=1)
    items = many_edits.many_edits(model, facts[:2], "r-rome", (1,), QUICK, how, report=report)
    rows = [item for item in items if isinstance(item, EditCheckpoint) and item.edits]
    return [cost for row in rows for cost in (row.edit_cost, row.cost)]


def written_and_stored(model, facts, report):
    """As `written`, by one who takes long to store what comes."""
    how = ManyEditsSettings(every=1)
    costs = []
    for item in many_edits.many_edits(model, facts[:2], "r-rome", (1,), QUICK, how, report=report):
        report.look(item)
        if isinstance(item, EditCheckpoint) and item.edits:
            costs += [item.edit_cost, item.cost]
    return costs


@pytest.mark.parametrize(
    ("module", "run"),
    [(ledger_report, reported), (playground, played), (many_edits, written), (many_edits, written_and_stored)],
    ids=lambda it: it.__name__,
)
def test_what_other_jobs_take_meanwhile_is_not_counted(module, run, facts, monkeypatch):
    now = [0.0]

    def read():
        now[0] += 1.0
        return now[0]

    def others(_step):
        now[0] += OTHERS

    monkeypatch.setattr(steps, "perf_counter", read)
    monkeypatch.setattr(module, "perf_counter", read, raising=False)  # where it has a clock of its own
    report = Collect(others)
    costs = run(tiny_model("llama", torch.float32), facts, report)
    assert report.steps and all(0 < cost.seconds < OTHERS for cost in costs)
