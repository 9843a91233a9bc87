"""A set's facts traced one by one and averaged, on a real tiny model: who is traced, resume, cancel, sharing."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from conftest import forwards, tiny_model
from pydantic import TypeAdapter
from reporting import Collect, cancel_at

from lga_core.errors import LgaError
from lga_core.progress import Cancelled, Phase
from lga_core.runs import reading, tasks
from lga_core.runs.experiments.average_traces import average_trace
from lga_core.runs.storage.store import Store
from lga_core.scores.methods import View
from lga_core.scores.settings import CmaSettings
from lga_core.scores.tracing.average import NOT_KNOWN, average_traces

SETTINGS = CmaSettings(draws=2)


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def usable(facts):
    """The facts without an old answer but the second one, whose old answer the random model does not give."""
    return tuple(fact if fact.record == 1 else replace(fact, target_old=()) for fact in facts)


def averaged(model, facts, store, **options):
    return average_trace(model, "small", facts, "mlp", SETTINGS, facts, store, **options)


def test_known_facts_are_traced_as_single_ones_and_averaged(model, usable, store):
    single, _ = tasks.trace_fact(model, "small", usable[2], "mlp", SETTINGS, usable, store)
    average, origins = averaged(model, usable, store)
    assert average.records == (0, 2, 3, 4) == average.own_answers and average.left_out == {NOT_KNOWN: (1,)}
    assert [stored.from_store for stored in origins] == [False, True, False, False]
    assert average.noise == single.noise and average.kind == "mlp" and "only 4" in average.caution
    finished = reading.finished_traces(model.identity, "small", usable, "mlp", SETTINGS, usable, store)
    traces = [trace for trace, _stored in finished]
    assert [stored.provenance.key for _trace, stored in finished] == [stored.provenance.key for stored in origins]
    assert [trace.record for trace in traces] == [0, 2, 3, 4] and traces[1].to_json() == single.to_json()
    first_tokens = np.mean([trace.effect[trace.subject[0]] for trace in traces], axis=0)
    np.testing.assert_allclose(average.effect[0], first_tokens, rtol=1e-12)
    with forwards(model) as passes:
        again, origins = averaged(model, usable, store)
    assert passes == [] and all(stored.from_store for stored in origins) and again.to_json() == average.to_json()


@pytest.mark.parametrize("finished", [1, 3])
def test_a_stopped_average_keeps_its_traces_and_goes_on_with_the_rest(model, usable, store, tmp_path, finished):
    whole, _ = averaged(model, usable, Store(tmp_path / "at once"))

    def stop(step):
        if step.phase is Phase.CMA_MLP and step.done == finished:
            raise Cancelled

    with pytest.raises(Cancelled):
        averaged(model, usable, store, report=Collect(stop))
    kept = reading.finished_traces(model.identity, "small", usable, "mlp", SETTINGS, usable, store)
    assert len(kept) == finished
    report = Collect()
    average, origins = averaged(model, usable, store, report=report)
    assert [stored.from_store for stored in origins] == [number < finished for number in range(4)]
    np.testing.assert_allclose(average.effect, whole.effect, rtol=1e-4, atol=1e-7)
    steps = [step for step in report.steps if step.phase is Phase.CMA_MLP]
    assert {(step.total, step.counted) for step in steps} == {(4, "fact")} and steps[-1].done == 4
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert any(step.detail.startswith("state ") for step in steps)


def test_stopped_inside_of_a_fact_it_has_none_of_that_fact(model, usable, store):
    with pytest.raises(Cancelled):
        averaged(model, usable, store, report=cancel_at(3, Phase.CMA_MLP))
    assert reading.finished_traces(model.identity, "small", usable, "mlp", SETTINGS, usable, store) == []
    assert model.lock.acquire(blocking=False)
    model.lock.release()


def test_its_last_subject_token_is_the_score_that_cma_picks_by(model, usable, store):
    average, _ = averaged(model, usable, store)
    scores, _ = tasks.score_layers(model, "small", usable, "cma-mlp", SETTINGS, View(), store)
    assert scores.n_facts == 4
    np.testing.assert_allclose(average.effect[2], scores.total, rtol=1e-4, atol=1e-7)


def test_what_is_stored_is_read_again_without_preparing_anew_how_to_read(model, usable, store, monkeypatch):
    """Pages read it every few seconds while it grows."""
    averaged(model, usable, store)
    read = partial(reading.finished_traces, model.identity, "small", usable, "mlp", SETTINGS, usable, store)
    first, prepared, prepare = read(), [], TypeAdapter.__init__

    def count(adapter, *asked, **options):
        prepared.append(asked)
        prepare(adapter, *asked, **options)

    monkeypatch.setattr(TypeAdapter, "__init__", count)
    assert [trace.record for trace, _stored in read()] == [trace.record for trace, _stored in first]
    assert prepared == []


def test_where_the_model_knows_no_fact_there_is_no_average(model, facts, store):
    with pytest.raises(LgaError, match=f"{NOT_KNOWN}: 4"):
        averaged(model, facts[:4], store)


def test_the_noise_is_that_of_the_whole_set_whatever_part_is_averaged(model, usable, store):
    some, _ = average_trace(model, "small", usable[2:], "mlp", SETTINGS, usable, store)
    everything, origins = averaged(model, usable, store)
    assert some.noise == everything.noise and [stored.from_store for stored in origins] == [False, True, True, True]
    finished = reading.finished_traces(model.identity, "small", usable[2:], "mlp", SETTINGS, usable, store)
    assert average_traces([trace for trace, _stored in finished]).records == (2, 3, 4)
