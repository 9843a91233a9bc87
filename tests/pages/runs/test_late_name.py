"""A page that is used before the browser has said which tab it is."""

import json

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import APP
from tests.pages.driving import RECORDS, kept, metrics, name_model, upload, wait
from tests.pages.runs.driving import header, recognized


def test_what_was_asked_before_the_tab_was_known_belongs_to_it(ready: AppTest, model_folder):
    """The browser is slow: the page was used before it has said which tab this is."""
    ready.number_input(key="n").set_value(4).run()
    recognized(ready, "tab")
    ready.button(key="score").click().run()
    wait(ready)
    earlier = kept(ready)
    again = AppTest.from_file(str(APP), default_timeout=900).run()  # a reload
    assert kept(again) is not earlier
    name_model(again, str(model_folder))
    upload(again, "other.json", json.dumps([{**one, "ground_truth": ["London"]} for one in RECORDS]).encode())
    again.button(key="use_upload").click().run()
    again.button(key="score").click().run()
    job = kept(again).jobs["score"]
    recognized(again, "tab")
    assert kept(again) is earlier and earlier.jobs["score"] is job and job.asker == earlier.id
    assert {"ten.json", "other.json"} <= set(earlier.sets)
    wait(again)
    assert earlier.asked.facts == "other.json" == again.session_state["lga"].question.facts
    assert metrics(again)["Facts used"] == "10 of 10"


def test_a_run_that_was_opened_before_the_tab_was_known_is_not_shown_with_its_old_scores(ready: AppTest):
    for facts in (4, 6):
        ready.number_input(key="n").set_value(facts).run()
        ready.button(key="score").click().run()
        wait(ready)
        if facts == 4:
            key = header("gradients").key
    recognized(ready, "tab")
    again = AppTest.from_file(str(APP), default_timeout=900).run()  # a reload
    again.session_state["lga"].reopening = (key,)
    again.run()
    recognized(again, "tab")
    assert kept(again) is kept(ready) and kept(again).asked.limit == 4 and "score" not in kept(again).jobs
    assert metrics(again)["Facts used"] == "4 of 4"


def test_an_edit_that_was_kept_before_the_tab_was_known_is_in_its_ledger(scored: AppTest):
    recognized(scored, "tab")
    scored.button(key="keep").click().run()
    wait(scored)
    model = scored.session_state["lga"].question.model
    assert len(current(scored, model).entries) == 1
    again = AppTest.from_file(str(APP), default_timeout=900)
    again.query_params["run"] = header("r-rome").key[:16]
    again.run()
    again.session_state["lga"].reopening = (header("r-rome").key[:16],)
    again.switch_page("trial_edit.py").run()
    again.button(key="keep").click().run()
    recognized(again, "tab")
    wait(again)
    assert kept(again) is kept(scored) and len(current(again, model).entries) == 2


def current(app: AppTest, model: str):
    """The tab's ledger as the engine has shown it last."""
    job = kept(app).jobs["ledger"]
    assert job.request.model == model and job.request.session == kept(app).id and job.error is None
    return job.result
