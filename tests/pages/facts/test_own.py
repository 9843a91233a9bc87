"""What the model says by itself about one's own fact: offered while it is asked, and named where it is empty."""

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.data.load import fact_from_form
from lga_core.results import KnownFactCheck
from pages._ui.facts import own
from tests.pages.driving import wait, words

ASKED = fact_from_form(prompt="The capital of France is", subject="France", target_new="Rome")


def said(answer: str) -> KnownFactCheck:
    return KnownFactCheck(record=0, known=None, greedy=answer, probability=0.5)


def test_the_models_answer_is_offered_for_the_prompt_that_it_answered_only(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(own, "stored_checks", lambda facts: {facts[0].record: said("Paris")})
    app.session_state["lga"].asked_fact = ASKED

    def offered(line: str) -> bool:
        app.session_state["own_line"] = line  # as the form's button sends it
        return "with **Paris**" in words(app.run())

    assert offered("The capital of [France] is")
    assert not any(map(offered, ("The capital of [Spain] is", "No subject is marked", "")))
    assert offered("The capital of [France] is ")


def test_a_prompt_that_cannot_be_asked_says_why(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    why = "a text is longer than the model's 16 positions"
    monkeypatch.setattr(own, "stored_checks", lambda facts: {facts[0].record: KnownFactCheck.refused(0, why)})
    app.session_state["lga"].asked_fact = ASKED
    app.session_state["own_line"] = "The capital of [France] is"
    shown = words(app.run())
    assert f"This prompt cannot be asked: {why}." in shown and "The model continues" not in shown


def test_an_empty_answer_of_the_model_is_named(ready: AppTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(own, "stored_checks", lambda facts: {facts[0].record: said("")})
    ready.text_input(key="own_line").input("The capital of [France] is")
    ready.text_input(key="own_new").input("Rome")
    ready.button(key="own_score").click().run()
    wait(ready)
    assert "Old answer: **an empty line**, the model’s own." in words(ready)
