"""The facts page: columns named by hand, the report, filters, the split, edits, downloads, and what the model knows."""

import csv
import io
import json
from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from lga_core.data.load import read_facts
from lga_core.data.select import split
from lga_core.results import SurveyRow
from lga_core.runs import tasks
from lga_core.runs.store import Store
from pages._ui import facts_known
from pages._ui.model import shelf
from tests.pages.driving import RECORDS, SUBJECTS, metrics, record, upload, wait, words

FOREIGN = (b"Frage;Wer;Neu;Wahr;Anders;Nachbar;Antwort\n"
           b"Der Space Needle steht in;Space Needle;Boston;Seattle | Washington;Wo steht der Space Needle? In;"
           b"Der Eiffelturm steht in;Paris\n"
           b"Der Louvre steht in;Louvre;Rom;Paris;;;\n"
           b"Berlin liegt in;Hamburg;Rom;Deutschland;;;\n")
PROBLEMS = [
    RECORDS[0],
    {**record("Rome", "Italy"), "subject": "Paris"},                          # skipped
    RECORDS[0],                                                               # duplicate
    record("Oslo", "Norway", "Norway"),                                       # no-op
    {**record("Berlin", "piano"), "portability": {"Reasoning": [
        {"prompt": f"Berlin {number} is", "ground_truth": [["x"]]} for number in range(13)]}},          # capped
    {**record("Madrid", "violin"), "relation": "=plays", "portability": {"Reasoning": [{"prompt": "Madrid"}]}},
]


@pytest.fixture
def page(ready: AppTest) -> AppTest:
    """The facts page with the tiny model and the ten facts."""
    return open_page(ready)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], str]]:
    """What each download button would hand to the browser, by its key: Streamlit makes it when it is asked for."""
    made, original = {}, st.download_button

    def button(label, data, **settings):
        made[settings["key"]] = data
        return original(label, data, **settings)

    monkeypatch.setattr(st, "download_button", button)
    return made


def open_page(app: AppTest, view: str | None = None) -> AppTest:
    app.switch_page("pages/facts.py").run()
    return show(app, view) if view else app


def show(app: AppTest, view: str) -> AppTest:
    return app.segmented_control(key="facts_view").set_value(view).run()


def use(app: AppTest, name: str, content: bytes) -> None:
    upload(app, name, content)
    app.button(key="use_upload").click().run()


def chosen(app: AppTest):
    """The set that the sidebar shows."""
    return app.session_state["lga"].sets[app.selectbox(key="facts").value]


def frame(app: AppTest, column: str):
    return next(item.value for item in app.dataframe if column in item.value.columns)


def change(app: AppTest, edits: dict) -> AppTest:
    """What the browser sends when cells of the editable table are changed."""
    states = app._tree.get_widget_states()
    states.widgets.append(WidgetState(id=app.data_editor[0].proto.id, string_value=json.dumps(
        {"edited_rows": {}, "added_rows": [], "deleted_rows": []} | edits)))
    return app._run(states)


def tick(app: AppTest, column: str, row: int) -> AppTest:
    """What the browser sends when the row of the table with that column is ticked."""
    table = next(item for item in app.dataframe if column in item.value.columns)
    states = app._tree.get_widget_states()
    states.widgets.append(WidgetState(id=table.proto.id, string_value=json.dumps(
        {"selection": {"rows": [row], "columns": [], "cells": []}})))
    return app._run(states)


# --- columns named by hand ----------------------------------------------------------------------------------------

def test_a_foreign_table_is_read_once_its_columns_are_named(app: AppTest):
    upload(app, "fremd.csv", FOREIGN)
    assert app.toggle(key="map_on").value and "Choose the column of: prompt, subject, new or old answer" in words(app)
    assert app.button(key="use_upload").disabled and app.selectbox(key="map_prompt").value is None
    for part, column in (("prompt", "Frage"), ("subject", "Wer"), ("target_new", "Neu"), ("target_old", "Wahr"),
                         ("locality_prompt", "Nachbar"), ("locality_answer", "Antwort")):
        app.selectbox(key=f"map_{part}").select(column)
    app.multiselect(key="map_rephrases").set_value(["Anders"]).run()
    assert "2 facts from 3 records" in words(app) and not app.error
    preview = frame(app, "target_new")
    assert preview["target_old"].tolist() == ["Seattle | Washington", "Paris"]
    assert preview["locality"].tolist() == ["Der Eiffelturm steht in => Paris", ""]
    assert frame(app, "problem")["record"].tolist()[0] == 2
    app.button(key="use_upload").click().run()
    first = chosen(app).facts[0]
    assert (first.subject, first.target_old) == ("Space Needle", ("Seattle", "Washington"))
    assert first.rephrases == ("Wo steht der Space Needle? In",)


def test_the_form_begins_with_what_the_names_suggest(app: AppTest):
    upload(app, "guess.csv", b"Question,Entity,New Answer,Answer\nThe capital of France is,France,Rome,Paris\n")
    assert app.selectbox(key="map_prompt").value == "Question" and app.selectbox(key="map_target_old").value == "Answer"
    assert "1 fact from 1 record" in words(app) and not app.button(key="use_upload").disabled
    app.toggle(key="map_on").set_value(False).run()          # the columns as they are named fit nothing
    assert "0 facts from 1 record" in words(app) and app.button(key="use_upload").disabled


def test_a_long_table_answers_the_form_from_its_first_records_and_is_taken_whole(app: AppTest):
    lines = "".join(f"The capital of France {number} is,France,Rome,{number}\n" for number in range(1200))
    upload(app, "long.csv", f"Question,Entity,New,Link\n{lines}".encode())
    assert "1,000 facts from the first 1,000 of 1,200 records" in words(app)
    app.button(key="use_upload").click().run()
    assert len(chosen(app).facts) == 1200


def test_a_known_format_may_be_mapped_on_demand_also_into_its_objects(app: AppTest):
    nested = [{"prompt": "The capital of France is", "subject": "France", "target_new": "Rome",
               "ground_truth": ["Paris"], "more": {"old": "Lutetia"}}]
    upload(app, "nested.json", json.dumps(nested).encode())
    assert not app.toggle(key="map_on").value
    app.toggle(key="map_on").set_value(True).run()
    app.selectbox(key="map_target_old").select("more.old").run()
    app.button(key="use_upload").click().run()
    assert chosen(app).facts[0].target_old == ("Lutetia",)


def test_a_broken_upload_and_a_table_without_a_usable_record_change_nothing(page: AppTest):
    upload(page, "broken.json", b"[{")
    assert len(page.error) == 1 and "broken JSON" in words(page)
    page.file_uploader(key="upload").upload("bad.csv", b"prompt,subject,target_new\nA is,B,C\n", "text/csv").run()
    assert "does not stand in its prompt" in " ".join(frame(page, "problem")["problem"])
    assert page.button(key="use_upload").disabled and page.selectbox(key="facts").value == "ten.json"


# --- hub and folders ----------------------------------------------------------------------------------------------

def load(app: AppTest, source: str) -> AppTest:
    app.button(key="add_facts").click().run()
    app.text_input(key="source").input(source).run()
    app.button(key="load_source").click().run()
    return wait(app)


def test_a_folder_and_a_file_are_read_by_path(app: AppTest, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "rows.jsonl").write_text("\n".join(map(json.dumps, RECORDS[:4])))
    load(app, str(tmp_path / "set"))
    assert not app.error and "4 facts from 4 records" in words(app)
    app.button(key="use_upload").click().run()
    assert len(chosen(app).facts) == 4
    (tmp_path / "fremd.csv").write_bytes(FOREIGN)
    load(app, str(tmp_path / "fremd.csv"))
    assert app.toggle(key="map_on").value                    # the same form as for an upload


@pytest.mark.parametrize(("source", "told"), [
    ("hub:nobody", "no data set"), ("/nowhere/at/all.json", "cannot be read"),
])
def test_a_source_that_is_not_there_is_one_box(app: AppTest, source: str, told: str):
    load(app, source)
    assert len(app.error) == 1 and told in words(app) and app.selectbox(key="facts").value == "world"


def test_no_network_is_one_box_with_its_mend(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    def unreachable(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    load(app, "hub:zjunlp/KnowEdit/x.json")
    assert len(app.error) == 1 and "out of reach" in words(app) and "HF_HUB_OFFLINE" in words(app)


# --- report -------------------------------------------------------------------------------------------------------

def test_the_report_tells_every_record_and_where_the_cap_applied(app: AppTest):
    use(app, "problems.json", json.dumps(PROBLEMS).encode())
    open_page(app, "report")
    table = frame(app, "notes").set_index("record")
    assert table.loc[1, "outcome"] == "record skipped" and "does not stand in its prompt" in table.loc[1, "notes"]
    assert table["flags"].to_dict() == {1: "", 2: "duplicate", 3: "no-op", 4: "over the cap", 5: ""}
    assert table.loc[4, "outcome"] == table.loc[5, "outcome"] == "probe dropped"
    told = words(app)
    assert "6 records: 3 kept whole, 2 with a probe dropped, 1 skipped" in told.replace("**", "")
    assert "first 10 probes of a group; 1 record had more" in told
    app.segmented_control(key="report_shown").set_value("all").run()
    assert frame(app, "notes")["record"].tolist() == [0, 1, 2, 3, 4, 5]
    app.segmented_control(key="report_shown").set_value("skipped").run()
    assert frame(app, "notes")["record"].tolist() == [1]
    tick(app, "notes", 0)
    assert "Write it as it stands there" in words(app)


def test_the_reports_csv_has_a_line_for_every_record(app: AppTest, downloads):
    use(app, "problems.json", json.dumps(PROBLEMS).encode())
    open_page(app, "report")
    lines = list(csv.DictReader(io.StringIO(downloads["download_report"]())))
    assert [line["record"] for line in lines] == list("012345")
    assert [line["duplicate"] for line in lines] == ["false", "false", "true", "false", "false", "false"]
    assert lines[1]["outcome"] == "record skipped" and "does not stand" in lines[1]["notes"]



# --- filters, downloads -------------------------------------------------------------------------------------------

def test_filters_cut_the_list_and_their_facts_are_a_set_and_a_file(app: AppTest, downloads):
    open_page(app)                                           # the shipped set has relations
    everything = read_facts("all.json", downloads["download_facts"]().encode(), ".json")
    assert metrics(app)["Facts"] == str(len(everything.facts)) and everything.problems == ()
    app.multiselect(key="facts_relations").set_value(["capital"])
    app.multiselect(key="facts_having").set_value(["portability"]).run()
    capitals = [fact for fact in everything.facts if fact.relation == "capital" and fact.portability]
    table = frame(app, "prompt")
    assert 0 < len(capitals) < len(everything.facts) and table["record"].tolist() == [one.record for one in capitals]
    app.text_input(key="facts_search").input("tokyo").run()
    assert [fact.subject for fact in read_facts("x.json", downloads["download_facts"]().encode(), ".json").facts] \
        == ["Japan"]
    app.button(key="use_part").click().run()
    assert app.selectbox(key="facts").value == "World facts, “tokyo”, capital, portability"
    assert chosen(app).facts == tuple(fact for fact in capitals if fact.subject == "Japan")
    assert app.text_input(key="facts_search").value == "" and app.number_input(key="n").value == 1


def test_a_ticked_fact_is_shown_in_full_and_taken_to_its_trace(page: AppTest):
    tick(page, "expected", 3)
    told = words(page)
    assert "LeBron James" in told and "The model says" in told and "not asked" in told
    assert frame(page, "probe")["probe"].tolist() == ["rephrase", "locality"]
    page.switch_page("pages/causal_trace.py").run()          # whose own choice is remembered from now on
    open_page(page)
    tick(page, "expected", 3)
    page.button(key="to_causal_trace").click()
    tick(page, "expected", 3)                # the test runner forgets ticks from one run to the next
    page.switch_page("pages/causal_trace.py").run()          # which the test runner does not do by itself
    assert next(box.value for box in page.selectbox if box.label == "Fact") == 3


def test_filters_that_nothing_passes_say_so_and_are_cleared(page: AppTest):
    page.text_input(key="facts_search").input("no such words").run()
    assert "No fact passes these filters" in words(page) and not frame_is_there(page, "prompt")
    page.button(key="clear_filters").click().run()
    assert len(frame(page, "prompt")) == 10


def frame_is_there(app: AppTest, column: str) -> bool:
    return any(column in item.value.columns for item in app.dataframe)


def test_words_of_facts_and_file_names_are_never_markdown(app: AppTest):
    evil = {**record("Rome", ":red[x]"), "prompt": "Rome **is** [x](http://evil.example) <b>"}
    use(app, "a**b**.json", json.dumps([evil]).encode())
    open_page(app)
    texts = [item.value for kind in ("markdown", "caption") for item in getattr(app, kind)]
    assert not [text for text in texts if "a**b**" in text or "http://evil" in text or ":red[x]" in text]


# --- split --------------------------------------------------------------------------------------------------------

def test_both_halves_of_the_seeded_split_become_sets(app: AppTest):
    twice = [*RECORDS, {**record("Rome", "football"), "prompt": "Everybody in Rome knows"}]
    use(app, "eleven.json", json.dumps(twice).encode())
    open_page(app, "split")
    app.number_input(key="split_share").set_value(30)
    app.number_input(key="split_seed").set_value(3).run()
    whole = chosen(app).facts
    proxy, test = split(whole, 0.3, 3)
    assert metrics(app)["Proxy set"] == f"{len(proxy)} facts" and metrics(app)["Test set"] == f"{len(test)} facts"
    app.button(key="use_test").click().run()
    sets = app.session_state["lga"].sets
    assert chosen(app).facts == test
    assert sets["eleven.json, proxy, 30 %, seed 3"].facts == proxy
    assert not {fact.subject for fact in proxy} & {fact.subject for fact in test}


def test_a_set_about_one_subject_cannot_be_split_and_says_why(app: AppTest):
    use(app, "one.json", json.dumps(RECORDS[:1]).encode())
    open_page(app, "split")
    assert len(app.error) == 1 and "at least two subjects" in words(app)


# --- edits --------------------------------------------------------------------------------------------------------

def test_a_mistake_in_the_table_is_listed_by_its_row_and_blocks_until_it_is_mended(page: AppTest):
    show(page, "edit")
    change(page, {"edited_rows": {"2": {"subject": "Nobody"}, "4": {"target_new": "Lima"}}})
    assert "Row 2 cannot be used" in words(page) and page.button(key="keep_edited").disabled
    assert frame(page, "problem")["record"].tolist() == [2] and "2 changed" in words(page)
    change(page, {"edited_rows": {"2": {"target_new": "Lima"}, "4": {"target_new": "Lima"}}})
    assert not page.error and not page.button(key="keep_edited").disabled


def test_a_changed_set_has_its_own_name_and_fingerprint(page: AppTest):
    before = chosen(page)
    show(page, "edit")
    change(page, {
        "edited_rows": {"0": {"target_new": "Lima", "rephrases": "One | Two",
                              "locality": "The capital of France is => Paris | Rome is in => Italy"}},
        "deleted_rows": [3], "added_rows": [{"prompt": "Oslo is in", "subject": "Oslo", "target_new": "Sweden"}]})
    assert "1 changed · 1 new · 1 deleted" in words(page)
    page.text_input(key="edited_name").input("Mine").run()
    page.button(key="keep_edited").click().run()
    after = chosen(page)
    assert after.name == "Mine" and after.fingerprint != before.fingerprint
    assert page.session_state["lga"].sets["ten.json"] is before
    first = after.facts[0]
    assert (first.target_new, first.rephrases, first.target_old) == ("Lima", ("One", "Two"), before.facts[0].target_old)
    assert [probe.group for probe in first.locality] == ["Neighborhood", "Relation_Specificity"]
    assert after.facts[1:3] == before.facts[1:3] and after.facts[3:9] == before.facts[4:]
    assert (after.facts[9].record, after.facts[9].subject) == (10, "Oslo")


def test_edits_outlive_a_look_at_another_view_and_can_be_thrown_away(page: AppTest):
    show(page, "edit")
    change(page, {"edited_rows": {"0": {"target_new": "Lima"}}})
    show(page, "report")
    show(page, "edit")
    assert "1 changed" in words(page) and page.data_editor[0].value["target_new"][0] == "Lima"
    page.button(key="discard_edited").click().run()
    assert "Nothing is changed yet" in words(page) and page.data_editor[0].value["target_new"][0] == "Boston"


# --- what the model knows -----------------------------------------------------------------------------------------

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
