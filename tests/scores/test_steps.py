"""Rows batch by batch; progress inside of a fact; and seconds without the reporter's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import tiny_model
from reporting import Collect
from scores.ordering import in_order

from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Cancelled, Phase, Progress, silent
from lga_core.results import FactRow
from lga_core.scores import steps
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import MEASUREMENTS


def row_of(record):
    return FactRow(record=record, status="used", old_answer=None, old_source=None, known=None, values={})


def rows_of(measure, batches, unmeasured=(), report=silent):
    prepared = [*unmeasured, *(record for batch in batches for record in batch)]
    return steps.rows_in_batches(prepared, batches, measure, len, Phase.LGA, 0, len(prepared), report)


def test_rows_are_handed_out_batch_by_batch_and_first_those_that_are_not_measured():
    measured = []

    def measure(batch):
        measured.append(batch)
        return [row_of(record) for record in batch]

    rows = rows_of(measure, [[3, 1], [0], [2]], unmeasured=[row_of(8)])
    assert next(rows).record == 8 and measured == []
    assert next(rows).record == 3 and measured == [[3, 1]]
    assert [row.record for row in rows] == [1, 0, 2]
    assert measured == [[3, 1], [0], [2]]


def test_where_a_batch_fails_those_before_it_were_handed_out():
    def measure(batch):
        if len(batch) == 1:
            raise Cancelled
        return [row_of(record) for record in batch]

    given = []
    with pytest.raises(Cancelled):
        for row in rows_of(measure, [[0, 3, 5], [1, 4], [2]]):
            given.append(row.record)
    assert given == [0, 3, 5, 1, 4]


def test_a_batch_with_numbers_that_are_not_finite_is_handed_out_when_each_was_measured_alone():
    """Until then its rows say "not used" of facts that are."""
    measured = []

    def measure(batch):
        measured.append(batch)
        if measured == [[0, 3, 5], [0], [3]]:
            raise Cancelled
        return [replace(row_of(record), status="used" if len(batch) == 1 else "overflow") for record in batch]

    with pytest.raises(Cancelled):
        next(rows_of(measure, [[0, 3, 5], [1, 4]]))
    assert measured == [[0, 3, 5], [0], [3]]


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
    whole = in_order(chosen.rows(model, facts, checks, settings), facts)
    model.model.lm_head.weight = torch.nn.Parameter(model.model.lm_head.weight.clone(), requires_grad=False)
    elsewhere = {token for fact in facts if fact.record != 1 for token in prompt_row(model.asking, fact.prompt).ids}
    *_, broken = (token for token in prompt_row(model.asking, facts[1].prompt).ids if token not in elsewhere)
    model.architecture.embedding.weight[broken] = torch.inf
    rows = in_order(chosen.rows(model, facts, checks, settings), facts)
    assert [row.used for row in rows] == [True, False, True, True] and rows[1].values == {}
    assert rows[1].status.endswith("are not finite: an overflow in float64") and rows[1].cost.forward_rows > 0
    for row, other in zip(rows, whole, strict=True):
        for key, value in row.values.items():
            np.testing.assert_allclose(value, other.values[key], rtol=1e-6, atol=1e-12, err_msg=key)
