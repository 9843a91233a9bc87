"""Runs over facts of which a model cannot be asked some, or any: what is stored, shown and refused."""

from dataclasses import replace

import pytest
from conftest import forwards
from few_positions import TOO_LONG, UNREADABLE, askable_facts, few_positions, refused_facts, unreadable_facts

from lga_core.errors import LgaError
from lga_core.runs import reading, tasks
from lga_core.runs.experiments.average_traces import average_trace
from lga_core.runs.replay.replay import replay
from lga_core.runs.storage.store import Store
from lga_core.scores.methods import View
from lga_core.scores.settings import CmaSettings, GradientSettings
from lga_core.scores.tracing.average import NOT_KNOWN

TRACED = CmaSettings(draws=1)
LISTED = [f"cannot be asked: {TOO_LONG}", f"cannot be asked: {UNREADABLE}"]


@pytest.fixture(scope="module")
def model():
    return few_positions()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def mixed():
    """Askable and unreadable facts in turn: the records 1 and 3 cannot be asked."""
    unread = [fact for some in unreadable_facts().values() for fact in some]
    return sorted([*askable_facts(), *unread], key=lambda fact: fact.record)


def measured(model, facts, store):
    return tasks.measure(model, "mixed", facts, "gradients", GradientSettings(), store)


def test_a_measurement_is_stored_with_the_reasons_and_read_again(model, mixed, store):
    rows, stored = measured(model, mixed, store)
    assert [row.record for row in rows] == [0, 1, 2, 3, 4] and stored.complete
    assert [rows[1].status, rows[3].status] == LISTED
    assert all(rows[i].used for i in (0, 2, 4))
    with forwards(model) as passes:
        again, answered = measured(model, mixed, store)
    assert not passes and answered.from_store and [row.status for row in again] == [row.status for row in rows]
    checks = reading.stored_known_facts(model.identity, mixed, store)
    assert [checks[record].problem for record in (0, 1, 3)] == [None, TOO_LONG, UNREADABLE]
    report = replay(model, store.find(stored.provenance.key))
    assert report.equal and report.rows == 5


@pytest.mark.parametrize("method", ["lga", "cma", "middle"])
def test_scores_list_the_refused_facts_and_an_all_refused_set_is_one_error(model, mixed, store, method):
    settings = TRACED if method == "cma" else None
    scores, _ = tasks.score_layers(model, "mixed", mixed, method, settings, View(bootstrap=0), store)
    assert [scores.rows[1].status, scores.rows[3].status] == LISTED
    refused = [fact for some in refused_facts(model).values() for fact in some]
    with pytest.raises(LgaError, match=f"few-positions cannot be asked about any of these 8 facts: {TOO_LONG}, the"):
        tasks.score_layers(model, "refused", refused, method, settings, View(), store)


def test_one_fact_alone_is_refused_with_the_reason(model, mixed, store):
    for ask in (
        lambda: tasks.trace_fact(model, "mixed", mixed[1], "mlp", TRACED, mixed, store),
        lambda: tasks.attribute_fact(model, "mixed", mixed[1], 2, "data", store),
    ):
        with pytest.raises(LgaError, match=f"few-positions cannot be asked about record 1: {TOO_LONG}"):
            ask()


def test_traces_and_their_average_take_the_other_facts(model, mixed, store):
    facts = [replace(fact, target_old=()) for fact in mixed]  # none is unknown: the model's own token is traced
    mean, origins = average_trace(model, "mixed", facts, "mlp", TRACED, facts, store)
    assert mean.records == (0, 2, 4) and len(origins) == 3
    assert mean.left_out == {LISTED[0]: (1,), LISTED[1]: (3,)} and NOT_KNOWN not in mean.left_out
    alone, _ = tasks.trace_fact(model, "askable", facts[0], "mlp", TRACED, [facts[i] for i in (0, 2, 4)], store)
    among, _ = tasks.trace_fact(model, "mixed", facts[0], "mlp", TRACED, facts, store)
    assert alone.noise == among.noise


def test_known_facts_are_chosen_past_those_that_cannot_be_asked(model, mixed, store):
    checks = {check.record: check for check in tasks.known_fact_checks(model, mixed, store)}
    known = replace(mixed[2], record=9, target_old=(checks[2].greedy,))
    assert tasks.choose_known(model, [mixed[1], mixed[3], known], 1, store) in ((known,), ())
    assert tasks.choose_known(model, [mixed[1], mixed[3]], 1, store) == ()
