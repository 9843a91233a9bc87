"""Bad input: each gets one clear box that says what to do, and loses nothing."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import APP
from tests.pages.driving import RECORDS, metrics, name_model, record, upload, wait, words

PAGES = sorted(path for path in APP.parent.glob("*.py") if path != APP)


def test_an_unknown_model_is_named_with_those_close_to_it(app: AppTest):
    name_model(app, "smolm2")
    assert len(app.error) == 1 and "smollm2-135m" in words(app)
    assert app.button(key="score").disabled


def test_a_folder_without_weights_is_one_box(app: AppTest, tmp_path):
    (tmp_path / "empty").mkdir()
    name_model(app, str(tmp_path / "empty"))
    if not app.error:  # said at the latest when it is to be loaded
        app.button(key="score").click().run()
        wait(app)
    assert len(app.error) == 1 and "Traceback" not in words(app)
    assert app.number_input(key="n").value == 32


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[{", "JSON"),
        (b"", "empty"),
        (json.dumps([]).encode(), "at least one record"),
    ],
)
def test_a_broken_upload_changes_nothing(ready: AppTest, content: bytes, reason: str):
    upload(ready, "broken.json", content)
    assert len(ready.error) == 1 and reason.lower() in words(ready).lower()
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
    _type(app, line="The capital of France is", old="Paris", new="Rome")
    assert len(app.error) == 1 and "No subject is marked" in words(app) and "The capital of [France] is" in words(app)
    app.text_input(key="form_line").input("The capital of [France] is")
    app.text_input(key="form_new").input("Paris")
    app.button(key="add_typed").click().run()
    assert len(app.error) == 1 and "is the old one" in words(app)
    app.text_input(key="form_new").input("Rome")
    app.button(key="add_typed").click().run()
    assert not app.error and app.selectbox(key="facts").value == "My facts" and app.number_input(key="n").value == 1


def test_words_of_a_fact_are_never_markdown(app: AppTest, model_folder):
    evil = {**record("Rome", "Italy"), "prompt": "Rome :red[is] **in** [x](http://evil.example) <b> $a$ `c`"}
    upload(app, "evil.json", json.dumps([evil]).encode())
    app.button(key="use_upload").click().run()
    app.switch_page("causal_trace.py").run()
    shown = next(item.value for item in app.caption if "evil" in item.value)
    assert ":red[" not in shown and "**in**" not in shown and "http://" not in shown and "<b>" not in shown
    name_model(app, str(model_folder))  # whose tokens are shown one by one
    tokens = next(item.value for item in app.markdown if "-background[" in item.value)
    assert not [mark for mark in (":red[", "[**[", "[$]", "[`]", "[<]") if mark in tokens]


def test_terms_are_shown_and_accepted_once(app: AppTest):
    app.selectbox(key="model").select("gemma-3-270m").run()
    assert "Gemma Terms of Use" in words(app) and "ai.google.dev/gemma/terms" in words(app)
    assert app.button(key="score").disabled
    app.button(key="accept_terms").click().run()
    assert not app.button(key="score").disabled and "accept_terms" not in {button.key for button in app.button}


def test_no_network_is_one_box_and_the_sidebar_stays(app: AppTest):
    app.button(key="score").click().run()
    wait(app)
    assert len(app.error) == 1 and "LGA_OFFLINE" in words(app)
    assert not metrics(app) and app.selectbox(key="model").value == "smollm2-135m"


def test_a_model_that_knows_no_fact_is_one_box_with_the_way_out(ready: AppTest):
    ready.toggle(key="known").set_value(True).run()
    ready.button(key="score").click().run()
    wait(ready)
    assert len(ready.error) == 1 and "knows none of the facts of ten.json" in words(ready)
    assert "Known facts only" in words(ready) and not metrics(ready)
    ready.toggle(key="known").set_value(False).run()
    ready.button(key="score").click().run()
    wait(ready)
    assert not ready.error and metrics(ready)["Facts used"] == "10 of 10"


def test_a_catalogue_of_ones_own_that_cannot_be_read_is_one_box_on_every_page(shared_home: Path):
    own = shared_home / "models.toml"
    own.write_text("[[models]")
    try:
        app = AppTest.from_file(str(APP), default_timeout=900).run()
        for page in PAGES:
            app.switch_page(f"{page.stem}.py").run()
            assert not app.exception and len(app.error) == 1, page
            assert "models.toml, cannot be used" in words(app)
    finally:
        own.unlink()
    app.run()
    assert not app.error and not app.button(key="score").disabled
