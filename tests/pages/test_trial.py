"""The trial edit: from one click to its metrics before and after, on whichever page and after a reload of the tab."""

import io
import json
import shutil
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.results import METHOD_TITLES, TrialStage, UneditedMetrics
from lga_core.runs.storage.store import Store
from lga_core.service.process import machine
from lga_core.service.process.jobs import Job
from lga_core.service.reading import every_layer
from lga_core.service.requests import EasyEditRequest
from pages._ui.session.state import Trial
from pages._ui.shell import engine
from tests.pages.conftest import APP
from tests.pages.driving import jobs, kept, metrics, name_model, quick, wait, words


@pytest.fixture
def page(ready: AppTest) -> AppTest:
    """The trial page with layer 1; no job has run, so the model is not in memory."""
    ready.switch_page("trial_edit.py").run()
    return ready.multiselect(key="layers").set_value([1]).run()


def edit(app: AppTest) -> AppTest:
    app.button(key="edit").click().run()
    return wait(app)


def last(app: AppTest) -> Trial:
    job = kept(app).trials[-1]
    report, stored = job.result
    return Trial(request=job.request, report=report, stored=stored)


def test_one_click_loads_the_model_and_edits_before_and_after(page: AppTest):
    page.multiselect(key="layers").set_value([1, 2]).run()
    page.number_input(key="set_r-rome_value_steps").set_value(3).run()
    edit(page)
    shown = metrics(page)
    assert shown["Rewrite, n 1"].count("→") == 1 and shown["Portability, n 0"] == "n/a"
    assert "R-ROME at layers 1 and 2" in words(page)
    probes = next(table.value for table in page.table if "expected" in table.value.columns)
    assert list(probes["metric"]) == ["rewrite", "rephrase", "locality"]
    written = next(table.value for table in page.table if "target error" in table.value.columns)
    assert written["layer"].tolist() == [1, 2] and all(float(error) < 1e-3 for error in written["target error"])
    assert all(steps <= 3 for steps in written["steps"])


def test_the_protocol_is_named_and_another_one_is_another_trial(page: AppTest):
    edit(quick(page))
    assert "teacher-forced token accuracy, first accepted answer" in words(page)
    assert "No cap leaves a probe out" in words(page)
    page.selectbox(key="measure_answers").select("best").run()
    edit(page)
    assert "teacher-forced token accuracy, best accepted answer" in words(page)
    assert not last(page).stored.from_store and last(page).report.answers == "best"
    assert "Answer that counts: the best, default the first" in words(page)


def test_the_recommended_layer_is_proposed(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = ready.button(key="to_trial").label.removeprefix("Try an edit at layer ")
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [int(recommended)] != [3]
    ready.multiselect(key="layers").set_value([]).run()
    assert ready.multiselect(key="layers").value == []  # proposed once


def test_a_new_tab_proposes_the_recommended_layer_from_the_store(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = ready.button(key="to_trial").label.removeprefix("Try an edit at layer ")
    kept(ready).proposed = kept(ready).golden = None  # as in a tab that has not seen the scores
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [int(recommended)]


def test_what_was_proposed_for_one_model_is_not_chosen_for_another(ready: AppTest, model_folder: Path, tmp_path: Path):
    ready.button(key="score").click().run()
    wait(ready)
    ready.switch_page("trial_edit.py").run()
    assert len(ready.multiselect(key="layers").value) == 1
    other = shutil.copytree(model_folder, tmp_path / "other")
    config = other / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"note": "another"}))
    ready.text_input(key="other_model").input(str(other)).run()
    assert ready.multiselect(key="layers").value == []


def test_a_layer_that_the_page_proposed_itself_gives_way_to_what_is_recommended_now(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    button = ready.button(key="to_trial").label
    recommended = int(button.removeprefix("Try an edit at layer "))
    kept(ready).proposed = (str(ready.session_state["lga"].question.model), (recommended + 1) % 3)  # by earlier scores
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [(recommended + 1) % 3]
    ready.switch_page("golden_layers.py").run()
    assert ready.button(key="to_trial").label == button
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [recommended]
    ready.multiselect(key="layers").set_value([(recommended + 1) % 3]).run()
    ready.switch_page("golden_layers.py").run()
    assert ready.button(key="to_trial").label != button, "the reader's own choice stays"


def test_scores_that_were_asked_on_another_page_replace_those_that_golden_layers_showed(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = int(ready.button(key="to_trial").label.removeprefix("Try an edit at layer "))
    model = ready.session_state["lga"].question.model
    ready.switch_page("trial_edit.py").run()
    kept(ready).proposed = kept(ready).golden = (model, (recommended + 1) % 3)  # of the scores from before
    ready.button(key="score").click().run()
    wait(ready)
    assert ready.multiselect(key="layers").value == [recommended]
    assert (model, (recommended + 1) % 3) not in (kept(ready).proposed, kept(ready).golden)


def test_the_recommended_layer_is_proposed_for_many_edits(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = ready.button(key="to_trial").label.removeprefix("Try an edit at layer ")
    ready.switch_page("edits.py").run()
    ready.segmented_control(key="edits_view").set_value("many").run()
    assert ready.multiselect(key="layers").value == [int(recommended)]
    assert f"at layer {recommended}, measured" in words(ready)


def test_a_trial_that_ends_while_another_page_is_open_is_shown(page: AppTest):
    quick(page).button(key="edit").click().run()
    page.switch_page("facts.py").run()
    wait(page)
    page.switch_page("trial_edit.py").run()
    assert metrics(page)["Rewrite, n 1"] and "R-ROME at layer 1" in words(page)


def test_a_trial_outlives_a_reload_of_the_tab(page: AppTest, model_folder: Path):
    """A reload is a new session that takes back what the tab kept."""
    edit(quick(page))
    fresh = AppTest.from_file(str(APP), default_timeout=900).run()
    fresh.session_state["lga"].kept = kept(page)
    fresh.switch_page("trial_edit.py").run()
    name_model(fresh, str(model_folder))
    assert "Rewrite, n 1" in metrics(fresh) and metrics(fresh) == metrics(page) and not fresh.exception


def test_a_trial_on_another_model_is_not_shown_under_this_one(page: AppTest, model_folder: Path, tmp_path: Path):
    edit(quick(page))
    assert "Rewrite, n 1" in metrics(page)
    other = shutil.copytree(model_folder, tmp_path / "other-llama")
    name_model(page, str(other))
    assert "Rewrite, n 1" not in metrics(page) and "keep" not in {button.key for button in page.button}
    history = next(frame.value for frame in page.dataframe if "editor" in frame.value.columns)
    assert list(history["model"]) == [str(model_folder)]
    name_model(page, str(model_folder))
    assert "Rewrite, n 1" in metrics(page) and not page.button(key="keep").disabled


def test_why_a_file_could_not_be_made_is_shown_until_it_can(page: AppTest, downloads, monkeypatch):
    edit(quick(page))
    with monkeypatch.context() as busy:
        busy.setattr(engine, "FILE_SECONDS", 0.0)
        with pytest.raises(LgaError):
            downloads["easyedit"]()
    for _ in range(2):  # a running job draws the page anew at any time
        page.run()
        assert "The engine is busy with other work." in words(page) and "Download it again" in words(page)
    assert downloads["easyedit"]()[:2] == b"PK"
    page.run()
    assert not page.error


def test_the_same_trial_again_comes_from_the_store_and_stands_once_in_the_history(page: AppTest):
    quick(page)
    for layers in ([1], [2], [1]):
        page.multiselect(key="layers").set_value(layers).run()
        edit(page)
    assert any("Answered from the store" in item.value for item in page.markdown)
    history = next(frame.value for frame in page.dataframe if "editor" in frame.value.columns)
    assert list(history["layers"]) == ["1", "2"] and "recorded" not in history.columns


def test_stages_are_shown_as_they_come_and_a_cancelled_trial_shows_what_it_has(page: AppTest):
    """The job is stopped in its side effects, whose texts are long for that."""
    quick(page).button(key="edit").click().run()
    job = kept(page).trials[-1]
    wait(page, lambda: isinstance(job.published, TrialStage) or not job.alive)
    if job.alive:
        page.button(key="cancel_edit").click().run()
    wait(page)
    if job.result is None:
        shown = metrics(page)
        assert shown["Rewrite, n 1"].count("→") == 1 and "Drift, mean KL" not in shown
        assert "drift and fluency: not measured" in words(page)
    edit(page)
    assert "Drift, mean KL" in metrics(page) and "not measured" not in words(page)


def test_what_the_model_scores_as_it_is_stands_there_before_the_edit(page: AppTest, monkeypatch):
    published = []
    original = Job.show

    def show(job: Job, value: object) -> None:
        published.append(value)
        original(job, value)

    monkeypatch.setattr(Job, "show", show)
    page.button(key="edit").click().run()
    job = kept(page).trials[-1]
    wait(page, lambda: job.published is not None or not job.alive)
    if isinstance(job.published, UneditedMetrics):  # the page was drawn while the edit was searched
        assert metrics(page)["Rewrite, n 1"].endswith("→ …")
    wait(page)
    unedited, edited = published[:2]
    assert isinstance(unedited, UneditedMetrics) and isinstance(edited, TrialStage)
    forced = {name: (metric.teacher_forced, metric.n) for name, metric in edited.report.before.items()}
    assert {name: (metric.teacher_forced, metric.n) for name, metric in unedited.metrics.items()} == forced
    assert "…" not in metrics(page)["Rewrite, n 1"]


def test_one_button_edits_the_fact_at_every_layer_with_its_scores(page: AppTest):
    quick(page).button(key="every_layer").click().run()
    wait(page)
    assert "Best for this fact: layer" in words(page) and "No golden layer is known yet" in words(page)
    request = jobs(page)[-1].request
    model = machine.identity(request.model)
    found = every_layer.read(model, request, Store())
    assert found.complete and found.sweep.layers == tuple(range(model.layers))
    assert found.best == int(np.argmax(found.sweep.overall[0]))
    for method, item in found.scores.items():
        assert f"{METHOD_TITLES[method]}: not measured" not in words(page)
        assert [row.record for row in item.rows] == [request.fact.record]
    page.switch_page("facts.py").run()
    page.switch_page("trial_edit.py").run()
    assert "Best for this fact: layer" in words(page)


def test_what_was_clicked_last_stands_first(page: AppTest):
    every, one = "**This edit at every layer**", "**What was written**"

    def order() -> list[str]:
        return [item.value for item in page.markdown if item.value in (every, one)]

    quick(page).button(key="every_layer").click().run()
    wait(page)
    edit(page)
    assert order() == [one, every]
    page.button(key="every_layer").click().run()
    wait(page)
    assert order() == [every, one]


def test_no_layer_no_edit(page: AppTest):
    page.multiselect(key="layers").set_value([]).run()
    assert page.button(key="edit").disabled and "Choose at least one layer" in words(page)


@pytest.mark.parametrize("name", EDITORS)
def test_every_editor_says_what_it_can_and_edits_with_its_form(page: AppTest, name: str):
    editor = EDITORS[name]
    page.selectbox(key="editor").select(name).run()
    shown = words(page)
    assert editor.about in shown and editor.source in shown and editor.families in shown
    assert f"Batches of facts: {'yes' if editor.batch else 'no'}" in shown and "Several layers: " in shown
    usual = editor.settings()
    searched = hasattr(usual, "value")
    fewer = replace(usual, value=replace(usual.value, steps=2)) if searched else replace(usual, steps=2)
    steps = "value_steps" if searched else "steps"
    assert (
        f"Default: 25. Source: {'EasyEdit' if searched else 'ROME'}"
        in page.number_input(key=f"set_{name}_{steps}").help
    )
    page.number_input(key=f"set_{name}_{steps}").set_value(2).run()
    assert "Steps, at most: 2, default 25" in words(page)
    edit(page)
    done = last(page)
    assert done.request.settings == fewer and done.report.settings == asdict(fewer)
    cards = metrics(page)
    assert {"Drift, mean KL", "Drift, largest KL", "Fluency", "‖ΔW‖ / ‖W‖"} <= set(cards)
    assert (cards["Target error"] == "n/a") == name.startswith("ft-")


def test_whether_second_moments_are_at_hand_is_said_before_and_after_the_model_is_there(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pages._ui.model.memory_notes.ASK_SECONDS", 60.0)
    assert "those that are not kept yet are collected first" in words(page) and not page.button(key="edit").disabled
    edit(quick(page))  # without a second moment; the model is in memory now
    page.selectbox(key="set_r-rome_covariance").select("own-text").run()
    assert "The second moment C of layer 1 is collected first" in words(page)
    page.selectbox(key="set_r-rome_covariance").select("identity").run()
    assert "second moment" not in words(page)
    page.selectbox(key="set_r-rome_covariance").select("file:").run()
    assert "name the text’s path" in words(page) and page.button(key="edit").disabled
    page.text_input(key="set_r-rome_covariance_file").input(str(tmp_path / "none.txt")).run()
    assert "cannot be read" in words(page)
    text = tmp_path / "text.txt"
    text.write_text("The Space Needle is in downtown Seattle. " * 60)
    page.text_input(key="set_r-rome_covariance_file").input(str(text)).run()
    assert "collected first" in words(page)
    edit(page)
    assert last(page).request.settings.covariance == f"file:{text}"
    assert "The second moments C are at hand" in words(page)

    page.switch_page("runs.py").run()
    page.session_state["cache_open"] = True
    page.run()
    page.button_group(key="cache_kinds").set_value(["second moments"]).run()
    page.button(key="cache_clean").click().run()
    page.switch_page("trial_edit.py").run()
    assert "is collected first" in words(page) and "are at hand" not in words(page)


def test_a_setting_that_is_not_allowed_is_named(page: AppTest):
    page.number_input(key="set_r-rome_value_learning_rate").set_value(0.0).run()
    assert "Learning rate" in words(page) and page.button(key="edit").disabled


def test_warnings_are_shown_as_such(page: AppTest):
    page.selectbox(key="editor").select("ft-m").run()
    page.number_input(key="set_ft-m_learning_rate").set_value(5.0).run()
    page.number_input(key="set_ft-m_steps").set_value(3).run()
    edit(page)
    assert any("The edit blew up" in item.value for item in page.warning)


def test_a_trial_without_its_text_fails_with_what_to_do(page: AppTest, tmp_path: Path):
    page.selectbox(key="set_r-rome_covariance").select("file:").run()
    page.text_input(key="set_r-rome_covariance_file").input(str(tmp_path / "none.txt")).run()
    edit(page)
    assert "cannot be read" in words(page) and all(job.result is None for job in jobs(page))


def test_a_trial_goes_to_easyedit_and_its_file_fills_the_form(page: AppTest, shared_engine):
    edit(quick(page))
    trial = last(page).request
    assert any(button.key == "easyedit" for button in page.get("download_button"))
    asked = EasyEditRequest(
        model=trial.model, facts=(trial.fact,), layers=(1,), editor=trial.editor, settings=trial.settings
    )
    written = shared_engine.start(asked, "Writing")
    assert written.wait(900)
    files = zipfile.ZipFile(io.BytesIO(written.result))
    assert files.namelist() == ["hparams.yaml", "facts.json"]
    text = files.read("hparams.yaml").decode()
    page.selectbox(key="editor").select("memit").run()
    page.multiselect(key="layers").set_value([]).run()
    page.file_uploader(key="hparams").upload("mine.yaml", text.encode(), "application/yaml").run()
    assert page.selectbox(key="editor").value == "r-rome" and page.multiselect(key="layers").value == [1]
    assert page.number_input(key="set_r-rome_value_steps").value == 2
    assert page.selectbox(key="set_r-rome_covariance").value == "identity"
    assert "mine.yaml: No setting here: model_name" in words(page)
    edit(page)
    assert last(page).request == trial
    other = text.replace("v_loss_layer: 3", "v_loss_layer: 1")
    page.file_uploader(key="hparams").upload("other.yaml", other.encode(), "application/yaml").run()
    assert "v_loss_layer is 1; here it is always 3" in words(page)


def test_a_file_that_is_none_of_easyedits_changes_nothing(page: AppTest):
    quick(page)
    page.file_uploader(key="hparams").upload("<b>.yaml", b"alg_name: [", "application/yaml").run()
    assert "<b>.yaml cannot be used: it is broken YAML" in words(page)
    assert page.number_input(key="set_r-rome_value_steps").value == 2
