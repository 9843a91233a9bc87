"""Stored rows read through the options: which measurements they need, and each method's pick."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import make_fact

from lga_core.results import FactRow, KnownFactCheck, ModelIdentity
from lga_core.runs.storage.keys import known_facts_run, measurement_run
from lga_core.runs.storage.store import Store
from lga_core.service.reading.method_scores import (
    LGA,
    ScoreChoices,
    agreement,
    fact_rows,
    method_scores,
    pick_rows,
    unmeasured,
)
from lga_core.service.reading.readings import reading_needs, reading_rows, unmeasured_readings
from lga_core.service.reading.stored import ScoredFacts, scored_facts
from lga_core.service.requests import Need, ProxySet
from lga_core.view.words.scores.options import option_words

SUBJECTS = ("Space Needle", "Eiffel Tower", "Toyota", "Brazil", "Rome", "Oslo", "Berlin", "London", "Madrid", "Lima")
FACTS = tuple(
    make_fact(number, f"The {subject} is in", subject, "Boston", "Seattle") for number, subject in enumerate(SUBJECTS)
)
IDENTITY = ModelIdentity(name="made", fingerprint="made", dtype="torch.float32", machine="cpu", layers=4)
PROXY = ProxySet(name="ten", candidates=FACTS, limit=9)
CHOICES = ScoreChoices(seed=0, fences=None)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def add(store: Store, need: Need, values: dict[str, list[float]], facts: int) -> None:
    """The same per-layer values for the first facts."""
    run = measurement_run(IDENTITY, PROXY.name, PROXY.facts, need.measurement, need.settings, store)
    for fact in FACTS[:facts]:
        run.append(
            fact.fingerprint,
            FactRow(
                record=fact.record,
                status="used",
                old_answer="Seattle",
                old_source="data",
                known=True,
                values={name: np.array(row) for name, row in values.items()},
            ),
        )
    if facts == PROXY.limit:
        run.finish()


def add_both(store: Store, cma_facts: int = 9) -> None:
    gradients, trace, _forecast = CHOICES.needs()
    scopes = ("mlp", "mlp-down", "attention", "block")
    values = {f"product/{scope}": [1.0, 4.0, 2.0, 3.0] for scope in scopes}
    values |= {f"norm-{which}/{scope}": [4.0, 3.0, 2.0, 1.0] for which in ("old", "new") for scope in scopes}
    values["product/attention"] = [9.0, 4.0, 2.0, 3.0]
    add(store, gradients, values, 9)
    add(store, trace, {"effect": [0.1, 0.4, 0.2, 0.3]}, cma_facts)


def known(store: Store, choices: ScoreChoices = CHOICES) -> ScoredFacts:
    return scored_facts(IDENTITY, PROXY, choices.all_needs(), store)


def test_a_need_has_the_settings_that_its_measurement_takes_and_no_more():
    gradients, trace, forecast = ScoreChoices(seed=3, loss="answer", old="model", kind="attn", window=10).needs()
    assert (gradients.measurement, trace.measurement) == ("gradients", "trace-attn")
    assert (gradients.settings.loss, gradients.settings.old) == ("answer", "model")
    assert (trace.settings.window, trace.settings.seed) == (10, 3)
    assert forecast == ScoreChoices(seed=0).need("forecast")  # its seed is the editor's
    assert {need.measurement for need in CHOICES.all_needs()} >= {"gradients", "trace-hidden", "ig"}


def test_every_reading_has_a_row_and_what_is_not_measured_is_told(store: Store):
    add_both(store)
    assert len(set(reading_needs(CHOICES))) == 4
    rows = reading_rows(scored_facts(IDENTITY, PROXY, reading_needs(CHOICES), store), CHOICES)
    assert [row["note"] for row in rows] == ["shown", *(["not measured yet"] * 3)]
    assert (rows[0]["pick"], rows[0]["picked in, %"], rows[0]["facts"], rows[3]["pick"]) == (1, 100, 9, None)
    other = replace(CHOICES, loss="answer")
    scopes = ("mlp", "mlp-down", "attention", "block")
    add(store, other.need("gradients"), {f"product/{scope}": [4.0, 1.0, 3.0, 2.0] for scope in scopes}, 9)
    known_now = scored_facts(IDENTITY, PROXY, reading_needs(CHOICES), store)
    rows = {(row["loss"], row["old answer"]): row for row in reading_rows(known_now, CHOICES)}
    answer = rows[option_words("loss", "answer"), option_words("old", "data")]
    assert (answer["pick"], answer["ρ with the one shown"], answer["note"]) == (0, pytest.approx(-1.0), "")
    assert {(need.settings.loss, need.settings.old) for need in unmeasured_readings(known_now, CHOICES)} == {
        ("sequence", "model"),
        ("answer", "model"),
    }
    turned = {row["note"]: row for row in reading_rows(known_now, other)}
    assert turned["shown"]["pick"] == 0 and turned["shown"]["loss"] == option_words("loss", "answer")


def test_choices_that_only_read_need_nothing_new(store: Store):
    add_both(store)
    attention = ScoreChoices(seed=0, fences=None, scope="attention")
    assert attention.needs() == CHOICES.needs()
    assert method_scores(known(store), CHOICES, LGA).scores.selection.golden_layer == 1
    assert method_scores(known(store, attention), attention, LGA).scores.selection.golden_layer == 0


def test_what_is_not_measured_has_no_scores(store: Store):
    nothing = known(store)
    assert nothing.measured == {} and method_scores(nothing, CHOICES, LGA) is None
    assert method_scores(nothing, CHOICES, "middle") is None and pick_rows(nothing, CHOICES) == []
    add_both(store)
    answer = ScoreChoices(seed=0, loss="answer")
    assert method_scores(known(store, answer), answer, LGA) is None
    model = ScoreChoices(seed=0, old="model")
    assert method_scores(known(store, model), model, LGA) is None
    assert method_scores(known(store, model), model, model.cma) is not None


def test_a_measurement_with_missing_rows_is_partial(store: Store):
    add_both(store, cma_facts=8)
    cma = method_scores(known(store), CHOICES, CHOICES.cma)
    assert cma.partial and cma.scores.n_facts == 8 and cma.scores.selection.golden_layer == 1
    assert not method_scores(known(store), CHOICES, LGA).partial


def test_a_finished_run_with_a_damaged_row_is_partial_whatever_its_job_said(store: Store, tmp_path):
    add_both(store)
    need = CHOICES.needs()[0]
    _, stored = known(store).measured[need]
    copied = Store(shutil.copytree(store.root, tmp_path / "copied"))
    rows = copied.path(stored.provenance.key, ".jsonl")
    rows.write_bytes(b"?" + rows.read_bytes()[1:])
    for answered in (None, {need: stored}):
        again = scored_facts(IDENTITY, PROXY, CHOICES.needs(), copied, answered)
        lga = method_scores(again, CHOICES, LGA)
        assert lga.partial and lga.scores.n_facts == 8
    assert not method_scores(again, CHOICES, CHOICES.cma).partial
    assert need in unmeasured_readings(again, CHOICES)


def test_only_a_job_says_that_it_computed_nothing(store: Store):
    add_both(store)
    need = CHOICES.needs()[0]
    rows, stored = known(store).measured[need]
    assert stored.complete and stored.from_store  # nobody has asked for it now
    running = scored_facts(IDENTITY, PROXY, CHOICES.needs(), store, {need: None}).measured[need][1]
    assert running.complete and not running.from_store
    others = scored_facts(IDENTITY, PROXY, CHOICES.needs(), store, {}).measured[need][1]
    assert others.from_store, "the job was not asked for it"
    run = measurement_run(IDENTITY, PROXY.name, PROXY.facts, need.measurement, need.settings, store)
    answered = {need: run.stored(rows=len(rows), reused=len(rows))}
    again = scored_facts(IDENTITY, PROXY, CHOICES.needs(), store, answered)
    assert again.measured[need][1].from_store


def test_every_measured_method_has_a_row_beside_lgas(store: Store):
    add_both(store)
    picks = {row["method"]: row for row in pick_rows(known(store), CHOICES)}
    lga, cma, middle = picks["LGA"], picks["CMA, MLP"], picks["Middle layer"]
    assert (lga["pick"], lga["ρ with LGA"], lga["next"], lga["picked in, %"]) == (1, None, "3, 2", 100)
    assert (cma["pick"], cma["ρ with LGA"], cma["facts"]) == (1, pytest.approx(1.0), 9)
    assert picks["Gradient norm, old answer"]["pick"] == 0
    assert [middle[name] for name in ("pick", "facts", "seconds", "picked in, %")] == [2, None, None, None]
    assert set(unmeasured(known(store), CHOICES)) == {
        "trace-hidden",
        "trace-attn",
        "gradxact",
        "ig",
        "forecast",
        "hidden-distance",
    }
    assert agreement(None, None) is None


def test_the_facts_table_has_what_the_model_says_and_what_was_used(store: Store):
    add_both(store)
    run = known_facts_run(IDENTITY, store)
    run.append(FACTS[0].fingerprint, KnownFactCheck(record=0, known=True, greedy="Seattle", probability=0.5))
    scored = known(store)
    rows, _ = scored.measured[CHOICES.needs()[0]]
    first, second, *_ = fact_rows(scored.facts, scored.checks, rows[:1])
    assert [first[name] for name in ("known", "the model says", "status", "from")] == ["yes", "Seattle", "used", "data"]
    assert (second["known"], second["status"], second["old answer"]) == ("n/a", "not measured yet", "Seattle")


def test_facts_that_the_model_must_be_asked_about_are_none_until_it_was(store: Store):
    wanted = ProxySet(name="ten", candidates=FACTS, limit=2, known_only=True)
    assert scored_facts(IDENTITY, wanted, CHOICES.needs(), store).facts == ()
    run = known_facts_run(IDENTITY, store)
    for fact in FACTS[:3]:
        run.append(
            fact.fingerprint, KnownFactCheck(record=fact.record, known=fact.record != 1, greedy="x", probability=0.5)
        )
    assert [fact.record for fact in scored_facts(IDENTITY, wanted, CHOICES.needs(), store).facts] == [0, 2]
