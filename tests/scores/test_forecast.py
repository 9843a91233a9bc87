"""The forecast against explicit autograd with an explicit C⁻¹, against edits that are really made, and by hand."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import CORPUS, tiny_model
from reporting import Collect, cancel_at
from scores.plain_forecast import PROBES, RIDGE, assert_as_naive, measured, probe_rows, slope, the_edit

from lga_core.data.facts import Probe
from lga_core.editing.editors.rank_one import Inverse, moment_of
from lga_core.editing.settings import RRomeSettings
from lga_core.evaluation.metrics.asking import probe_questions
from lga_core.models.sources.derived import derived_path
from lga_core.models.text.tokens import answer_row
from lga_core.progress import Cancelled, Phase
from lga_core.results import FactRow
from lga_core.runs.reading import finished_rows
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import measure
from lga_core.scores.forecast import forecast
from lga_core.scores.forecast.first_order import edit_changes, edit_keys
from lga_core.scores.forecast.forecast import forecast_case, forecast_rows
from lga_core.scores.forecast.gain import Terms, gain, ranks
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import View, layer_scores
from lga_core.scores.settings import ForecastSettings
from lga_core.worth.selectors import SELECTORS


@pytest.fixture
def settings(tmp_path):
    """Every probe, and a C from a short text, which is quicker than the model's own."""
    text = tmp_path / "text.txt"
    text.write_text(" ".join(2 * CORPUS))
    return ForecastSettings(covariance=f"file:{text}", ridge=RIDGE, probes=2, portability=True)


@pytest.fixture
def rich(facts):
    """Facts with two rephrases, locality in two groups with and without gold, and one with nothing but its rewrite."""
    locality = (
        *facts[0].locality,
        Probe(prompt="The Eiffel Tower stands in", answers=(), group="Other"),
        Probe(prompt="Brazil speaks", answers=((" ",), ("Portuguese", "the language")), group="Other"),
        Probe(prompt="Toyota is from", answers=(("Japan",),), group="Other"),
        Probe(prompt="Boston is in", answers=(("boston ",),), group="The new answer"),
    )
    return (
        dataclasses.replace(
            facts[0], rephrases=("Space Needle, in the city of", "The Space Needle: downtown"), locality=locality
        ),
        dataclasses.replace(facts[3], portability=()),
        dataclasses.replace(facts[2], rephrases=(), locality=(), portability=()),
    )


def test_it_equals_explicit_autograd_with_an_explicit_inverse(tiny, rich, settings):
    assert_as_naive(tiny, rich, settings, 1e-6)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_float32_stays_within_1e_4_of_the_sizes_summed(family, rich, settings):
    assert_as_naive(tiny_model(family, torch.float32), rich[:1], settings, 1e-4)


def test_it_is_what_small_edits_really_do(tiny, rich, settings):
    for fact, row in zip(rich[:2], measured(tiny, rich[:2], settings), strict=True):
        for layer in range(tiny.layers):
            step, listens, *_ = the_edit(tiny, fact, layer, settings)
            for term in ("rewrite", *PROBES):
                changes = (
                    row.values["change/whole-rewrite"][None]
                    if term == "rewrite"
                    else row.values.get(f"change/{term}", ())
                )
                for probe_row, change in zip(probe_rows(tiny, fact, term), changes, strict=True):
                    true = slope(tiny, probe_row, layer, step, listens)
                    assert abs(true - change[layer]) <= 3e-5 + 1e-4 * abs(true), (term, layer)
        assert np.median(np.abs(row.values["change/locality"][:, :-1])) > 3e-3  # there is something to compare
        assert np.all(row.values["change/rewrite"][:-1] < -0.01)


def test_the_last_layer_of_a_subject_before_the_answer_can_do_nothing(tiny, rich, settings):
    first, _, ends_with_subject = measured(tiny, rich, settings)
    assert first.values["gradient-norm"][-1] == 0 == np.abs(first.values["change/locality"][:, -1]).max()
    assert ends_with_subject.values["gradient-norm"][-1] > 0


def test_batches_rounds_order_and_packing_never_matter(tiny, rich, facts, settings, monkeypatch):
    everything = (*rich, *(dataclasses.replace(fact, record=fact.record + 10) for fact in facts))
    reference = {row.record: row for row in measured(tiny, everything, settings)}
    assert list(reference) == [fact.record for fact in everything]
    unpacked = dataclasses.replace(tiny, architecture=dataclasses.replace(tiny.architecture, packs=False))
    runs = [measured(tiny, everything[::-1], settings), measured(unpacked, everything, settings)]
    monkeypatch.setattr(forecast, "BATCH_TOKENS", 1)
    runs.append(measured(tiny, everything, settings))
    monkeypatch.setattr(forecast, "KEPT_BYTES", 1)
    runs.append(measured(unpacked, everything, settings))
    for rows in runs:
        assert len(rows) == len(reference)
        for row in rows:
            assert row.values.keys() == reference[row.record].values.keys()
            for name, value in row.values.items():
                np.testing.assert_allclose(value, reference[row.record].values[name], rtol=1e-7, atol=1e-9)


def test_the_padding_side_never_matters(tiny, rich, settings):
    model = dataclasses.replace(tiny, architecture=dataclasses.replace(tiny.architecture, packs=False))
    checks = list(check_known_facts(model, rich))
    cases = [forecast_case(model, fact, check, settings) for fact, check in zip(rich, checks, strict=True)]
    assert len({len(row) for case in cases for row in case.rows}) > 2
    with torch.no_grad():
        right, left = (edit_keys(model, cases, side) for side in ("right", "left"))
    for layer, keys in right.items():
        torch.testing.assert_close(left[layer], keys, rtol=1e-9, atol=1e-10)
    a, b = (edit_changes(model, cases, right, side) for side in ("right", "left"))
    for name, values in a.items():
        np.testing.assert_allclose(b[name], values, rtol=1e-8, atol=1e-9)


def test_probes_are_capped_by_group_and_what_a_fact_lacks_is_absent(tiny, rich, settings):
    full, no_portability, bare = measured(tiny, rich, settings)
    assert {name: len(full.values[f"nll/{name}"]) for name in PROBES} == {
        "rephrase": 2,
        "locality": 3,
        "portability": 1,
    }
    assert len(set(full.values["group/locality"][:1]) & set(full.values["group/locality"][1:])) == 0
    assert full.values["group/locality"][1] == full.values["group/locality"][2]
    assert "nll/portability" not in no_portability.values and "nll/locality" in no_portability.values
    assert not [name for name in bare.values if name.split("/")[-1] in PROBES]
    one = measured(tiny, rich[:1], dataclasses.replace(settings, probes=1, portability=False))[0]
    assert [len(one.values[f"nll/{name}"]) for name in ("rephrase", "locality")] == [1, 2]
    assert "nll/portability" not in one.values
    np.testing.assert_allclose(
        one.values["change/locality"], full.values["change/locality"][[0, 2]], rtol=1e-8, atol=1e-10
    )


@pytest.mark.parametrize("portability", [False, True])
def test_what_the_cap_leaves_out_is_what_is_not_measured(tiny, rich, settings, portability):
    capped = dataclasses.replace(settings, probes=1, portability=portability)
    over = capped.left_out(rich)
    asked, every = (
        [term for fact in rich for term in case(tiny, fact, each).terms[1:]]
        for each in (capped, dataclasses.replace(capped, probes=100))
    )
    missing = {name: every.count(name) - asked.count(name) for name in set(every)}
    assert {name: sum(groups.values()) for name, groups in over.items()} == {
        name: number for name, number in missing.items() if number
    }
    assert over and ("portability" in over) <= portability


def case(model, fact, settings):
    (check,) = check_known_facts(model, [fact])
    return forecast_case(model, fact, check, settings)


def plain_ranks(gains):
    """Ranks in 0..1 by counting: those below, and half of the others that tie."""
    return [
        (sum(other < own for other in gains) + (sum(other == own for other in gains) - 1) / 2) / (len(gains) - 1)
        for own in gains
    ]


def test_a_layers_score_is_the_mean_of_its_ranks(tiny, rich, settings):
    rows = measured(tiny, rich, settings)
    expected = np.mean([plain_ranks(gain(row, Terms()).tolist()) for row in rows], axis=0)
    scores = layer_scores("forecast", rows, tiny.layers, View(bootstrap=20))
    np.testing.assert_allclose(scores.total, expected, rtol=0, atol=1e-9)  # rounded, so that ties are ties
    assert scores.total_is == "mean" and scores.per_fact.min() >= 0 and scores.per_fact.max() <= 1
    assert scores.selection.golden_layer == int(np.argmax(expected.round(9))) and not scores.selection.excluded_layers
    np.testing.assert_allclose(ranks(np.array([3.0, 1.0, 3.0, -2.0, 0.5])), plain_ranks([3.0, 1.0, 3.0, -2.0, 0.5]))
    np.testing.assert_array_equal(ranks(np.array([2.0, np.nan, 1.0])), [1.0, 0.0, 0.5])
    again = [FactRow.from_json(row.to_json()) for row in rows]
    np.testing.assert_array_equal(layer_scores("forecast", again, tiny.layers, View()).total, scores.total)


def test_every_fact_that_is_not_done_has_a_row_that_says_why_it_is_not_used(tiny, facts):
    quick = ForecastSettings(covariance="identity")
    everything = [*facts, dataclasses.replace(facts[0], record=9, target_new=None)]
    rows = measured(tiny, everything, quick)
    assert [row.record for row in rows] == [0, 1, 2, 3, 4, 9]
    assert [row.status for row in rows] == ["used"] * 5 + ["no new answer"] and not rows[5].values
    assert rows[4].old_source == "model" and rows[0].old_answer == "Seattle"
    assert all(
        row.cost.backward_rows == 3 and 3 < row.cost.forward_rows < 4 and row.cost.seconds > 0 for row in rows[:5]
    )
    rest = measured(tiny, everything, quick, done={0, 1, 9})
    assert [row.record for row in rest] == [2, 3, 4]
    np.testing.assert_allclose(rest[0].values["change/locality"], rows[2].values["change/locality"], rtol=1e-8)


def test_a_stopped_forecast_goes_on_with_the_rest(tiny, facts, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "BATCH_TOKENS", 1)
    store = Store(tmp_path / "store")
    question = ("small", facts, "forecast", settings, store)

    def stop(step):
        if step.phase == Phase.FORECAST and step.done == 2:
            raise Cancelled

    report = Collect(stop)
    with pytest.raises(Cancelled):
        measure(tiny, *question, report=report)
    assert {step.detail.split(",")[0] for step in report.steps} >= {"keys of the subjects", "directions of the edits"}
    assert Phase.SECOND_MOMENTS in {step.phase for step in report.steps}
    kept, stored = finished_rows(tiny.identity, *question)
    assert len(kept) == 2 and not stored.complete
    rows, stored = measure(tiny, *question)
    assert stored.complete and stored.reused == 2 and [row.record for row in rows] == [0, 1, 2, 3, 4]
    changed = settings.covariance.removeprefix("file:")
    with open(changed, "a") as text:
        text.write(" and more")
    assert not finished_rows(tiny.identity, *question)[0]  # another text


def test_progress_counts_facts_and_can_be_cancelled_at_every_step(tiny, facts, settings):
    checks = list(check_known_facts(tiny, facts))
    list(forecast_rows(tiny, facts, checks, settings))  # leaves the second moments behind
    report = Collect()
    list(forecast_rows(tiny, facts, checks, settings, done={0}, report=report))
    assert {(step.phase, step.done, step.total) for step in report.steps} == {(Phase.FORECAST, 1, 5)}
    for number in range(1, len(report.steps) + 1):
        with pytest.raises(Cancelled):
            list(forecast_rows(tiny, facts, checks, settings, done={0}, report=cancel_at(number)))


@pytest.mark.parametrize("editor", [None, RRomeSettings(seed=5)], ids=["the defaults", "a seed of its own"])
def test_a_question_s_seed_samples_no_text_and_the_second_moments_are_the_editor_s(tiny, facts, editor):
    """What an edit has left behind is all that the forecast of that edit needs, whatever seed the question has."""
    settings = editor or RRomeSettings()
    inverses = [
        Inverse.of(moment_of(tiny, layer, settings), settings.ridge, tiny.device) for layer in range(tiny.layers)
    ]
    left_behind = sorted(derived_path(tiny, "").iterdir())
    checks = list(check_known_facts(tiny, facts[:1]))
    report = Collect()
    asked = SELECTORS["forecast"].settings(3, editor)
    (row,) = forecast_rows(tiny, facts[:1], checks, asked, report=report)
    assert {step.phase for step in report.steps} == {Phase.FORECAST}
    assert sorted(derived_path(tiny, "").iterdir()) == left_behind

    keys = edit_keys(tiny, [forecast_case(tiny, facts[0], checks[0], asked)])
    strength = [
        float(keys[layer][0].double() @ inverse.times(keys[layer][0])) for layer, inverse in enumerate(inverses)
    ]
    np.testing.assert_allclose(row.values["key-strength"], strength, rtol=1e-8)
    (other,) = measured(tiny, facts[:1], ForecastSettings(seed=3))  # of a text of its own
    assert not np.allclose(other.values["key-strength"], strength, rtol=1e-3)


def test_locality_is_judged_by_the_rule_of_the_metric(tiny, facts):
    """The same probes are dropped and capped, and the same gold answers taken."""
    probes = (
        Probe(prompt="Boston is in", answers=(("the Boston!",), ("Paris",)), group="One"),  # the new answer
        Probe(prompt="The capital of France is", answers=(("", "Paris"), ("Rome",)), group="One"),
        Probe(prompt="Toyota is from", answers=(("Japan",),), group="One"),
    )
    fact = dataclasses.replace(facts[0], locality=probes)
    check = next(check_known_facts(tiny, [fact]))
    case = forecast_case(tiny, fact, check, ForecastSettings(covariance="identity", probes=1))
    metric = [question for question in probe_questions(tiny, fact).questions if question.metric == "locality"]
    ours = [row for row, term in zip(case.rows, case.terms, strict=True) if term == "locality"]
    assert ours == [answer_row(tiny.asking, "The capital of France is", "Paris")] == [metric[0].rows[0]]
    assert [question.prompt for question in metric] == ["The capital of France is", "Toyota is from"]


@pytest.mark.parametrize("wrong", [{"covariance": "my text"}, {"ridge": -1.0}, {"probes": 0}, {"tokens_per_input": 1}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ForecastSettings(**wrong)
