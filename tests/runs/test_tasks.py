"""The engine joined with the store, on a real tiny model: resume, answers from the store, content keys."""

from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch
from conftest import forwards, make_fact, tiny_model
from reporting import Collect, cancel_at

from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.progress import Cancelled, Phase, silent
from lga_core.results import FactRow, KnownFactCheck
from lga_core.runs import reading, tasks
from lga_core.runs.claims import claimed
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.keys import attribution_run, known_facts_run, trace_run, trial_run
from lga_core.runs.storage.provenance import provenance
from lga_core.runs.storage.store import Store
from lga_core.scores.gradients import lga
from lga_core.scores.methods import MEASUREMENTS, METHODS, View
from lga_core.scores.settings import CmaSettings, GradientSettings
from lga_core.scores.tracing.cma import noise_level


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """What editors keep per model stays out of the user's cache folder."""
    monkeypatch.setenv("LGA_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def gradients(model, facts, store, **options):
    return tasks.measure(model, "small", facts, "gradients", GradientSettings(), store, **options)


def stored_gradients(model, facts, store):
    return reading.finished_rows(model.identity, "small", facts, "gradients", GradientSettings(), store)


def stop_after(finished, error=Cancelled):
    """A reporter that ends the measurement when so many facts are measured."""

    def look(step):
        if step.phase is Phase.LGA and step.done == finished:
            raise error

    return Collect(look)


def same(a: FactRow, b: FactRow) -> bool:
    if replace(a, values={}, cost=None) != replace(b, values={}, cost=None) or a.values.keys() != b.values.keys():
        return False
    return all(np.allclose(a.values[name], b.values[name], rtol=1e-4, atol=1e-7, equal_nan=True) for name in a.values)


def test_a_measurement_is_computed_once_and_then_answered_from_the_store(model, facts, store):
    rows, stored = gradients(model, facts, store)
    assert [row.record for row in rows] == [0, 1, 2, 3, 4]
    assert stored.complete and stored.rows == 5 and not stored.from_store
    with forwards(model) as run:
        again, answer = gradients(model, facts, Store(store.root))
    assert run == [] and answer.from_store and answer.provenance == stored.provenance
    assert all(same(a, b) and a.cost == b.cost for a, b in zip(rows, again, strict=True))


def test_a_run_that_is_deleted_while_it_is_measured_is_whole_in_the_end(model, facts, store):
    def delete(step):
        if step.phase is Phase.LGA and step.done == 2 and deleted.held is None:
            deleted.delete(stored_gradients(model, facts, store)[1].provenance.key)

    deleted = RunBin(store)
    gradients(model, facts, store, report=Collect(delete))
    rows, stored = stored_gradients(model, facts, store)
    assert deleted.held == stored.provenance.key and stored.complete and len(rows) == 5


@pytest.mark.parametrize("finished", [0, 1, 3])
def test_a_stopped_measurement_keeps_its_rows_and_goes_on_with_the_rest(
    model, facts, store, tmp_path, monkeypatch, finished
):
    monkeypatch.setattr(lga, "BATCH_TOKENS", 1)
    whole, _ = gradients(model, facts, Store(tmp_path / "other"))
    with pytest.raises(Cancelled):
        gradients(model, facts, store, report=stop_after(finished))
    kept, stored = stored_gradients(model, facts, store)
    assert len(kept) == finished and not stored.complete
    report = Collect()
    rows, stored = gradients(model, facts, store, report=report)
    shown = [step for step in report.steps if step.phase is Phase.LGA]
    assert (shown[0].done, shown[-1].done, shown[-1].total) == (finished, 5, 5)
    assert stored.complete and stored.reused == finished and not stored.from_store
    assert all(same(a, b) for a, b in zip(rows, whole, strict=True))


def test_the_same_facts_under_other_record_numbers_are_the_same_question(model, facts, store):
    gradients(model, facts, store)
    moved = tuple(replace(fact, record=fact.record + 40) for fact in facts)
    rows, stored = gradients(model, moved, store)
    assert stored.from_store and [row.record for row in rows] == [40, 41, 42, 43, 44]


def test_a_fact_is_checked_once_whatever_the_set(model, facts, store):
    first = tasks.known_fact_checks(model, facts[:3], store)
    with forwards(model) as run:
        again = tasks.known_fact_checks(model, facts[2::-1], store)
    assert run == [] and again == first[::-1]
    assert list(reading.stored_known_facts(model.identity, facts[::-1], store)) == [2, 1, 0]
    assert [check.record for check in tasks.known_fact_checks(model, facts, store)] == [0, 1, 2, 3, 4]


def test_known_facts_are_chosen_in_order_and_no_more_are_asked_than_needed(model, store):
    prompts = [f"The city number {number} is in" for number in range(40)]
    candidates = [make_fact(record, prompt, "city", "Rome", None) for record, prompt in enumerate(prompts)]
    own = [check.greedy for check in tasks.known_fact_checks(model, candidates, store)]
    taught = tuple(
        replace(fact, target_old=(own[i] if i % 2 and own[i] else "Boston",)) for i, fact in enumerate(candidates)
    )
    knows = [check.record for check in tasks.known_fact_checks(model, taught[:16], store) if check.known]
    assert len(knows) >= 3
    fresh, report = Store(store.root / "fresh"), Collect()
    assert reading.choose_known(model.identity, taught, 3, fresh) is None
    chosen = tasks.choose_known(model, taught, 3, fresh, report=report)
    assert [fact.record for fact in chosen] == knows[:3]
    assert {(step.phase, step.total) for step in report.steps} == {(Phase.KNOWN_FACTS, 3)}
    assert reading.choose_known(model.identity, taught, 3, fresh) == chosen
    assert reading.choose_known(model.identity, taught[:16], 100, fresh) == tuple(taught[i] for i in knows)
    assert len(known_facts_run(model.identity, fresh).rows(KnownFactCheck)) == tasks.CANDIDATES_AT_ONCE
    assert len(tasks.choose_known(model, taught[:16], 100, fresh)) == len(knows)


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_scores_every_layer(model, facts, store, method):
    scores, stored = tasks.score_layers(model, "small", facts, method, None, View(bootstrap=10), store)
    assert scores.method == method and scores.layers == model.layers and len(scores.rows) == len(facts)
    assert (stored is None) == (METHODS[method].measurement is None)
    if stored:
        _, again = tasks.score_layers(model, "small", facts, method, None, View(bootstrap=10), store)
        assert again.from_store


def test_unknown_names_are_refused_with_the_names_there_are(model, facts, store):
    with pytest.raises(LgaError, match="lga, cma-mlp"):
        tasks.score_layers(model, "small", facts, "best", None, View(), store)
    with pytest.raises(LgaError, match="r-rome"):
        tasks.trial(model, "small", facts[0], [0], "magic", None, store)
    with pytest.raises(LgaError, match="0 to 3"):
        tasks.trial(model, "small", facts[0], [4], "rome", None, store)


def test_traces_attributions_and_trials_come_back_whole(model, facts, store):
    settings = CmaSettings(draws=2)
    questions = [
        (tasks.trace_fact, trace_run, (facts[0], "mlp", settings, facts), {}),
        (tasks.attribute_fact, attribution_run, (facts[0], 3, "data"), {}),
        (tasks.trial, trial_run, (facts[0], [2, 1], "r-rome", None), {"diagnose": True}),
    ]
    for ask, run_of, asked, how in questions:
        run = run_of(model.identity, "small", *asked, store, **how)
        assert run.stamp is None
        computed, first = ask(model, "small", *asked, store)
        with forwards(model) as passes:
            kept, second = ask(model, "small", *asked, store)
            run = run_of(model.identity, "small", *asked, store, **how)  # as it was written, with its own time
            stored, third = reading.stored_answer(run, type(computed), facts[0])
        assert passes == [] and second.from_store and third == second and not first.from_store
        assert kept.to_json() == stored.to_json() == computed.to_json()
    assert kept.layers == (1, 2)


def test_the_noise_of_a_trace_is_that_of_the_facts_it_is_measured_over(model, facts, store):
    settings = CmaSettings(draws=2)
    one, all_of_them = (
        tasks.trace_fact(model, "small", facts[0], "mlp", settings, some, store) for some in (facts[:1], facts)
    )
    assert one[1].provenance.key != all_of_them[1].provenance.key
    assert one[0].noise == pytest.approx(3 * noise_level(model, facts[:1]))
    assert all_of_them[0].noise == pytest.approx(3 * noise_level(model, facts))


def test_a_stopped_trial_keeps_its_stages_and_goes_on_from_there(model, facts, store, tmp_path):
    whole, _ = tasks.trial(model, "small", facts[0], [1], "r-rome", None, Store(tmp_path / "at once"))
    other = replace(model)  # remembers no answers of the unedited model
    shown = []
    with pytest.raises(Cancelled):
        tasks.trial(
            other,
            "small",
            facts[0],
            [1],
            "r-rome",
            None,
            store,
            show=shown.append,
            report=cancel_at(1, Phase.DRIFT),
        )
    unedited, *stages = shown
    assert [stage.missing for stage in stages] == [("texts", "side effects"), ("side effects",)]
    forced, free = (stage.report for stage in stages)
    assert unedited.metrics == forced.before
    assert all(probe.free_after is None and not probe.text_after for probe in forced.probes)
    assert forced.after["rewrite"].teacher_forced == whole.after["rewrite"].teacher_forced
    assert forced.after["rewrite"].free is None and forced.target_nll == pytest.approx(whole.target_nll, abs=1e-5)
    assert free.probes == whole.probes and free.after == whole.after and free.diagnostics is None

    again = []
    steps = Collect()
    ended, stored = tasks.trial(other, "small", facts[0], [1], "r-rome", None, store, show=again.append, report=steps)
    assert again == stages[1:] and stored.complete
    assert Phase.DRIFT in {step.phase for step in steps.steps}
    assert Phase.PROBES not in {step.phase for step in steps.steps}
    assert replace(ended, cost=whole.cost).to_json() == whole.to_json()


def test_a_trial_at_another_layer_or_by_another_editor_is_another_question(model, facts, store):
    keys = {
        tasks.trial(model, "small", facts[0], layers, editor, None, store)[1].provenance.key
        for layers, editor in (([1], "r-rome"), ([2], "r-rome"), ([1], "rome"))
    }
    assert len(keys) == 3


SETTINGS = {
    **{name: item.settings for name, item in MEASUREMENTS.items()},
    **{name: item.settings for name, item in EDITORS.items()},
}


def question(model, facts, **changed):
    asked = {"method": "gradients", "version": 1, "settings": GradientSettings(), **changed}
    return provenance(model.identity, "small", facts, **asked).key


@pytest.mark.parametrize(
    ("name", "field"), [(name, field.name) for name in SETTINGS for field in fields(SETTINGS[name])]
)
def test_the_key_differs_with_every_setting(model, facts, name, field):
    default = SETTINGS[name]()
    assert question(model, facts, settings=default) == question(model, facts, settings=asdict(default))
    changed = {**asdict(default), field: "something else"}
    assert question(model, facts, settings=changed) != question(model, facts, settings=default)


def test_the_key_holds_numbers_to_the_last_digit(model, facts):
    keys = {question(model, facts, settings=CmaSettings(noise=noise)) for noise in (3.0, 3.0000000000000004)}
    assert len(keys) == 2


def test_the_key_differs_with_model_dtype_method_version_and_the_facts_in_their_order(model, facts):
    other = replace(model, fingerprint="other")
    bfloat16 = replace(tiny_model("llama", torch.bfloat16), fingerprint=model.fingerprint)
    keys = [
        question(model, facts),
        question(other, facts),
        question(bfloat16, facts),
        question(model, facts, version=2),
        question(model, facts, method="ig"),
        question(model, facts[::-1]),
        question(model, facts[:4]),
    ]
    assert len(set(keys)) == len(keys)


def test_names_and_record_numbers_do_not_matter_to_the_key(model, facts):
    renamed = replace(model, name="by another name")
    moved = tuple(replace(fact, record=fact.record + 7) for fact in facts)
    assert question(renamed, moved) == question(model, facts)


class StopScript(BaseException):
    pass


@pytest.mark.parametrize("stop_at", range(1, 6))
def test_whatever_ends_it_at_any_row_the_model_is_free_and_the_rows_are_kept(model, facts, store, stop_at):
    with pytest.raises(StopScript):
        gradients(model, facts, store, report=stop_after(stop_at, StopScript))
    assert model.lock.acquire(blocking=False)
    model.lock.release()
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.model.modules())
    assert len(stored_gradients(model, facts, store)[0]) == stop_at
    assert gradients(model, facts, store)[1].reused == stop_at


def test_who_chooses_known_facts_says_that_it_waits_for_those_who_check_them(model, facts, store):
    told = []

    def report(step):
        told.append(step.phase)
        raise Cancelled("enough")

    checked_elsewhere = claimed(known_facts_run(model.identity, store), [fact.fingerprint for fact in facts], silent)
    with checked_elsewhere, pytest.raises(Cancelled):
        tasks.choose_known(model, facts, 2, store, report=report)
    assert told == [Phase.ELSEWHERE]
