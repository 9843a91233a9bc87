"""A trial is kept: over other pages, a reload of the tab and another model, and asked again."""

import shutil
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import APP
from tests.pages.driving import kept, metrics, name_model, quick, wait, words
from tests.pages.trial.driving import edit


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


def test_the_same_trial_again_comes_from_the_store_and_stands_once_in_the_history(page: AppTest):
    quick(page)
    for layers in ([1], [2], [1]):
        page.multiselect(key="layers").set_value(layers).run()
        edit(page)
    assert any("Answered from the store" in item.value for item in page.markdown)
    history = next(frame.value for frame in page.dataframe if "editor" in frame.value.columns)
    assert list(history["layers"]) == ["1", "2"] and "recorded" not in history.columns
