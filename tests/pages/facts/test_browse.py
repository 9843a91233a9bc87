"""The browse view: filters, the file and the set of what they leave, one fact in full, and words shown as they are."""

import json

from streamlit.testing.v1 import AppTest
from uploading import read_facts

from tests.pages.driving import RECORDS, metrics, record, words
from tests.pages.facts.driving import chosen, frame, open_page, show, tick, use


def test_filters_cut_the_list_and_their_facts_are_a_set_and_a_file(app: AppTest, downloads):
    open_page(app)  # the shipped set has relations
    everything = read_facts("all.json", downloads["download_facts"]().encode(), ".json")
    assert metrics(app)["Facts"] == str(len(everything.facts)) and everything.problems == ()
    app.multiselect(key="facts_relations").set_value(["capital"])
    app.multiselect(key="facts_having").set_value(["portability"]).run()
    capitals = [fact for fact in everything.facts if fact.relation == "capital" and fact.portability]
    table = frame(app, "prompt")
    assert 0 < len(capitals) < len(everything.facts) and table["record"].tolist() == [one.record for one in capitals]
    app.text_input(key="facts_search").input("tokyo").run()
    assert [fact.subject for fact in read_facts("x.json", downloads["download_facts"]().encode(), ".json").facts] == [
        "Japan"
    ]
    app.button(key="use_part").click().run()
    assert app.selectbox(key="facts").value == "World facts, “tokyo”, capital, portability"
    assert chosen(app).facts == tuple(fact for fact in capitals if fact.subject == "Japan")
    assert app.text_input(key="facts_search").value == "" and app.number_input(key="n").value == 1


def test_a_ticked_fact_is_shown_in_full_and_taken_to_its_trace(page: AppTest):
    tick(page, "expected", 3)
    shown = words(page)
    assert "LeBron James" in shown and "The model says" in shown and "not asked" in shown
    assert frame(page, "probe")["probe"].tolist() == ["rephrase", "locality"]
    page.switch_page("causal_trace.py").run()  # whose own choice is remembered from now on
    open_page(page)
    tick(page, "expected", 3)
    page.button(key="to_causal_trace").click()
    tick(page, "expected", 3)  # the test runner forgets ticks from one run to the next
    page.switch_page("causal_trace.py").run()  # which the test runner does not do by itself
    assert next(box.value for box in page.selectbox if box.label == "Fact") == 3


def test_a_tick_is_of_one_set_also_where_another_has_the_same_record_numbers(page: AppTest):
    def table(view: str, column: str) -> str:
        """What the browser knows the table by, and its tick."""
        show(page, view)
        if view == "report":
            page.segmented_control(key="report_shown").set_value("all records").run()
        return next(item.proto.id for item in page.dataframe if column in item.value.columns)

    before = {view: table(view, column) for view, column in (("browse", "prompt"), ("report", "notes"))}
    use(page, "others.json", json.dumps([*RECORDS[1:], RECORDS[0]]).encode())
    for view, column in (("browse", "prompt"), ("report", "notes")):
        assert table(view, column) != before[view]


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
