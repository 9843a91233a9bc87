"""Rows in the facts' order, batch by batch; progress inside of a fact; and seconds without the reporter's."""

from types import SimpleNamespace

from conftest import make_fact
from reporting import Collect

from lga_core.progress import Phase, Progress
from lga_core.results import FactRow
from lga_core.scores import steps


def row_of(record):
    return FactRow(record=record, status="used", old_answer=None, old_source=None, known=None, values={})


def test_a_batch_runs_when_its_first_fact_is_due_and_rows_keep_their_order():
    facts = [SimpleNamespace(fact=make_fact(record, "Paris is in", "Paris", "Rome", None)) for record in range(4)]
    prepared = [facts[0], row_of(8), facts[1], facts[2], facts[3]]
    batches = []

    def measure(batch, rows_before):
        batches.append(([item.fact.record for item in batch], rows_before))
        return [row_of(item.fact.record) for item in batch]

    rows = steps.rows_in_order(prepared, [[facts[3], facts[1]], [facts[0]], [facts[2]]], measure)
    assert next(rows).record == 0 and batches == [([0], 0)]
    assert [row.record for row in rows] == [8, 1, 2, 3]
    assert batches == [([0], 0), ([3, 1], 2), ([2], 3)]


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
