"""The rule by which free answers are compared: in the keys of trials whose verdicts it can change, and in replays."""

from dataclasses import replace

import pytest
from conftest import tiny_model

from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.runs import tasks
from lga_core.runs.replay.replay import replay
from lga_core.runs.storage.keys import sweep_run, trial_run
from lga_core.runs.storage.provenance import provenance
from lga_core.runs.storage.store import Store

QUICK = RRomeSettings(value=ValueSettings(steps=2), contexts=1, covariance="identity")


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def asked(model, fact, store):
    return trial_run(model.identity, "small", fact, [1], "r-rome", QUICK, store, diagnose=False).provenance


def without_version(now):
    """The question as it was before the rule had a version."""
    return {name: value for name, value in now.settings.items() if name != "free_match"}


@pytest.mark.parametrize(("answer", "named"), [("Boston", False), ("The", True), ("東京", True)])
def test_only_a_trial_whose_free_verdicts_can_differ_has_another_key(model, facts, store, answer, named):
    fact = replace(facts[0], target_new=answer)
    now = asked(model, fact, store)
    assert now.settings.get("free_match") == (2 if named else None)
    before = provenance(
        model.identity, "small", [fact], method=now.method, version=now.method_version, settings=without_version(now)
    )
    assert (before.key != now.key) == named
    assert "free_match" not in sweep_run(model.identity, "r-rome", QUICK, store).provenance.settings


def test_a_trial_that_was_compared_by_the_old_rule_is_measured_again_and_its_replay_says_why(model, facts, store):
    fact = replace(facts[0], target_new="東京")
    report, stored = tasks.trial(model, "small", fact, [1], "r-rome", QUICK, store, diagnose=False)
    old = Store(store.root / "old")
    now = stored.provenance
    old.facts.keep([fact])
    before = old.open(
        provenance(
            model.identity,
            "small",
            [fact],
            method=now.method,
            version=now.method_version,
            settings=without_version(now),
        )
    )
    before.append(fact.fingerprint, report)
    with pytest.raises(LgaError, match="free answers are compared by another rule"):
        replay(model, before)
    again, measured = tasks.trial(model, "small", fact, [1], "r-rome", QUICK, old, diagnose=False)
    assert measured.reused == 0 and again.probes == report.probes
    assert replay(model, old.find(measured.provenance.key)).equal


@pytest.mark.parametrize("place", ["free_before", "free_after"])
def test_a_replay_compares_the_free_matches_by_themselves(model, facts, store, place):
    """The texts are equal, the verdict on them is not."""
    report, stored = tasks.trial(model, "small", facts[0], [1], "r-rome", QUICK, store, diagnose=False)
    first, *others = report.probes
    other = replace(report, probes=(replace(first, **{place: not getattr(first, place)}), *others))
    kept = Store(store.root / "other")
    kept.facts.keep(facts[:1])
    run = kept.open(stored.provenance)
    run.append(facts[0].fingerprint, other)
    compared = replay(model, run)
    assert not compared.equal and compared.differing_texts == 1 and compared.largest_difference == 0
