"""Adding facts: columns named by hand, folders and files by path, and sources that are not there."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.data.load import upload_table
from lga_core.service.process.jobs import Job
from lga_core.service.requests import ReadFactsRequest
from tests.pages.driving import RECORDS, kept, upload, wait, words
from tests.pages.facts.driving import chosen, frame

FOREIGN = (
    b"Frage;Wer;Neu;Wahr;Anders;Nachbar;Antwort\n"
    b"Der Space Needle steht in;Space Needle;Boston;Seattle | Washington;Wo steht der Space Needle? In;"
    b"Der Eiffelturm steht in;Paris\n"
    b"Der Louvre steht in;Louvre;Rom;Paris;;;\n"
    b"Berlin liegt in;Hamburg;Rom;Deutschland;;;\n"
)


# --- columns named by hand ----------------------------------------------------------------------------------------


def test_a_foreign_table_is_read_once_its_columns_are_named(app: AppTest):
    upload(app, "fremd.csv", FOREIGN)
    assert app.toggle(key="map_on").value and "Choose the column of: prompt, subject, new or old answer" in words(app)
    assert app.button(key="use_upload").disabled and app.selectbox(key="map_prompt").value is None
    for part, column in (
        ("prompt", "Frage"),
        ("subject", "Wer"),
        ("target_new", "Neu"),
        ("target_old", "Wahr"),
        ("locality_prompt", "Nachbar"),
        ("locality_answer", "Antwort"),
    ):
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
    app.toggle(key="map_on").set_value(False).run()  # the columns as they are named fit nothing
    assert "0 facts from 1 record" in words(app) and app.button(key="use_upload").disabled


def test_a_long_table_answers_the_form_from_its_first_records_and_is_taken_whole(app: AppTest):
    lines = "".join(f"The capital of France {number} is,France,Rome,{number}\n" for number in range(1200))
    upload(app, "long.csv", f"Question,Entity,New,Link\n{lines}".encode())
    assert "1,000 facts from the first 1,000 of 1,200 records" in words(app)
    app.button(key="use_upload").click().run()
    assert len(chosen(app).facts) == 1200


def test_a_known_format_may_be_mapped_on_demand_also_into_its_objects(app: AppTest):
    nested = [
        {
            "prompt": "The capital of France is",
            "subject": "France",
            "target_new": "Rome",
            "ground_truth": ["Paris"],
            "more": {"old": "Lutetia"},
        }
    ]
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
    assert app.toggle(key="map_on").value  # the same form as for an upload


def test_what_a_job_has_read_is_taken_also_where_an_upload_has_drawn_the_columns_form(app: AppTest):
    upload(app, "fremd.csv", FOREIGN)
    assert app.toggle(key="map_on").value
    table = upload_table("four.json", json.dumps(RECORDS[:4]).encode(), ".json")
    request = ReadFactsRequest(source="/data/four.json")
    kept(app).jobs["load"] = Job.answered("Reading the data set", request, (table, table.facts()))
    app.run()
    assert not app.exception and not app.error and "4 facts from 4 records" in words(app)
    assert "load" not in kept(app).jobs and not app.toggle(key="map_on").value


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("hub:nobody", "no data set"),
        ("/nowhere/at/all.json", "cannot be read"),
    ],
)
def test_a_source_that_is_not_there_is_one_box(app: AppTest, source: str, reason: str):
    load(app, source)
    assert len(app.error) == 1 and reason in words(app) and app.selectbox(key="facts").value == "world"


def test_no_network_is_one_box_that_says_what_to_do(app: AppTest):
    load(app, "hub:zjunlp/KnowEdit/x.json")
    assert len(app.error) == 1 and "out of reach" in words(app) and "HF_HUB_OFFLINE" in words(app)


def test_a_source_that_is_not_named_is_asked_for(app: AppTest):
    app.button(key="add_facts").click().run()
    app.session_state["add_tab"] = "Hub or folder"
    app.run()
    app.button(key="load_source").click().run()
    assert "Nothing is named to be read" in words(app) and not kept(app).jobs
