"""Bad input: each gets one clear box that names the mend, and loses nothing."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.driving import RECORDS, metrics, name_model, record, upload, wait, words


def test_an_unknown_model_is_named_with_those_close_to_it(app: AppTest):
    name_model(app, "smolm2")
    assert len(app.error) == 1 and "smollm2-135m" in words(app)
    assert app.button(key="score").disabled


def test_a_folder_without_weights_is_one_box(app: AppTest, tmp_path):
    (tmp_path / "empty").mkdir()
    name_model(app, str(tmp_path / "empty"))
    if not app.error:                        # told at the latest when it is to be loaded
        app.button(key="score").click().run()
        wait(app)
    assert len(app.error) == 1 and "Traceback" not in words(app)
    assert app.number_input(key="n").value == 32


@pytest.mark.parametrize(("content", "told"), [
    (b"[{", "JSON"), (b"", "empty"), (json.dumps([]).encode(), "at least one record"),
])
def test_a_broken_upload_changes_nothing(ready: AppTest, content: bytes, told: str):
    upload(ready, "broken.json", content)
    assert len(ready.error) == 1 and told.lower() in words(ready).lower()
    assert ready.selectbox(key="facts").value == "ten.json"


def test_problems_are_listed_by_record(app: AppTest):
    wrong = {**record("Rome", "Italy"), "subject": "Paris"}
    upload(app, "some.json", json.dumps([RECORDS[0], wrong, record("Oslo", "Norway", "Norway")]).encode())
    table = next(frame.value for frame in app.dataframe if "problem" in frame.value.columns)
    assert table.loc[table["action"] == "record skipped", "record"].tolist() == [1]
    assert "does not stand in its prompt" in " ".join(table["problem"])
    assert "equals an old answer" in " ".join(table["problem"])
    app.button(key="use_upload").click().run()
    assert "1 record skipped" in words(app) and app.selectbox(key="facts").value == "some.json"


def _type(app: AppTest, **texts: str) -> None:
    app.button(key="add_facts").click().run()
    for name, text in texts.items():
        app.text_input(key=f"form_{name}").input(text)
    app.button(key="add_typed").click().run()


def test_a_typed_fact_is_checked_and_then_chosen(app: AppTest):
    _type(app, prompt="The capital of France is", subject="Spain", old="Paris", new="Rome")
    assert len(app.error) == 1 and "does not stand in its prompt" in words(app)
    app.text_input(key="form_subject").input("France")
    app.text_input(key="form_new").input("Paris")
    app.button(key="add_typed").click().run()
    assert len(app.error) == 1 and "is the old one" in words(app)
    app.text_input(key="form_new").input("Rome")
    app.button(key="add_typed").click().run()
    assert not app.error and app.selectbox(key="facts").value == "My facts" and app.number_input(key="n").value == 1


def test_words_of_a_fact_are_never_markdown(ready: AppTest):
    evil = {**record("Rome", "Italy"), "prompt": "Rome :red[is] **in** [x](http://evil.example) <b> $a$ `c`"}
    upload(ready, "evil.json", json.dumps([evil]).encode())
    ready.button(key="use_upload").click().run()
    ready.switch_page("pages/causal_trace.py").run()
    texts = [item.value for kind in ("markdown", "caption") for item in getattr(ready, kind)]
    shown = next(text for text in texts if "evil" in text)
    assert ":red[" not in shown and "**in**" not in shown and "http://" not in shown and "<b>" not in shown


def test_terms_are_shown_and_accepted_once(app: AppTest):
    app.selectbox(key="model").select("gemma-3-270m").run()
    assert "Gemma Terms of Use" in words(app) and "ai.google.dev/gemma/terms" in words(app)
    assert app.button(key="score").disabled
    app.button(key="accept_terms").click().run()
    assert not app.button(key="score").disabled and "accept_terms" not in {button.key for button in app.button}


def test_no_network_is_one_box_and_the_sidebar_stays(app: AppTest, monkeypatch):
    monkeypatch.setenv("LGA_OFFLINE", "1")
    app.button(key="score").click().run()
    wait(app)
    assert len(app.error) == 1 and "LGA_OFFLINE" in words(app)
    assert not metrics(app) and app.selectbox(key="model").value == "smollm2-135m"
