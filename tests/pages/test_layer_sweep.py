"""The sweep page: the form and what it takes, a sweep to its end, a cancelled one, selectors, held-out facts, files."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.service.reading.sweep import SweepView, scored_set
from lga_core.service.requests import ScoreRequest, SweepRequest
from lga_core.view.words.sweep import study as view
from lga_core.view.words.sweep.claims import recommendation
from pages._ui.shell.text import safe
from pages._ui.sweep import study_view as study
from tests.conftest import tiny_network
from tests.pages.conftest import forget_all
from tests.pages.driving import RECORDS, kept, metrics, name_model, open_tab, stopped, upload, wait, words


@pytest.fixture
def page(ready: AppTest) -> AppTest:
    """The sweep page for three of the ten facts, with a short search and without a second moment."""
    ready.number_input(key="n").set_value(3).run()
    ready.switch_page("layer_sweep.py").run()
    ready.number_input(key="set_r-rome_value_steps").set_value(2)
    ready.selectbox(key="set_r-rome_covariance").select("identity")
    return ready.run()


def table(app: AppTest, column: str):
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def job(app: AppTest):
    return kept(app).jobs["sweep"]


def shown(app: AppTest) -> SweepView:
    """The sweep as the page has read it."""
    _asked, reader = app.session_state["lga"].sweep
    return reader.read()


def sweep(app: AppTest) -> AppTest:
    app.button(key="sweep").click().run()
    return wait(app)


def test_before_any_batch_the_size_is_known_and_the_time_is_not(page: AppTest):
    assert "3 proxy facts × 4 layers. 12 edits. Time: not known yet" in words(page).replace("**", "")
    assert not page.button(key="sweep").disabled
    page.toggle(key="known").set_value(True).run()  # which facts those are is not known yet
    assert "Up to 12 edits: 3 facts × 4 layers" in words(page) and "not known yet" in words(page)


def test_a_model_of_one_layer_has_no_range_to_choose(app: AppTest, model_folder: Path):
    tiny_network("llama", layers=1).save_pretrained(model_folder)
    name_model(app, str(model_folder))
    app.switch_page("layer_sweep.py").run()
    assert "32 proxy facts × 1 layer. 32 edits" in words(app).replace("**", "")
    assert not app.button(key="sweep").disabled


def test_facts_without_a_new_answer_cannot_be_swept_or_edited_and_the_pages_say_so(ready: AppTest):
    known = [{name: value for name, value in item.items() if name != "target_new"} for item in RECORDS]
    upload(ready, "known.json", json.dumps(known).encode())
    ready.button(key="use_upload").click().run()
    ready.switch_page("layer_sweep.py").run()
    assert "None of these facts has a new answer" in words(ready)
    assert "sweep" not in {button.key for button in ready.button}
    ready.switch_page("edits.py").run()
    for shown_view in ("several", "many"):
        ready.segmented_control(key="edits_view").set_value(shown_view).run()
        assert "None of these facts has a new answer" in words(ready) and not ready.error


def test_a_sweep_to_its_end(page: AppTest):
    sweep(page)
    assert job(page).snapshot().state == "finished"
    cards = metrics(page)
    assert cards["Best layer"] in {"0", "1", "2", "3"} and cards["Sweep cost"].endswith(" s")
    assert "All 12 edits are measured" in words(page) and page.button(key="sweep").disabled
    regrets = table(page, "regret")
    best = regrets[regrets["selector"] == "Brute force"].iloc[0]
    assert best["layer"] == cards["Best layer"] and best["regret"] == 0 and best["hit@1"] == "yes"
    assert "in-sample, so flattering" in words(page)
    open_tab(page, "sweep_tab", "Metrics at the picks")
    assert "teacher-forced token accuracy, first accepted answer. Proxy facts: No cap leaves a probe out" in words(page)
    open_tab(page, "sweep_tab", "Cost")
    assert {"Brute force", "Middle layer"} == set(table(page, "times cheaper")["selector"])
    figure = next(iter(page.get("plotly_chart"))).proto.spec
    assert json.loads(figure)["layout"]["height"] > 300


def test_a_running_sweep_has_one_estimate_and_a_cancelled_one_goes_on(page: AppTest):
    page.number_input(key="set_r-rome_value_steps").set_value(200).run()
    page.number_input(key="set_r-rome_value_stop_loss").set_value(0.0).run()
    page.button(key="sweep").click().run()
    wait(page, lambda: not job(page).alive or bool(shown(page).judging))
    if job(page).alive:
        assert "edits measured" in words(page) and "The others take" not in words(page)
        page.button(key="cancel_sweep").click().run()
    wait(page)
    if job(page).snapshot().state == "cancelled":
        assert "was cancelled" in words(page) and page.button(key="sweep").label == "Go on"
        assert "of 12 edits are measured" in words(page) and "The others take about" in words(page)
        sweep(page)
    assert "All 12 edits are measured" in words(page)


def test_a_finished_sweep_is_read_without_a_model(page: AppTest, shared_engine):
    sweep(page)
    cards = metrics(page)
    shared_engine.process.kill()
    wait(page, lambda: shared_engine.model is None)
    forget_all()  # as a server that was started just now
    page.run()
    assert metrics(page) == cards and "All 12 edits are measured" in words(page)
    assert shared_engine.process is None


def test_held_out_facts_judge_the_picks_and_selectors_are_scored_on_demand(page: AppTest):
    page.selectbox(key="sweep_test").select("rest").run()
    page.number_input(key="sweep_test_n_10").set_value(2).run()
    page.slider(key="sweep_layers_4").set_value((1, 2)).run()
    assert "3 proxy facts and 2 test facts × 2 layers" in words(page)
    sweep(page)
    progress = job(page).snapshot().progress
    assert (progress.done, progress.total) == (10, 10)  # both parts are one count
    assert "on 2 facts held out from the picks" in words(page)
    page.button(key="sweep_score").click().run()
    wait(page)
    regrets = table(page, "regret")
    assert {"LGA", "LGA, cosine", "Forecast", "Forecast + racing", "Gradient × activation", "Brute force"} <= set(
        regrets["selector"]
    )
    assert "Integrated gradients" not in set(regrets["selector"]) and set(regrets["n judged"]) == {2}
    assert metrics(page)["Golden layer"] in {"0", "1", "2", "3"} and "LGA" in words(page)
    proxy, test = (shown(page).facts[part] for part in ("proxy", "test"))
    assert not {fact.subject for fact in proxy} & {fact.subject for fact in test}
    page.segmented_control(key="sweep_part").select("proxy").run()
    assert "in-sample, so flattering" in words(page)


def test_a_chosen_layer_goes_to_the_trial(page: AppTest):
    page.selectbox(key="editor").select("ft-m").run()
    page.slider(key="sweep_layers_4").set_value((2, 2)).run()
    assert not page.button(key="sweep").disabled
    page.button(key="sweep").click().run()
    wait(page)
    assert metrics(page)["Best layer"] == "2"
    page.session_state["layers"] = [2]
    page.run()
    assert page.button(key="to_trial").label == "Try an edit at layer 2"
    page.switch_page("trial_edit.py").run()
    assert page.multiselect(key="layers").value == [2] and page.selectbox(key="editor").value == "ft-m"


def test_the_study_is_shown_unit_by_unit_and_together(page: AppTest):
    measured = study.read()
    page.session_state["study_units"] = True
    page.run()
    for title, group in measured.groups.items():
        page.selectbox(key="study_group").select(title).run()
        together, pairs, claims = tables(open_tab(page, "study_tab", "All units"))
        assert together.shape[0] == len(group.over.selectors) + 3
        assert len(pairs) == len(view.pairs_table(group.over)) and len(claims) == 6
        assert recommendation(group.over) in words(page)
        (terms,) = tables(open_tab(page, "study_tab", "The forecast’s terms"))
        assert len(terms) == len(group.parts.selectors)
        open_tab(page, "study_tab", "From set to set")
        model = group.units[-1].model
        page.selectbox(key="study_model").select(model)
        page.selectbox(key="study_selector").select("brute-force").run()
        assert len(tables(page)[0]) == sum(unit.model == model for unit in group.units)
    open_tab(page, "study_tab", "One unit")
    for place, unit in enumerate(measured.units.values()):
        page.selectbox(key="study_unit").select_index(place).run()
        alone, fewer = tables(page)
        assert view.unit_title(unit) in words(page)
        measured_with = {pick.title for pick in unit.picks}
        assert {"Forecast", "Brute force", *map(safe, ("LGA (loss: answer)", "CMA, MLP"))} <= set(alone.index)
        assert ("LGA" in measured_with) == ("LGA" in alone.index) == ("LGA" in fewer.columns)


def tables(app: AppTest) -> list:
    return [shown.value for shown in app.get("table")]


def test_what_is_told_of_a_stopped_sweep_is_told_of_that_one_only(page: AppTest):
    stopped(page, "sweep", kept(page).shown[SweepRequest])
    assert "It was cancelled" in words(page)
    page.selectbox(key="editor").select("ft-m").run()
    assert "It was cancelled" not in words(page)


def test_what_is_told_of_stopped_selectors_is_told_of_their_facts_only(page: AppTest):
    request = kept(page).shown[SweepRequest]
    stopped(
        page, "selectors", ScoreRequest(model=request.model, proxy=scored_set(request.proxy, shown(page)), needs=())
    )
    assert "It was cancelled" in words(page)
    page.number_input(key="n").set_value(2).run()
    assert "It was cancelled" not in words(page)
