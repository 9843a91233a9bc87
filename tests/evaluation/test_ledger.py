"""The ledger's report: before is the unedited model, now is all enabled edits, and a change costs only the latter."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from reporting import Collect
from trying import trial_edit

from lga_core.data.facts import Probe
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import FineTuningSettings, RankOneSettings, ValueSettings
from lga_core.evaluation.experiments.ledger_report import ledger_report
from lga_core.evaluation.metrics import unedited
from lga_core.evaluation.metrics.asking import ask, probe_questions
from lga_core.evaluation.metrics.probe_results import compare
from lga_core.probes.summary import summarize
from lga_core.progress import Phase
from lga_core.results import METRICS, LedgerReport

SETTINGS = RankOneSettings(
    value=ValueSettings(steps=8, learning_rate=0.3, weight_decay=0.0), contexts=0, covariance="identity"
)


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture
def ledger(model, facts):
    return extend(model, Ledger(), facts[:3], "rome", [1, 2], SETTINGS, "sequential")


def by_hand(model, fact, edits):
    questions = probe_questions(model, fact).questions
    return summarize(compare(questions, ask(model, questions), ask(model, questions, edits)))


def test_every_fact_before_and_now(model, ledger, facts):
    ledger = ledger.toggled(ledger.entries[1].id)
    report = ledger_report(model, ledger)
    assert [fact.record for fact in report.facts] == [0, 1, 2]
    assert [fact.enabled for fact in report.facts] == [True, False, True]
    assert [fact.entry for fact in report.facts] == [entry.id for entry in ledger.entries]
    for row, fact in zip(report.facts, facts, strict=False):
        assert (dict(row.before), dict(row.now)) == by_hand(model, fact, ledger.edits)
        assert row.target_new == fact.target_new and row.probes


def test_it_shows_that_later_edits_damage_earlier_ones(model, facts):
    ledger = extend(model, Ledger(), facts[:3], "ft-m", [2], FineTuningSettings(learning_rate=0.02), "sequential")
    _first, second, third = (entry.id for entry in ledger.entries)
    alone = ledger_report(model, ledger.toggled(second).toggled(third))
    every = ledger_report(model, ledger)
    rewrite = [[fact.now["rewrite"].teacher_forced for fact in report.facts] for report in (alone, every)]
    assert rewrite[0] == [100, 0, 0] and rewrite[1][0] < 50 and rewrite[1][1:] == [100, 100]
    assert alone.facts[0].before["rewrite"].teacher_forced == 0 and alone.now["rewrite"].teacher_forced == 100
    assert every.now["rewrite"].teacher_forced == pytest.approx(sum(rewrite[1]) / 3)


def test_one_entry_is_the_trial_edit(model, facts):
    only = extend(model, Ledger(), facts[:1], "rome", [1, 2], SETTINGS, "sequential")
    report = ledger_report(model, only)
    trial = trial_edit(model, facts[0], [1, 2], "rome", SETTINGS)
    assert (report.facts[0].before, report.facts[0].now) == (trial.before, trial.after)
    assert report.facts[0].probes == trial.probes
    assert tuple(write.delta_norm for write in report.writes) == trial.delta_norms
    assert tuple(write.weight_norm for write in report.writes) == trial.weight_norms
    assert tuple(write.target_errors[0] for write in report.writes) == trial.target_errors
    assert tuple(write.clamped[0] for write in report.writes) == trial.clamped


def test_means_are_over_the_enabled_entries_facts_that_have_the_metric(model, ledger, facts):
    without = replace(facts[3], locality=(), portability=())
    ledger = extend(model, ledger, [without], "rome", [1], SETTINGS, "sequential")
    ledger = ledger.toggled(ledger.entries[0].id)
    report = ledger_report(model, ledger)
    assert {name: report.now[name].n for name in METRICS} == {
        "rewrite": 3,
        "rephrase": 3,
        "locality": 2,
        "portability": 2,
    }
    for name in METRICS:
        having = [fact for fact in report.facts[1:] if fact.now[name].n]
        for mean, side in ((report.before, "before"), (report.now, "now")):
            for protocol in ("teacher_forced", "free"):
                values = [getattr(getattr(fact, side)[name], protocol) for fact in having]
                assert getattr(mean[name], protocol) == pytest.approx(sum(values) / len(values))


def test_a_prompt_that_is_written_twice_counts_once_with_its_last_answer_that_is_on(model, ledger, facts):
    again = replace(facts[0], record=9, target_new="Madrid", dropped_locality=5)
    ledger = extend(model, ledger, [again], "rome", [1], SETTINGS, "sequential")
    both = ledger_report(model, ledger)
    last = both.facts[-1]
    assert len(both.facts) == 4 and both.now["rewrite"].n == both.before["rewrite"].n == 3
    for name in METRICS:
        shares = [fact.now[name].teacher_forced for fact in (*both.facts[1:3], last)]
        assert both.now[name].teacher_forced == pytest.approx(sum(shares) / 3)
    first = ledger_report(model, ledger.toggled(ledger.entries[-1].id))
    assert first.now["rewrite"].n == 3
    assert first.now["rewrite"].teacher_forced == pytest.approx(
        sum(fact.now["rewrite"].teacher_forced for fact in first.facts[:3]) / 3
    )


def test_locality_probes_that_expect_the_new_answer_are_counted_by_fact_and_over_the_edits_that_are_on(model, facts):
    """One fact's file had two such probes, another has one that is dropped here, and of the third nobody counted."""
    expects_new = Probe(prompt="It is", answers=(("Japan",),), group="Near")
    here = replace(facts[1], dropped_locality=0, locality=(*facts[1].locality, expects_new))
    counted = [replace(facts[0], dropped_locality=2), here]
    ledger = extend(model, Ledger(), counted, "rome", [1], SETTINGS, "sequential")
    report = ledger_report(model, ledger)
    assert [fact.dropped_locality for fact in report.facts] == [2, 1] and report.dropped_locality == 3
    off = ledger.toggled(ledger.entries[0].id)
    assert ledger_report(model, off).dropped_locality == 1
    unknown = ledger_report(model, extend(model, ledger, facts[2:3], "rome", [1], SETTINGS, "sequential"))
    assert [fact.dropped_locality for fact in unknown.facts] == [2, 1, None] and unknown.dropped_locality is None


def test_with_nothing_enabled_now_is_before(model, ledger):
    for entry in ledger.entries:
        ledger = ledger.toggled(entry.id)
    report = ledger_report(model, ledger)
    assert all(fact.before == fact.now for fact in report.facts)
    assert all(probe.text_before == probe.text_after for fact in report.facts for probe in fact.probes)
    assert report.now["rewrite"].n == 0 and report.now["rewrite"].teacher_forced is None
    empty = ledger_report(model, Ledger())
    assert empty.facts == empty.writes == ()


def test_answers_before_are_asked_once_a_fact(model, ledger, facts, monkeypatch):
    monkeypatch.setattr(unedited, "QUESTIONS_AT_ONCE", 8)  # two facts, of four questions each
    model = replace(model)  # one whose answers are not remembered
    asked = []
    monkeypatch.setattr(
        unedited,
        "ask",
        lambda model, given, *more, **how: (asked.append(len(given)), ask(model, given, *more, **how))[1],
    )
    report = ledger_report(model, ledger)
    assert asked == [8, 4, 8, 4]  # three facts, before and now
    changed = ledger.toggled(ledger.entries[2].id)
    again = ledger_report(model, changed)
    assert asked[4:] == [8, 4]
    assert again.facts[0].before == report.facts[0].before
    twice = extend(model, changed, [facts[0], facts[3]], "rome", [1], SETTINGS, "sequential")
    watch = Collect()
    ledger_report(model, twice, report=watch)
    assert asked[6:] == [4, 8, 8]  # one new fact before; four distinct facts now
    assert {step.phase for step in watch.steps} == {Phase.PROBES}
    counts = {
        detail: [(step.done, step.total) for step in watch.steps if step.detail == detail]
        for detail in dict.fromkeys(step.detail for step in watch.steps)
    }
    assert list(counts) == ["preparing the questions", "before the edit", "with the edits"]
    assert counts["before the edit"][-1] == (4, 4) and counts["with the edits"][-1] == (16, 16)
    assert all(steps == sorted(steps) for steps in counts.values())
    monkeypatch.setattr(unedited, "QUESTIONS_AT_ONCE", 1)
    alone = ledger_report(model, ledger)
    assert asked[9:] == [4] * 3 and (alone.facts, alone.now) == (report.facts, report.now)


def test_it_goes_through_json(model, ledger):
    report = ledger_report(model, ledger)
    assert LedgerReport.from_json(report.to_json()) == report
    assert report.writes[0].norm_ratio == report.writes[0].delta_norm / report.writes[0].weight_norm
