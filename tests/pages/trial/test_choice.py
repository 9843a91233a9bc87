"""The trial page beside the edit itself: the chosen fact, the list of trials, and a model whose files come later."""

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.results import KnownFactCheck
from pages._ui.trial import every_layer, fact
from tests.pages.driving import files_come_later, quick, wait, words
from tests.pages.trial.driving import edit


def chosen(app: AppTest):
    return next(box for box in app.selectbox if box.label == "Fact")


def choose(app: AppTest, record: int) -> None:
    box = chosen(app)
    box.select_index([option.startswith(f"{record} ·") for option in box.options].index(True)).run()


def history(app: AppTest):
    return next(frame.value for frame in app.dataframe if "editor" in frame.value.columns)


def test_the_fact_that_was_chosen_last_stays_when_the_model_is_switched_back(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
):
    """Each model has its own verdicts, so each lists the facts in other words."""
    of_model: dict[int, KnownFactCheck] = {}
    monkeypatch.setattr(fact, "stored_checks", lambda facts: dict(of_model))
    choose(page, 2)
    assert chosen(page).value == 2
    of_model[0] = KnownFactCheck(record=0, known=True, greedy="Seattle", probability=0.5)
    page.run()
    assert chosen(page).value == 2
    choose(page, 5)
    of_model.clear()
    page.run()
    assert chosen(page).value == 5
    choose(page, 3)
    assert chosen(page).value == 3


def test_trials_that_differ_in_settings_or_in_the_answer_that_counts_are_told_apart(page: AppTest):
    edit(quick(page))
    page.number_input(key="set_r-rome_value_steps").set_value(3).run()
    edit(page)
    assert history(page)["settings"].tolist() == ["Steps, at most: 3, default 25", "Steps, at most: 2, default 25"]
    assert "answer that counts" not in history(page).columns
    assert "Percent, teacher-forced token accuracy, first accepted answer, before → after." in words(page)
    page.selectbox(key="measure_answers").select("best").run()
    edit(page)
    assert history(page)["answer that counts"].tolist() == ["best", "first", "first"]
    assert "Percent, teacher-forced, before → after." in words(page)


def test_an_old_answer_that_is_missing_is_not_available(ready: AppTest):
    ready.text_input(key="own_line").input("The capital of [France] is")
    ready.text_input(key="own_new").input("Rome")
    ready.button(key="own_score").click().run()
    wait(ready)
    ready.switch_page("trial_edit.py").run()
    edit(quick(ready))
    assert "**n/a → Rome**" in words(ready)


def test_every_layer_is_there_once_the_models_files_are(page: AppTest, monkeypatch: pytest.MonkeyPatch):
    """They come while the job runs, after the page was drawn."""
    quick(page).button(key="every_layer").click().run()
    wait(page)
    assert "Best for this fact: layer" in words(page)

    files = files_come_later(monkeypatch, every_layer, every_layer)
    page.run()
    assert files and "Best for this fact: layer" in words(page)
