"""What the model knows: asked, answered from the store, filtered by, cancelled, and not to be had."""

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lga_core.results import SurveyRow
from lga_core.runs import tasks
from lga_core.runs.store import Store
from pages._ui import facts_known
from pages._ui.model import shelf
from tests.pages.driving import RECORDS, SUBJECTS, metrics, record, wait, words
from tests.pages.facts.driving import chosen, frame, open_page, use


def test_asking_the_model_shows_its_answers_and_the_second_time_they_come_from_the_store(page: AppTest):
    assert "has not been asked about these facts yet" in words(page) and metrics(page)["Known"] == "–"
    page.button(key="ask_model").click().run()
    wait(page)
    table = frame(page, "the model says")
    assert set(table["model"]) <= {"known", "not known"} and table["p"].between(0, 1).all()
    assert "ask_model" not in {button.key for button in page.button} and "from the store" not in words(page)
    assert metrics(page)["Known of 10"] == str((table["model"] == "known").sum())

    st.cache_resource.clear()                # another server process would know nothing either
    page.run()
    assert "has not been asked about these facts yet" in words(page)
    page.button(key="ask_model").click().run()
    wait(page)
    assert frame(page, "the model says").equals(table) and "Answered from the store" in words(page)


def test_a_verdict_is_asked_for_where_it_is_not_there(page: AppTest):
    page.segmented_control(key="facts_verdict").set_value(False).run()
    assert "10 not asked yet" in words(page) and page.button(key="ask_model").label == "Ask the model about 10 facts"
    page.button(key="ask_model").click().run()
    wait(page)
    assert len(frame(page, "prompt")) == 10 - int(metrics(page)["Known of 10"])
    assert "not asked yet" not in words(page)


def test_known_facts_are_told_from_others_and_make_a_set(page: AppTest):
    page.button(key="ask_model").click().run()
    wait(page)
    mixed = [*(record(subject, "Peru") for subject in list(SUBJECTS)[:3]), {**RECORDS[3], "ground_truth": []},
             *RECORDS[4:]]
    use(page, "mixed.json", json.dumps(mixed).encode())
    # The tiny model's own tokens start no answer that can be written, so three verdicts are put into the store.
    asked = tasks._survey_run(shelf().peek(page.session_state["lga"].question.model), Store())
    for fact in chosen(page).facts[:3]:
        asked.append(fact.fingerprint, SurveyRow(record=fact.record, known=True, greedy="Peru", probability=0.5))
    page.run()
    assert page.button(key="ask_model").label == "Ask the model about 1 fact"
    page.button(key="ask_model").click().run()
    wait(page)
    verdicts = frame(page, "prompt")["model"].tolist()
    assert verdicts == ["known"] * 3 + ["n/a"] + ["not known"] * 6 and metrics(page)["Known of 9"] == "3"
    page.segmented_control(key="facts_verdict").set_value(True).run()
    assert frame(page, "prompt")["record"].tolist() == [0, 1, 2]
    page.button(key="use_part").click().run()
    assert chosen(page).name == "mixed.json, known" and len(chosen(page).facts) == 3


def test_a_cancelled_survey_keeps_and_shows_its_answers(page: AppTest, tiny_folder):
    memory = page.session_state["lga"]
    found = chosen(page)
    steps = facts_known._ask_steps(facts_known.shelf(), str(tiny_folder), found.facts)
    for progress in steps:
        if progress.label == "survey" and progress.done == 4:
            break
    steps.close()                            # what Job.cancel does at the next step
    page.run()
    assert memory.question.model == str(tiny_folder)
    assert (frame(page, "the model says")["model"] != "not asked").sum() == 4
    assert page.button(key="ask_model").label == "Ask the model about 6 facts"


def test_without_a_model_the_page_says_how_to_ask(app: AppTest):
    app.selectbox(key="model").select("other").run()
    open_page(app)
    assert "Choose a model in the sidebar" in words(app) and len(frame(app, "prompt")) > 100


def test_no_network_for_the_model_is_one_box(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LGA_OFFLINE", "1")
    open_page(app)
    app.button(key="ask_model").click().run()
    wait(app)
    assert len(app.error) == 1 and "LGA_OFFLINE" in words(app) and len(frame(app, "prompt")) > 100
