"""The sweep page: the form and what it takes, a sweep to its end, a cancelled one, selectors, held-out facts, files."""

import json
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.editing.table import EDITORS
from lga_core.view import study as view
from pages._ui import study, sweeping
from tests.pages.driving import load_model, metrics, wait, words


@pytest.fixture
def page(ready: AppTest) -> AppTest:
    """The sweep page for three of the ten facts, with a short search."""
    ready.number_input(key="n").set_value(3).run()
    ready.switch_page("pages/layer_sweep.py").run()
    ready.number_input(key="set_r-rome_value_steps").set_value(2).run()
    return ready


def table(app: AppTest, column: str):
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def job(app: AppTest):
    return app.session_state["lga"].jobs["sweep"]


def test_before_any_batch_the_time_is_not_known(page: AppTest):
    assert "Up to 12 edits: 3 facts × 4 layers" in words(page) and "not known yet" in words(page)
    assert page.button(key="sweep").disabled          # what C takes is told first
    load_model(page)
    assert not page.button(key="sweep").disabled
    assert "3 proxy facts × 4 layers. 12 edits. Time: not known yet" in words(page).replace("**", "")


def test_the_first_batch_is_measured_kept_and_projected(page: AppTest):
    load_model(page)
    page.button(key="sweep_estimate").click().run()
    wait(page)
    assert "3 of 12 edits are in the store" in words(page) and "The others take about" in words(page)
    assert page.button(key="sweep").label == "Go on"
    assert page.get("plotly_chart"), "the first batch is not drawn"


def test_a_sweep_to_its_end(page: AppTest):
    load_model(page)
    page.button(key="sweep").click().run()
    wait(page)
    assert job(page).snapshot().state == "finished"
    shown = metrics(page)
    assert shown["Best layer"] in {"0", "1", "2", "3"} and shown["Sweep cost"].endswith(" s")
    assert "All 12 edits are in the store" in words(page) and page.button(key="sweep").disabled
    regrets = table(page, "regret")
    best = regrets[regrets["selector"] == "Brute force"].iloc[0]
    assert best["layer"] == shown["Best layer"] and best["regret"] == 0 and best["hit@1"] == "yes"
    assert "in-sample, so flattering" in words(page)
    assert {"Brute force", "Middle layer"} == set(table(page, "times cheaper")["selector"])
    asked = next(iter(page.get("plotly_chart"))).proto.spec
    assert json.loads(asked)["layout"]["height"] > 300


def test_a_cancelled_sweep_keeps_its_batches_and_goes_on(page: AppTest):
    load_model(page)
    page.button(key="sweep").click().run()
    found = known(page)
    while job(page).alive and not (found.found and found.sweeps["proxy"].measured[0, 0] == 1):
        time.sleep(0.01)
    job(page).cancel()
    wait(page)
    assert job(page).snapshot().state == "finished" or "was cancelled" in words(page)
    if not found.sweeps["proxy"].complete:   # it may have come to its end meanwhile
        assert page.button(key="sweep").label == "Go on"
        page.button(key="sweep").click().run()
        wait(page)
    assert "All 12 edits are in the store" in words(page)


def test_held_out_facts_judge_the_picks_and_selectors_are_scored_on_demand(page: AppTest):
    page.selectbox(key="sweep_test").select("rest").run()
    page.number_input(key="sweep_test_n_10").set_value(2).run()
    page.slider(key="sweep_layers_4").set_value((1, 2)).run()
    load_model(page)
    assert "3 proxy facts and 2 test facts × 2 layers" in words(page)
    page.button(key="sweep").click().run()
    wait(page)
    assert "on 2 facts held out from the picks" in words(page)
    page.button(key="sweep_score").click().run()
    wait(page)
    regrets = table(page, "regret")
    assert {"LGA", "LGA, cosine", "Forecast", "Forecast + racing", "Gradient × activation",
            "Brute force"} <= set(regrets["selector"])
    assert "Integrated gradients" not in set(regrets["selector"]) and set(regrets["n judged"]) == {2}
    assert metrics(page)["Golden layer"] in {"0", "1", "2", "3"} and "LGA" in words(page)
    proxy, test = (known(page).facts[part] for part in ("proxy", "test"))
    assert not {fact.subject for fact in proxy} & {fact.subject for fact in test}
    page.segmented_control(key="sweep_part").select("proxy").run()
    assert "in-sample, so flattering" in words(page)


def test_an_editor_without_a_second_moment_starts_at_once_and_a_chosen_layer_goes_to_the_trial(page: AppTest):
    page.selectbox(key="editor").select("ft-m").run()
    page.slider(key="sweep_layers_4").set_value((2, 2)).run()
    assert not page.button(key="sweep").disabled
    page.button(key="sweep").click().run()
    wait(page)
    assert metrics(page)["Best layer"] == "2"
    page.session_state["layers"] = [2]
    page.run()
    assert page.button(key="to_trial").label == "Try an edit at layer 2"
    page.switch_page("pages/trial_edit.py").run()
    assert page.multiselect(key="layers").value == [2] and page.selectbox(key="editor").value == "ft-m"


def test_the_study_is_shown_unit_by_unit_and_together(page: AppTest):
    shown = [table.value for table in page.get("table")]
    together, pairs, claims, alone, fewer, _between, terms = shown
    found = study.read()
    assert view.recommendation(found.over) in words(page)
    assert together.shape[0] == len(found.over.selectors) + 3 and (len(pairs), len(claims)) == (3, 5)
    assert {"LGA", "CMA, MLP", "Forecast", "Brute force"} <= set(alone.index)
    assert list(fewer.columns) == ["LGA", "CMA, MLP", "Forecast", "Brute force"]
    assert len(terms) == len(found.parts.selectors)
    page.selectbox(key="study_unit").select_index(1).run()
    assert view.unit_title(list(found.units.values())[1]) in words(page)
    model = found.main[-1].model
    page.selectbox(key="study_model").select(model)
    page.selectbox(key="study_selector").select("brute-force").run()
    assert len(page.get("table")[5].value) == sum(unit.model == model for unit in found.main)


def known(app: AppTest) -> sweeping.Swept:
    """The sweep that the page shows."""
    question = app.session_state["lga"].question
    settings = EDITORS["r-rome"].settings()
    settings = replace(settings, value=replace(settings.value, steps=2))
    first, end = app.slider(key="sweep_layers_4").value
    rest = app.selectbox(key="sweep_test").value == "rest"
    test = sweeping.TestChoice(facts=question.facts, fingerprint=question.fingerprint, limit=2) if rest else None
    return sweeping.swept(sweeping.SweepQuestion(question=question, editor="r-rome", settings=settings, test=test,
                                                  layers=tuple(range(first, end + 1))))
