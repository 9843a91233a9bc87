"""The golden-layers page: first screen, scoring, options at once, cancel and what it keeps, the store."""

import time

from streamlit.testing.v1 import AppTest

from pages._ui import answers
from tests.pages.driving import jobs, metrics, wait, words


def test_the_first_screen_says_what_will_happen_and_has_one_primary_button(app: AppTest):
    assert app.title[0].value == "Which layer should be edited?"
    assert "about a minute" in words(app) and not app.error
    assert [button.label for button in app.button if button.proto.type == "primary"] == ["Score layers"]


def test_scoring_shows_the_pick_its_interval_and_the_cost(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    shown = metrics(ready)
    assert shown["Facts used"] == "10 of 10"
    assert shown["Golden layer"] in {"0", "1", "2", "3"}
    assert shown["95 % of picks"] not in ("", "–")
    assert shown["Cost of LGA"].endswith(" s")
    assert ready.get("plotly_chart"), "the figure is missing"
    assert "CMA (MLP)" in words(ready)     # the tiny model knows no fact: CMA says why it has no pick


def test_options_that_only_read_the_values_change_the_answer_at_once(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    before = ready.session_state["lga"].jobs["score"]
    figure = ready.get("plotly_chart")[0].proto.spec
    ready.selectbox(key="scope").select("attention").run()
    assert ready.session_state["lga"].jobs["score"] is before and not before.alive
    assert ready.get("plotly_chart")[0].proto.spec != figure
    ready.toggle(key="fenced").set_value(False).run()
    assert "attention · no fences" in words(ready) and "None: no fences." in words(ready)


def test_an_option_that_needs_a_measurement_offers_it(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    ready.selectbox(key="old").select("model").run()
    assert "has not been measured" in words(ready)
    ready.button(key="measure_missing").click().run()
    wait(ready)
    assert "has not been measured" not in words(ready)
    question = ready.session_state["lga"].asked
    assert {need.settings.old for need in answers.answers_to(question).measured if need.measurement == "gradients"} \
        == {"data", "model"}


def test_the_same_question_is_answered_from_the_store_within_a_second(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    answers.answers_to.clear()               # another server process would know nothing either
    begin = time.monotonic()
    ready.button(key="score").click().run()
    wait(ready)
    assert time.monotonic() - begin < 3      # two runs of the page and a poll; the job itself is under a second
    assert jobs(ready)[0].snapshot().elapsed < 1
    assert any("Answered from the store" in item.value for item in ready.markdown)


def test_cancel_keeps_what_is_finished_and_says_so(ready: AppTest):
    ready.button(key="score").click().run()
    question = ready.session_state["lga"].asked
    job = ready.session_state["lga"].jobs["score"]
    known = answers.answers_to(question)
    wait(ready, lambda: bool(known.facts))   # the model is loaded and the facts are chosen
    job.cancel()
    wait(ready)
    assert job.snapshot().state in ("cancelled", "finished")
    if job.snapshot().state == "cancelled":
        assert "was cancelled" in words(ready)
    ready.button(key="score").click().run()  # goes on from there
    wait(ready)
    assert metrics(ready)["Facts used"] == "10 of 10"


def test_a_changed_sidebar_keeps_the_results_and_says_that_they_are_from_before(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    ready.number_input(key="n").set_value(5).run()
    assert metrics(ready)["Facts used"] == "10 of 10" and "these are the results from before" in words(ready)


def test_other_scores_are_measured_on_demand(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    ready.button(key="measure_others").click().run()
    wait(ready)
    table = next(frame.value for frame in ready.dataframe if "ρ with LGA" in frame.value.columns)
    assert {"LGA", "Gradient × activation", "Integrated gradients", "Middle layer"} <= set(table["method"])
    assert "measure_others" not in {button.key for button in ready.button}
