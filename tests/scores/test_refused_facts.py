"""A fact that a model cannot be asked about is left out of every score and listed with the reason."""

import dataclasses

import numpy as np
import pytest
from conftest import make_fact
from few_positions import (
    LONG,
    POSITIONS,
    TOO_LONG,
    askable_facts,
    few_positions,
    prompt_of,
    refused_facts,
    unreadable_facts,
)
from scores.ordering import in_order
from tokenizers import normalizers

from lga_core.results import KnownFactCheck
from lga_core.scores.forecast.forecast import forecast_rows
from lga_core.scores.gradients.lga import gradient_rows
from lga_core.scores.known_facts import check_known_facts, problem_of
from lga_core.scores.methods import MEASUREMENTS, View, layer_scores
from lga_core.scores.settings import CmaSettings, ForecastSettings, GradientSettings, IgSettings
from lga_core.scores.tracing.cma import mlp_rows, noise_level
from lga_core.view.words.sentences import unused_reasons

FORECAST = ForecastSettings(covariance="identity")
QUICK = {"trace": CmaSettings(draws=1), "ig": IgSettings(steps=2), "forecast": FORECAST}


@pytest.fixture(scope="module")
def model():
    return few_positions()


def settings_of(measurement):
    return QUICK.get(measurement.split("-")[0]) or MEASUREMENTS[measurement].settings()


def checked(model, facts):
    return list(check_known_facts(model, facts))


def by_record(facts):
    return sorted(facts, key=lambda fact: fact.record)


def same_values(row, other):
    assert row.values.keys() == other.values.keys() and row.used and other.used
    for name, value in row.values.items():
        np.testing.assert_allclose(value, other.values[name], rtol=1e-6, atol=1e-12)


def test_each_fault_is_found_and_named(model):
    assert [problem_of(model, fact) for fact in askable_facts()] == [None] * 3
    for reason, facts in refused_facts(model).items():
        assert [problem_of(model, fact) for fact in facts] == [reason] * len(facts)


def test_the_check_says_why_and_asks_the_others_as_without_them(model):
    refused = {fact.record: reason for reason, facts in refused_facts(model).items() for fact in facts}
    facts = by_record([*askable_facts(), *(fact for some in refused_facts(model).values() for fact in some)])
    checks = checked(model, facts)
    assert [check.record for check in checks] == [fact.record for fact in facts]
    for check in checks:
        assert check.problem == refused.get(check.record)
        assert KnownFactCheck.from_json(check.to_json()) == check
        if check.problem is not None:
            assert (check.known, check.greedy_ids, check.probability) == (None, (), None)
    alone = {check.record: check for check in checked(model, askable_facts())}
    for check in checks:
        if check.problem is None:
            other = alone[check.record]
            assert (check.known, check.greedy_ids) == (other.known, other.greedy_ids)
            assert check.probability == pytest.approx(other.probability, rel=1e-9)


def test_a_check_that_an_earlier_version_stored_has_no_problem():
    check = KnownFactCheck.from_json('{"record": 3, "known": true, "greedy": "Paris", "probability": 0.5}')
    assert check.problem is None and check.refusal is None


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_every_measurement_leaves_them_out_and_gives_the_others_the_same_numbers(model, measurement):
    refused = {fact.record: reason for reason, facts in unreadable_facts().items() for fact in facts}
    facts = by_record([*askable_facts(), *(fact for some in unreadable_facts().values() for fact in some)])
    # As if it knew them: CMA traces known facts only.
    checks = [
        dataclasses.replace(check, known=None if check.known is None else True) for check in checked(model, facts)
    ]
    rows_of, settings = MEASUREMENTS[measurement].rows, settings_of(measurement)
    rows = {row.record: row for row in rows_of(model, facts, checks, settings)}
    asked = [fact for fact in facts if fact.record not in refused]
    kept = [check for check in checks if check.record not in refused]
    alone = list(rows_of(model, asked, kept, settings))
    assert rows.keys() == {fact.record for fact in facts} and len(alone) == len(asked)
    for row in alone:
        same_values(rows[row.record], row)
    assert all(row.used for row in alone)
    for record, reason in refused.items():
        assert rows[record].status == f"cannot be asked: {reason}" and not rows[record].values
    done = {0, *refused}
    assert [row.record for row in rows_of(model, facts, checks, settings, done)] == [2, 4]
    assert not list(rows_of(model, facts, checks, settings, {fact.record for fact in facts}))


def test_scores_list_them_with_the_reason(model):
    facts = by_record([*askable_facts(), *(fact for some in refused_facts(model).values() for fact in some)])
    rows = list(MEASUREMENTS["gradients"].rows(model, facts, checked(model, facts), GradientSettings()))
    scores = layer_scores("lga", rows, model.layers, View(fences=None, bootstrap=0))
    reasons = unused_reasons(scores)
    for reason, some in refused_facts(model).items():
        assert sorted(reasons[f"cannot be asked: {reason}"]) == sorted(fact.record for fact in some)
    assert scores.n_facts == 3 and scores.selection.golden_layer is not None


def test_the_noise_is_scaled_to_the_subjects_that_can_be_read(model):
    unread = [fact for some in unreadable_facts().values() for fact in some]
    assert noise_level(model, [*unread, *askable_facts()]) == noise_level(model, askable_facts()) > 0


def test_a_probe_that_cannot_be_asked_leaves_its_fact_out_of_the_forecast_alone(model):
    first, second, third = askable_facts()
    long = dataclasses.replace(second, rephrases=(f"{LONG}{LONG}the capital of France",))
    facts = [first, long, third]
    checks = checked(model, facts)
    assert [check.problem for check in checks] == [None] * 3
    forecast = in_order(forecast_rows(model, facts, checks, FORECAST), facts)
    assert [row.status for row in forecast] == ["used", f"cannot be asked: {TOO_LONG}", "used"]
    assert all(row.used for row in forecast_rows(model, [first, second, third], checks, FORECAST))
    assert all(row.used for row in gradient_rows(model, facts, checks, GradientSettings()))


def test_a_locality_probe_near_the_end_of_the_positions_leaves_its_fact_out_of_the_forecast(model):
    """Without an answer in the data the model's own is asked for, and there is no room for it."""
    first = askable_facts()[0]
    (probe,) = first.locality
    rows = []
    for length in (POSITIONS - 5, POSITIONS - 4):
        near = dataclasses.replace(probe, prompt=prompt_of(model, length), answers=())
        fact = dataclasses.replace(first, locality=(near,))
        rows += forecast_rows(model, [fact], checked(model, [fact]), FORECAST)
    assert [row.status for row in rows] == ["used", f"cannot be asked: {TOO_LONG}"]


def test_a_subject_that_no_token_holds_is_left_out_of_cma_alone():
    model = few_positions()
    model.tokenizer.backend_tokenizer.normalizer = normalizers.Replace("♥", "")  # as some drop what they do not know
    first, _, third = askable_facts()
    facts = [first, make_fact(2, "The ♥ of France", "♥", "Rome", "Paris"), third]
    checks = [dataclasses.replace(check, known=True) for check in checked(model, facts)]
    rows = list(mlp_rows(model, facts, checks, CmaSettings(draws=1)))
    assert [row.status for row in rows] == ["used", "cannot be asked: no token holds the subject", "used"]
    assert noise_level(model, facts) == noise_level(model, [first, third])
    assert all(row.used for row in gradient_rows(model, facts, checks, GradientSettings()))
