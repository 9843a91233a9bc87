"""The form of an edit: layers, editors, their settings, and the text of the second moments."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.editing.table import EDITORS
from tests.pages.driving import jobs, metrics, quick, words
from tests.pages.trial.driving import edit, last


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


def test_a_trial_without_its_text_fails_with_what_to_do(page: AppTest, tmp_path: Path):
    page.selectbox(key="set_r-rome_covariance").select("file:").run()
    page.text_input(key="set_r-rome_covariance_file").input(str(tmp_path / "none.txt")).run()
    edit(page)
    assert "cannot be read" in words(page) and all(job.result is None for job in jobs(page))
