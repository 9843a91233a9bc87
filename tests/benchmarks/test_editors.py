"""What `bench r-rome` and `bench editors` sum up: every metric with its n, the best layer, the editor's own seconds."""

from dataclasses import replace
from statistics import fmean

import pytest
from conftest import tiny_model
from editing.writing import SETTINGS
from trying import trial_edit

from lga_core.bench.measure import FACT_SET
from lga_core.bench.quality.editors import edit_seconds
from lga_core.bench.quality.r_rome import known_facts, search, spread_layers, summary
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.models.sources.derived import derived_path
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.storage.store import Store


@pytest.fixture
def model():
    return tiny_model("llama")


def test_each_metric_has_its_own_n(model, facts):
    asked = (facts[0], replace(facts[1], portability=()))
    swept, _stored = sweep(model, "some", asked, (0, 1), "r-rome", SETTINGS, Store())
    row = summary(swept, 1)
    reports = [trial_edit(model, fact, (1,), "r-rome", SETTINGS, diagnose=False) for fact in asked]
    assert (row["n"], row["rewrite_n"], row["portability_n"]) == (2, 2, 1)
    assert row["portability"] == reports[0].after["portability"].teacher_forced
    assert row["rewrite"] == fmean(report.after["rewrite"].teacher_forced for report in reports)
    assert row["rewrite_before"] == fmean(report.before["rewrite"].teacher_forced for report in reports)
    assert row["target_error_max"] == pytest.approx(max(report.target_error for report in reports), abs=1e-6)


@pytest.mark.parametrize(("layers", "count", "expected"), [(30, 5, [5, 10, 14, 19, 24]), (4, 5, [0, 1, 2])])
def test_layers_are_spread_over_the_depth(layers, count, expected):
    deep = tiny_model("llama", layers=layers)
    assert spread_layers(deep, count) == expected


def test_the_best_layer_has_the_highest_rewrite_and_is_stored(model, facts):
    store = Store()
    swept, best = search(model, facts[:2], [0, 2], "r-rome", store)
    rows = [summary(swept, layer) for layer in (0, 2)]
    top = max((row["rewrite"], row["overall"]) for row in rows)
    assert rows[[0, 2].index(best)]["rewrite"] == top[0] and rows[[0, 2].index(best)]["overall"] == top[1]
    again, same = search(model, facts[:2], [0, 2], "r-rome", store)
    assert (again.to_json(), same) == (swept.to_json(), best)  # seconds too: not run again


@pytest.mark.parametrize("editor", EDITORS)
def test_the_seconds_are_of_a_whole_search(model, facts, editor):
    assert edit_seconds(model, facts[:1], 1, editor) > 0
    assert not list(derived_path(model, "values").glob("*"))  # nothing read, nothing kept


def test_a_model_that_knows_nothing_is_refused(model):
    with pytest.raises(LgaError, match=f"knows no fact of {FACT_SET}"):
        known_facts(model, None, 0, Store())
