"""The ledger's report: before is the unedited model, now is all enabled edits, and a change costs only the latter."""

from dataclasses import replace

import pytest
import torch
from conftest import drain, tiny_model

from lga_core.editing.edits import applied
from lga_core.editing.fine_tuning import FineTuningSettings
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.rank_one import RankOneSettings
from lga_core.editing.value import ValueSettings
from lga_core.evaluation import asked as asking
from lga_core.evaluation.ledger import ledger_report
from lga_core.evaluation.metrics import METRICS, ask, compare, prepare, summarize
from lga_core.evaluation.trial import trial_edit
from lga_core.results import LedgerReport

SETTINGS = RankOneSettings(value=ValueSettings(steps=8, learning_rate=0.3, weight_decay=0.0), contexts=0,
                           covariance="identity")


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture
def ledger(model, facts):
    return drain(extend(model, Ledger(), facts[:3], "rome", [1, 2], SETTINGS, "sequential"))


def by_hand(model, fact, edits):
    quiz = prepare(model, fact)
    before = ask(model, quiz.questions)
    with applied(model, edits):
        return summarize(compare(quiz.questions, before, ask(model, quiz.questions)))


def test_every_fact_before_and_now(model, ledger, facts):
    ledger = ledger.toggled(ledger.entries[1].id)
    report = drain(ledger_report(model, ledger))
    assert [fact.record for fact in report.facts] == [0, 1, 2]
    assert [fact.enabled for fact in report.facts] == [True, False, True]
    assert [fact.entry for fact in report.facts] == [entry.id for entry in ledger.entries]
    for told, fact in zip(report.facts, facts, strict=False):
        assert (dict(told.before), dict(told.now)) == by_hand(model, fact, ledger.edits)
        assert told.target_new == fact.target_new and told.probes


def test_it_shows_that_later_edits_damage_earlier_ones(model, facts):
    ledger = drain(extend(model, Ledger(), facts[:3], "ft-m", [2], FineTuningSettings(learning_rate=0.02),
                          "sequential"))
    _first, second, third = (entry.id for entry in ledger.entries)
    alone = drain(ledger_report(model, ledger.toggled(second).toggled(third)))
    every = drain(ledger_report(model, ledger))
    rewrite = [[fact.now["rewrite"].teacher_forced for fact in report.facts] for report in (alone, every)]
    assert rewrite[0] == [100, 0, 0] and rewrite[1][0] < 50 and rewrite[1][1:] == [100, 100]
    assert alone.facts[0].before["rewrite"].teacher_forced == 0 and alone.now["rewrite"].teacher_forced == 100
    assert every.now["rewrite"].teacher_forced == pytest.approx(sum(rewrite[1]) / 3)


def test_one_entry_is_the_trial_edit(model, facts):
    only = drain(extend(model, Ledger(), facts[:1], "rome", [1, 2], SETTINGS, "sequential"))
    report = drain(ledger_report(model, only))
    trial = drain(trial_edit(model, facts[0], [1, 2], "rome", SETTINGS))
    assert (report.facts[0].before, report.facts[0].now) == (trial.before, trial.after)
    assert report.facts[0].probes == trial.probes
    assert tuple(write.delta_norm for write in report.writes) == trial.delta_norms
    assert tuple(write.weight_norm for write in report.writes) == trial.weight_norms
    assert tuple(write.target_errors[0] for write in report.writes) == trial.target_errors
    assert tuple(write.clamped[0] for write in report.writes) == trial.clamped


def test_means_are_over_the_enabled_entries_facts_that_have_the_metric(model, ledger, facts):
    without = facts[3].__class__(**{**facts[3].__dict__, "locality": (), "portability": ()})
    ledger = drain(extend(model, ledger, [without], "rome", [1], SETTINGS, "sequential"))
    ledger = ledger.toggled(ledger.entries[0].id)
    report = drain(ledger_report(model, ledger))
    assert {name: report.now[name].n for name in METRICS} == {"rewrite": 3, "rephrase": 3, "locality": 2,
                                                               "portability": 2}
    for name in METRICS:
        having = [fact for fact in report.facts[1:] if fact.now[name].n]
        for mean, side in ((report.before, "before"), (report.now, "now")):
            for protocol in ("teacher_forced", "free"):
                values = [getattr(getattr(fact, side)[name], protocol) for fact in having]
                assert getattr(mean[name], protocol) == pytest.approx(sum(values) / len(values))


def test_with_nothing_enabled_now_is_before(model, ledger):
    for entry in ledger.entries:
        ledger = ledger.toggled(entry.id)
    report = drain(ledger_report(model, ledger))
    assert all(fact.before == fact.now for fact in report.facts)
    assert all(probe.text_before == probe.text_after for fact in report.facts for probe in fact.probes)
    assert report.now["rewrite"].n == 0 and report.now["rewrite"].teacher_forced is None
    empty = drain(ledger_report(model, Ledger()))
    assert empty.facts == empty.writes == ()


def test_replies_before_are_asked_once_a_fact(model, ledger, facts, monkeypatch):
    monkeypatch.setattr(asking, "QUESTIONS_AT_ONCE", 8)      # two facts, of four questions each
    asked, model = [], replace(model)                            # one that remembers nothing
    monkeypatch.setattr(asking, "ask", lambda model, given: asked.append(len(given)) or ask(model, given))
    report = drain(ledger_report(model, ledger))
    assert asked == [8, 4, 8, 4]             # three facts, before and now
    changed = ledger.toggled(ledger.entries[2].id)
    again = drain(ledger_report(model, changed))
    assert asked[4:] == [8, 4]
    assert again.facts[0].before == report.facts[0].before
    twice = drain(extend(model, changed, [facts[0], facts[3]], "rome", [1], SETTINGS, "sequential"))
    steps = list(ledger_report(model, twice))
    assert asked[6:] == [4, 8, 8]            # one new fact before; four distinct facts now
    assert [(step.label, step.done, step.total) for step in steps] == [
        ("making the questions", 1, 1), ("asking before the edits", 1, 1), ("asking with the edits", 2, 4),
        ("asking with the edits", 4, 4)]
    monkeypatch.setattr(asking, "QUESTIONS_AT_ONCE", 1)
    alone = drain(ledger_report(model, ledger))
    assert asked[9:] == [4] * 3 and (alone.facts, alone.now) == (report.facts, report.now)


def test_it_goes_through_json(model, ledger):
    report = drain(ledger_report(model, ledger))
    assert LedgerReport.from_json(report.to_json()) == report
    assert report.writes[0].norm_ratio == report.writes[0].delta_norm / report.writes[0].weight_norm
