"""Rows in the facts' order, batch by batch; progress inside of a fact; and seconds without the reporter's."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import make_fact, tiny_model
from reporting import Collect

from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Phase, Progress, silent
from lga_core.results import FactRow
from lga_core.scores import steps
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import MEASUREMENTS


def row_of(record):
    return FactRow(record=record, status="used", old_answer=None, old_source=None, known=None, values={})


def test_a_batch_runs_when_its_first_fact_is_due_and_rows_keep_their_order():
    facts = [SimpleNamespace(fact=make_fact(record, "Paris is in", "Paris", "Rome", None)) for record in range(4)]
    prepared = [facts[0], row_of(8), facts[1], facts[2], facts[3]]
    batches = []

    def measure(batch):
        batches.append([item.fact.record for item in batch])
        return [row_of(item.fact.record) for item in batch]

    planned = [[facts[3], facts[1]], [facts[0]], [facts[2]]]
    rows = steps.rows_in_batches(prepared, planned, measure, len, Phase.LGA, 0, 5, silent)
    assert next(rows).record == 0 and batches == [[0]]
    assert [row.record for row in rows] == [8, 1, 2, 3]
    assert batches == [[0], [3, 1], [2]]


def test_a_step_inside_of_a_fact_keeps_the_count_of_facts():
    report = Collect()
    steps.inside(report, Phase.LGA, 3, 8)(Progress(phase=Phase.CMA_MLP, done=1, total=30, detail="layer 0"))
    assert report.steps == [Progress(phase=Phase.LGA, done=3, total=8, detail="layer 0")]


def test_the_stopwatch_leaves_out_what_the_reporter_takes(monkeypatch):
    now = [100.0]

    def wait(_step):
        now[0] += 50.0

    monkeypatch.setattr(steps, "perf_counter", lambda: now[0])
    watch = steps.Stopwatch(wait)
    now[0] += 2.0
    watch.report(Progress(phase=Phase.LGA, done=0, total=1))
    now[0] += 1.0
    assert watch.seconds == 3.0


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_fact_whose_numbers_overflow_is_not_used_and_spoils_no_other(name, facts):
    model = tiny_model("llama")
    chosen = MEASUREMENTS[name]
    quick = {"draws": 1, "steps": 2, "covariance": "identity"}
    settings = chosen.settings(**{key: quick[key] for key in quick if hasattr(chosen.settings(), key)})
    facts = facts[:4]
    checks = [replace(check, known=True) for check in check_known_facts(model, facts)]
    whole = list(chosen.rows(model, facts, checks, settings))
    model.model.lm_head.weight = torch.nn.Parameter(model.model.lm_head.weight.clone(), requires_grad=False)
    elsewhere = {token for fact in facts if fact.record != 1 for token in prompt_row(model.asking, fact.prompt).ids}
    *_, broken = (token for token in prompt_row(model.asking, facts[1].prompt).ids if token not in elsewhere)
    model.architecture.embedding.weight[broken] = torch.inf
    rows = list(chosen.rows(model, facts, checks, settings))
    assert [row.used for row in rows] == [True, False, True, True] and rows[1].values == {}
    assert rows[1].status.endswith("are not finite: an overflow in float64") and rows[1].cost.forward_rows > 0
    for row, other in zip(rows, whole, strict=True):
        for key, value in row.values.items():
            np.testing.assert_allclose(value, other.values[key], rtol=1e-6, atol=1e-12, err_msg=key)
