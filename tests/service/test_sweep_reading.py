"""What pages see of a sweep: read from the store as it grows, judged anew only when something was added."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_fact
from worth.swept import PARTS

from lga_core.editing.settings import RankOneSettings
from lga_core.results import METRICS, FactRow, KnownFactCheck, ModelIdentity, SweepCell
from lga_core.runs.storage.keys import cell_name, known_facts_run, measurement_run, sweep_run
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import ForecastSettings
from lga_core.service.reading.sweep import SweepReader, missing_needs, need_of, scored_set
from lga_core.service.requests import ProxySet, SweepRequest
from lga_core.worth.selectors import SELECTORS

SUBJECTS = ("Space Needle", "Eiffel Tower", "Angela Merkel", "LeBron James", "Toyota", "Brazil")
FACTS = tuple(
    make_fact(number, f"The {subject} is in", subject, "Boston", "Seattle") for number, subject in enumerate(SUBJECTS)
)
IDENTITY = ModelIdentity(name="made", fingerprint="made", dtype="torch.float32", machine="cpu", layers=3)
PROXY = ProxySet(name="six", candidates=FACTS, limit=2)
REST = ProxySet(name="six", candidates=FACTS, limit=3)
REQUEST = SweepRequest(
    model="made",
    proxy=PROXY,
    test=REST,
    layers=(0, 2),
    editor="r-rome",
    settings=RankOneSettings(covariance="identity"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def reader_of(store: Store, request: SweepRequest = REQUEST, identity: ModelIdentity | None = IDENTITY) -> SweepReader:
    return SweepReader(identity, request, 0, store)


def add_cells(store: Store, places: dict[tuple[int, int], float]) -> None:
    """(record, layer) -> the rewrite after the edit."""
    run = sweep_run(IDENTITY, REQUEST.editor, REQUEST.settings, store)
    for (record, layer), value in places.items():
        run.append(
            cell_name(FACTS[record].fingerprint, layer),
            SweepCell(
                record=record,
                layer=layer,
                before=dict.fromkeys(METRICS, 0.0),
                after=dict.fromkeys(METRICS) | {"rewrite": value},
                probes=dict.fromkeys(METRICS, 1),
                nll=dict.fromkeys(METRICS, 1.0),
                target_error=0.0,
                delta_norm=1.0,
                clamped=False,
                losses=(1.0,),
            ),
        )


def add_lga(store: Store, records: tuple[int, ...]) -> None:
    need = need_of("lga", 0, REQUEST.settings)
    run = measurement_run(IDENTITY, PROXY.name, FACTS[:2], need.measurement, need.settings, store)
    for record in records:
        values = {part: np.array([3.0, 2.0, 1.0]) for part in PARTS}
        run.append(
            FACTS[record].fingerprint,
            FactRow(record=record, status="used", old_answer="a", old_source="data", known=True, values=values),
        )


def test_nothing_is_measured_yet(store: Store):
    view = reader_of(store).read()
    assert {part: [fact.record for fact in facts] for part, facts in view.facts.items()} == {
        "proxy": [0, 1],
        "test": [2, 3, 4],
    }
    assert view.judging == () and {part: sweep.measured.shape for part, sweep in view.sweeps.items()} == {
        "proxy": (2, 2),
        "test": (3, 2),
    }


def test_without_a_model_of_that_name_the_facts_are_known_and_no_more(store: Store):
    view = reader_of(store, identity=None).read()
    assert len(view.facts["proxy"]) == 2 and view.layers is None and not view.sweeps and not view.scores


def test_the_view_is_another_one_only_after_something_was_added(store: Store):
    reader = reader_of(store)
    first = reader.read()
    assert reader.read() is first
    add_cells(store, {(0, 0): 0.0, (0, 2): 100.0})
    second = reader.read()
    assert second is not first and second.judging == ("proxy",) and second.scores is first.scores
    assert reader.verdict("proxy") is reader.verdict("proxy")
    before = reader.verdict("proxy")
    add_cells(store, {(1, 0): 0.0, (1, 2): 100.0})
    reader.read()
    assert reader.verdict("proxy") is not before and reader.verdict("proxy").n_facts == 2


def test_the_verdict_has_the_seed_that_was_chosen(store: Store):
    add_cells(store, {(0, 0): 0.0, (0, 2): 100.0})
    assert [SweepReader(IDENTITY, REQUEST, seed, store).verdict("proxy").seed for seed in (0, 3)] == [0, 3]


def test_the_test_facts_judge_first_and_the_proxy_when_asked(store: Store):
    add_cells(store, {(0, 0): 0.0, (0, 2): 100.0, (2, 0): 50.0, (2, 2): 0.0})
    add_lga(store, (0, 1))
    reader = reader_of(store)
    assert reader.read().judging == ("test", "proxy")
    verdict = reader.verdict("test")
    picks = {item.pick.selector: item.pick.layer for item in verdict.selectors}
    assert picks["brute-force"] == 2 and verdict.best_layer == 0 and not verdict.in_sample
    assert picks["lga"] in (0, 2) and "cma-mlp" not in picks
    assert reader.verdict("proxy").in_sample and reader.verdict("proxy").best_layer == 2


def test_scores_count_when_every_proxy_fact_has_its_row(store: Store):
    reader = reader_of(store)
    add_lga(store, (0,))
    assert "lga" not in reader.read().scores
    add_lga(store, (1,))
    scores = reader.read().scores
    assert scores["lga"][1].rows == 2 and scores["middle"][1] is None
    assert "LGA" not in missing_needs(scores, 0, REQUEST.settings)
    assert (
        missing_needs(scores, 0, REQUEST.settings)["CMA, MLP"][1] is False
        and missing_needs({}, 0, REQUEST.settings)["LGA"][1] is True
    )


def test_known_facts_are_told_once_the_model_was_asked(store: Store):
    known = replace(REQUEST, proxy=replace(PROXY, known_only=True), test=replace(REST, known_only=True))
    reader = reader_of(store, known)
    assert reader.read().facts == {}
    run = known_facts_run(IDENTITY, store)
    for fact in FACTS:
        run.append(
            fact.fingerprint, KnownFactCheck(record=fact.record, known=fact.record != 1, greedy="a", probability=0.5)
        )
    assert {part: [fact.record for fact in facts] for part, facts in reader.read().facts.items()} == {
        "proxy": [0, 2],
        "test": [3, 4, 5],
    }


def test_facts_without_a_new_answer_are_not_swept(store: Store):
    facts = (replace(FACTS[0], target_new=None), *FACTS[1:])
    request = replace(REQUEST, proxy=replace(PROXY, candidates=facts), test=None)
    assert [fact.record for fact in reader_of(store, request).read().facts["proxy"]] == [1]


def test_the_forecast_is_of_the_edit_that_is_swept():
    """As on the command line: ridge, source and seed of C are the editor's, whatever seed the question has."""
    settings = RankOneSettings(covariance="identity", ridge=0.5, seed=5)
    forecast = need_of("forecast", 3, settings).settings
    assert (forecast.covariance, forecast.ridge) == ("identity", 0.5) != (ForecastSettings().covariance, 0.5)
    assert forecast.seed == 5 and need_of("cma-mlp", 3, settings).settings.seed == 3
    assert (
        missing_needs({}, 0, settings)["Forecast"][0].settings
        == forecast
        == SELECTORS["forecast"].settings(0, settings)
    )


def test_selectors_are_scored_on_the_facts_that_can_be_edited(store: Store):
    facts = (replace(FACTS[0], target_new=None), *FACTS[1:])
    request = replace(REQUEST, proxy=replace(PROXY, candidates=facts), test=None)
    reader = reader_of(store, request)
    asked = scored_set(request.proxy, reader.read())
    assert asked.facts == FACTS[1:2] and asked.name == PROXY.name
    need = need_of("lga", 0, request.settings)
    run = measurement_run(IDENTITY, PROXY.name, asked.facts, need.measurement, need.settings, store)
    values = {part: np.array([3.0, 2.0, 1.0]) for part in PARTS}
    run.append(
        FACTS[1].fingerprint,
        FactRow(record=1, status="used", old_answer="a", old_source="data", known=True, values=values),
    )
    scores, _stored = reader.read().scores["lga"]
    assert [row.record for row in scores.rows] == [1]
