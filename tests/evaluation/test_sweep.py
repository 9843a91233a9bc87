"""The batched sweep against one trial at a time: the same v*, exactly the same token accuracies."""

from dataclasses import replace
from time import perf_counter, sleep

import numpy as np
import pytest
import torch
from conftest import tiny_model, value_of
from editing.writing import EXACT, SETTINGS, VALUE
from reporting import Collect, assert_nothing_open, cancel_at, checked
from trying import trial_edit
from weights import weights_hash

from lga_core.data.facts import Probe
from lga_core.data.load import load_facts
from lga_core.editing.search.contexts import SEARCH_TOKENS, Contexts, batches
from lga_core.editing.search.search import Search
from lga_core.editing.search.value import find_cases
from lga_core.editing.settings import FineTuningSettings
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.evaluation.experiments import layer_sweep, sweep_edits
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.settings import MetricSettings, SweepMetrics
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Cancelled, Phase
from lga_core.results import METRICS, Sweep, SweepCell
from lga_core.runs.experiments.sweeps import sweep as swept
from lga_core.runs.storage.store import Store

FINE_TUNING = FineTuningSettings(steps=3)
LAYERS = (0, 2, 3)


def settings_of(editor):
    return EXACT.get(editor, FINE_TUNING)


def by_place(cells):
    return {(cell.record, cell.layer): cell for cell in cells}


def found_at(layer, model, search, settings):
    """The values of all facts of a search at one layer."""
    cases = [(layer, fact) for fact in range(len(search.keys[layer]))]
    return find_cases(model, search, cases, settings, mean_start=True)


@pytest.fixture(scope="module")
def some():
    """Facts with every kind of probe, of several lengths."""
    return load_facts("world").facts[:5]


@pytest.mark.parametrize(
    ("editor", "family"),
    [
        *((editor, "llama") for editor in EDITORS),
        ("r-rome", "gpt2"),
        ("r-rome", "gemma3"),
        ("memit", "gemma3"),
        ("ft-m", "gpt2"),
    ],
)
def test_every_cell_is_what_a_trial_of_its_own_measures(editor, family, some):
    model = tiny_model(family, torch.float32)
    facts = some[:2]
    cells = by_place(checked(sweep_cells(model, facts, LAYERS, editor, settings_of(editor))))
    assert len(cells) == len(facts) * len(LAYERS)
    for fact in facts:
        for layer in LAYERS:
            report = trial_edit(model, fact, (layer,), editor, settings_of(editor), diagnose=False)
            cell = cells[fact.record, layer]
            for name in METRICS:
                assert cell.after[name] == report.after[name].teacher_forced
                assert cell.before[name] == report.before[name].teacher_forced
                assert cell.probes[name] == report.after[name].n
            assert cell.losses == pytest.approx(report.losses[0], rel=1e-4)
            assert cell.delta_norm == pytest.approx(report.delta_norms[0], rel=1e-4, abs=1e-6)
            assert cell.clamped == report.clamped[0]
            assert cell.nll["rewrite"] == pytest.approx(report.target_nll, rel=1e-4)
            assert (cell.target_error is None) == (report.target_errors[0] is None)


@pytest.mark.parametrize(("editor", "slack"), [("emmet", "lam"), ("memit", "m"), ("alphaedit", "l2")])
def test_a_cell_names_what_slack_holds_back_as_a_trial_does(editor, slack, some):
    model = tiny_model("llama", torch.float32)
    settings = replace(EXACT[editor], **{slack: None})
    for cell in checked(sweep_cells(model, some[:2], (2,), editor, settings)):
        report = trial_edit(model, some[cell.record], (2,), editor, settings, diagnose=False)
        assert cell.target_error == pytest.approx(report.target_errors[0], rel=1e-3) and cell.target_error > 1e-4


def test_a_cell_counts_the_rows_that_its_search_runs(facts):
    """A prompt that begins with its subject has no row for KL."""
    model = tiny_model("llama", torch.float32)
    told = replace(facts[0], prompt="Space Needle is in", subject="Space Needle", span=(0, 12), rephrases=())
    plain = replace(facts[0], record=1, rephrases=())
    (one, other) = by_place(sweep_cells(model, [told, plain], (0,), "r-rome", SETTINGS)).values()
    assert (one.cost.backward_rows, other.cost.backward_rows) == (
        3 * (len(one.losses) - 1),
        4 * (len(other.losses) - 1),
    )


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
@pytest.mark.parametrize("site", ["down", "block"])
def test_many_searches_in_one_find_what_each_finds_alone(family, site, some):
    model = tiny_model(family, torch.float32)
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], LAYERS, site)
    for layer in LAYERS:
        together = found_at(layer, model, search, VALUE)
        for fact, value in zip(some, together, strict=True):
            alone = value_of(model, fact, layer, VALUE, before, mean_start=True, site=site)
            torch.testing.assert_close(value.target, alone.target, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(value.keys, alone.keys, rtol=1e-4, atol=1e-5)
            assert (len(value.losses), value.clamped) == (len(alone.losses), alone.clamped)


@pytest.mark.parametrize("family", ["gpt2", "gemma3"])
@pytest.mark.parametrize("site", ["down", "block"])
def test_many_layers_in_one_search_find_what_each_finds_alone(family, site, some):
    model = tiny_model(family, torch.float32)
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], LAYERS, site)
    cases = [(0, 1), (0, 3), (2, 3), (3, 0), (3, 2)]
    for (layer, fact), value in zip(cases, find_cases(model, search, cases, VALUE, mean_start=True), strict=True):
        alone = value_of(model, some[fact], layer, VALUE, before, mean_start=True, site=site)
        torch.testing.assert_close(value.target, alone.target, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(value.keys, alone.keys, rtol=1e-4, atol=1e-5)
        assert (len(value.losses), value.clamped) == (len(alone.losses), alone.clamped)


def test_a_prompt_that_begins_with_its_subject_needs_no_row_for_kl(facts, monkeypatch):
    model = tiny_model("llama", torch.float32)
    firm = replace(VALUE, kl_weight=5.0)
    told = replace(facts[0], prompt="Space Needle is in", subject="Space Needle", span=(0, 12))
    for fact, shared in ((facts[0], False), (told, True)):
        contexts = Contexts.of(model, fact, ("It was",))
        assert contexts.begins_with_subject == shared
        assert contexts.step_rows == 3 - shared
    value = value_of(model, told, 1, firm, ("It was",), mean_start=True)
    monkeypatch.setattr(Contexts, "begins_with_subject", False)
    apart = value_of(model, told, 1, firm, ("It was",), mean_start=True)
    torch.testing.assert_close(value.target, apart.target, rtol=1e-5, atol=1e-6)
    assert value.losses == pytest.approx(apart.losses, rel=1e-5)


def test_a_fact_that_reached_the_stop_loss_leaves_the_batch(some, monkeypatch):
    model = tiny_model("llama", torch.float32)
    asked = []
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], [1])
    whole = found_at(1, model, search, VALUE)
    reached = sorted(value.losses[2] for value in whole)
    stop = VALUE.__class__(
        steps=6, learning_rate=0.02, weight_decay=0.0, stop="nll", stop_loss=(reached[1] + reached[2]) / 2
    )
    evaluate = Search.evaluate
    monkeypatch.setattr(
        Search,
        "evaluate",
        lambda self, model, cases, deltas: (asked.append(cases), evaluate(self, model, cases, deltas))[1],
    )
    early = found_at(1, model, search, stop)
    for value, plain in zip(early, whole, strict=True):
        first = next((step for step, loss in enumerate(plain.losses) if loss < stop.stop_loss), VALUE.steps)
        assert value.losses == pytest.approx(plain.losses[: first + 1], rel=1e-5)
    assert [len(cases) for cases in asked] == sorted((len(cases) for cases in asked), reverse=True)
    assert len(asked[0]) == 5 and len(asked[-1]) < 5


def test_where_the_answer_cannot_see_the_edit_nothing_is_searched(some):
    model = tiny_model("llama", torch.float32)  # the last block's output at the subject goes nowhere
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], [3])
    for value in found_at(3, model, search, VALUE):
        assert len(value.losses) == 1
        assert not value.delta.any()


@pytest.mark.parametrize("editor", ["r-rome", "ft-m"])
def test_batch_size_groups_of_layers_and_order_do_not_matter(editor, some, monkeypatch):
    model = tiny_model("gpt2", torch.float32)
    plain = by_place(sweep_cells(model, some, LAYERS, editor, settings_of(editor)))
    monkeypatch.setattr("lga_core.editing.search.contexts.SEARCH_TOKENS", 60)
    monkeypatch.setattr(layer_sweep, "FACTS_AT_ONCE", 2)
    monkeypatch.setattr(layer_sweep, "KEPT_BYTES", 1)  # one layer at a time
    monkeypatch.setattr(sweep_edits, "TOKENS_TOGETHER", 1)
    monkeypatch.setattr("lga_core.evaluation.metrics.forced.BATCH_TOKENS", 40)
    other = by_place(sweep_cells(model, some[::-1], LAYERS[::-1], editor, settings_of(editor)))
    assert plain.keys() == other.keys()
    for place, cell in plain.items():
        assert cell.after == other[place].after
        assert cell.delta_norm == pytest.approx(other[place].delta_norm, rel=1e-4, abs=1e-6)


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


def test_facts_with_as_much_to_run_share_a_batch(some):
    model = tiny_model("llama", torch.float32)
    contexts = {place: Contexts.of(model, fact, ()) for place, fact in enumerate(load_facts("world").facts[:40])}
    parts = batches(model, contexts)
    assert sorted(place for part in parts for place in part) == sorted(contexts)
    tails = [contexts[place].tail for part in parts for place in part]
    assert tails == sorted(tails)
    for part in parts:
        assert (
            sum(contexts[place].step_rows for place in part) * max(contexts[place].tail for place in part)
            <= SEARCH_TOKENS
            or len(part) == 1
        )


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


@pytest.mark.parametrize("answers", ["first", "best"])
def test_a_cell_without_a_cap_is_the_trial_edit_under_either_protocol(answers, some):
    model = tiny_model("gpt2", torch.float32)
    probes = tuple(
        Probe(prompt=f"Question {number} is", answers=(("Rome",), ("London", "Berlin")), group="Reasoning")
        for number in range(12)
    )
    fact = replace(some[0], portability=probes)

    def cell(most):
        metrics = SweepMetrics(answers=answers, probes=most)
        return next(sweep_cells(model, [fact], (1,), "r-rome", SETTINGS, metrics=metrics))

    report = trial_edit(model, fact, (1,), "r-rome", SETTINGS, metrics=MetricSettings(answers=answers), diagnose=False)
    whole, capped = cell(None), cell(10)
    assert whole.after == {name: metric.teacher_forced for name, metric in report.after.items()}
    assert (whole.probes["portability"], capped.probes["portability"]) == (12, 10)


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


def test_a_sweep_of_edits_that_blow_up_is_finished_and_comes_back_from_the_store(some, tmp_path):
    """In float32 such a step overflows: NaN for the change, and for the losses after it."""
    model = tiny_model("llama", torch.float32)
    store = Store(tmp_path)
    blowing_up = FineTuningSettings(steps=4, learning_rate=1e37)
    cells = list(sweep_cells(model, some[:2], (0, 2), "ft-m", blowing_up))
    assert all(np.isnan(cell.delta_norm) and np.isnan(cell.losses[-1]) for cell in cells)
    measured, stored = swept(model, "world", some[:2], (0, 2), "ft-m", blowing_up, store)
    assert measured.complete and (stored.rows, stored.reused) == (4, 0)
    again, stored = swept(model, "world", some[:2], (0, 2), "ft-m", blowing_up, store)
    assert stored.from_store and again.to_json() == measured.to_json()
    shown = again.to_frame()
    assert shown["delta_norm"].isna().all() and shown["rewrite"].notna().all()


def test_numbers_of_a_cell_that_are_not_finite_come_back_as_they_were(some):
    model = tiny_model("llama", torch.float32)
    (cell,) = sweep_cells(model, some[:1], (0,), "ft-m", FINE_TUNING)
    inf = float("inf")
    for number in (inf, -inf, float("nan")):
        broken = replace(cell, delta_norm=number, target_error=number, losses=(1.5, number))
        back = SweepCell.from_json(broken.to_json())
        np.testing.assert_equal((back.delta_norm, back.target_error, back.losses), (number, number, (1.5, number)))
    assert SweepCell.from_json(cell.to_json()) == cell and "null" in replace(cell, target_error=None).to_json()


def test_a_sweep_of_cells_has_its_gaps_as_nan(some):
    model = tiny_model("llama", torch.float32)
    cells = list(sweep_cells(model, some[:2], (0, 1), "r-rome", SETTINGS))
    records = [fact.record for fact in some[:3]]
    sweep = Sweep.of(cells, records, (0, 1), "r-rome", {})
    assert not sweep.complete
    assert np.isnan(sweep.overall[2]).all() and not np.isnan(sweep.overall[:2]).any()
    one = next(cell for cell in cells if cell.record == records[1] and cell.layer == 1)
    present = [value for value in one.after.values() if value is not None]
    assert sweep.overall[1, 1] == pytest.approx(sum(present) / len(present))
    assert Sweep.from_json(sweep.to_json()).to_json() == sweep.to_json()
    assert Sweep.of(cells, records[:2], (0, 1), "r-rome", {}).complete
