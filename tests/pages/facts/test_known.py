"""What the model knows: asked, answered from the store, filtered by, left by a stopped job, and not to be had."""

import json
from collections.abc import Sequence

from streamlit.testing.v1 import AppTest

from lga_core.data.facts import Fact
from lga_core.results import KnownFactCheck
from lga_core.runs.storage.keys import known_facts_run
from lga_core.runs.storage.store import Store
from lga_core.service.process.jobs import Job
from lga_core.service.process.machine import identity
from lga_core.service.requests import KnownFactsRequest
from tests.pages.conftest import forget_all
from tests.pages.driving import RECORDS, SUBJECTS, kept, metrics, name_model, record, stopped, wait, words
from tests.pages.facts.driving import chosen, frame, open_page, use


def store_checks(page: AppTest, facts: Sequence[Fact], answer: str) -> None:
    """As a job leaves them: the tiny model's own tokens start no answer that can be written."""
    run = known_facts_run(identity(page.session_state["lga"].question.model), Store())
    for fact in facts:
        run.append(fact.fingerprint, KnownFactCheck(record=fact.record, known=True, greedy=answer, probability=0.5))


def test_asking_the_model_shows_its_answers_and_a_new_server_has_them_at_once(page: AppTest):
    assert "has not been asked about these facts yet" in words(page) and metrics(page)["Known"] == "–"
    page.button(key="ask_model").click().run()
    wait(page)
    table = frame(page, "the model says")
    assert set(table["model"]) <= {"known", "not known"} and table["p"].between(0, 1).all()
    assert "ask_model" not in {button.key for button in page.button} and "from the store" not in words(page)
    assert metrics(page)["Known of 10"] == str((table["model"] == "known").sum())

    forget_all()
    page.run()
    assert frame(page, "the model says").equals(table) and "has not been asked" not in words(page)


def test_a_job_about_another_model_is_not_taken_for_this_ones(page: AppTest):
    facts = tuple(chosen(page).facts)
    kept(page).jobs["known"] = Job(0, "Asking the model", KnownFactsRequest(model="gemma-3-270m", facts=facts))
    page.run()
    assert "A model is being asked about other facts" in words(page) and "the answers appear here" not in words(page)


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
    mixed = [
        *(record(subject, "Peru") for subject in list(SUBJECTS)[:3]),
        {**RECORDS[3], "ground_truth": []},
        *RECORDS[4:],
    ]
    use(page, "mixed.json", json.dumps(mixed).encode())
    store_checks(page, chosen(page).facts[:3], "Peru")
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


def test_what_a_stopped_job_left_is_shown_and_the_rest_is_asked(page: AppTest):
    page.button(key="ask_model").click().run()  # the engine has said what models run on here
    wait(page)
    use(page, "other.json", json.dumps([record(subject, "Peru") for subject in SUBJECTS]).encode())
    store_checks(page, chosen(page).facts[:4], "Peru")
    page.run()
    assert (frame(page, "the model says")["model"] != "not asked").sum() == 4
    assert page.button(key="ask_model").label == "Ask the model about 6 facts"
    page.button(key="ask_model").click().run()
    wait(page)
    assert kept(page).jobs["known"].result == (6, 0) and "ask_model" not in {button.key for button in page.button}


def test_without_a_model_the_page_says_how_to_ask(app: AppTest):
    app.selectbox(key="model").select("other").run()
    open_page(app)
    assert "Choose a model in the sidebar" in words(app) and len(frame(app, "prompt")) > 100


def test_no_network_for_the_model_is_one_box(app: AppTest):
    open_page(app)
    app.button(key="ask_model").click().run()
    wait(app)
    assert len(app.error) == 1 and "LGA_OFFLINE" in words(app) and len(frame(app, "prompt")) > 100


def test_what_is_told_of_a_stopped_question_is_told_of_its_facts_and_model_only(page: AppTest):
    model = page.session_state["lga"].question.model
    stopped(page, "known", KnownFactsRequest(model=model, facts=chosen(page).facts[:3]))
    assert "It was cancelled" in words(page)
    name_model(page, "tiny/other")
    assert "It was cancelled" not in words(page)
    name_model(page, model)
    assert "It was cancelled" in words(page)
    use(page, "other.json", json.dumps([record(subject, "Peru") for subject in SUBJECTS]).encode())
    assert "It was cancelled" not in words(page)
