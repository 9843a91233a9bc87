"""The golden-layers page: first screen, scoring, options at once, the store, another page and a reload meanwhile."""

import json
from functools import wraps
from types import SimpleNamespace

from streamlit.testing.v1 import AppTest

from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Run, Store
from pages._ui.scoring import results
from tests.pages.conftest import APP
from tests.pages.driving import SUBJECTS, kept, metrics, open_tab, record, upload, wait, words


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
    assert "Report" in [item.proto.label for item in ready.get("download_button")]
    assert "CMA (MLP)" in words(ready)  # the tiny model knows no fact: CMA says why it has no pick


def test_the_page_leads_with_the_answer_and_the_button_proposes_its_layer(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    table = ready.table[0].value
    assert {name.replace("\\", "").removeprefix("→ ") for name in table["picked by"]} >= {
        "LGA (loss of the whole sequence)",
        "Forecast",
    }
    sentence = next(item.value for item in ready.markdown if "Edit at layer" in item.value)
    layer = int(sentence.split("Edit at layer ")[1].split(",")[0].replace("\\", ""))
    assert layer != 3, "the last of the tiny model's four layers: no edit of the subject reaches the answer there"
    assert ready.button(key="to_trial").label == f"Try an edit at layer {layer}"
    assert "the last one, no attention follows" in words(ready) and "has no unit of this model" in words(ready)


def test_the_answer_names_the_editor_that_it_is_for_and_a_link_has_it(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    assert "For an edit with R-ROME, the editor of the trial page." in words(ready)
    assert "answer_for" not in ready.query_params
    ready.switch_page("trial_edit.py").run()
    ready.selectbox(key="editor").select("memit").run()
    ready.query_params.pop("editor", None)  # as the browser does: it is bound to a widget of that page
    ready.switch_page("golden_layers.py").run()
    assert "For an edit with MEMIT, the editor of the trial page." in words(ready)
    assert ready.query_params["answer_for"] == "memit"
    linked = AppTest.from_file(str(APP), default_timeout=900)
    linked.query_params["answer_for"] = "memit"
    linked.run().switch_page("trial_edit.py").run()
    assert linked.selectbox(key="editor").value == "memit" and not linked.exception


def test_a_figure_is_made_once_for_what_it_shows(ready: AppTest, monkeypatch):
    made = []
    monkeypatch.setattr(results, "layer_heatmaps", counted(made, results.layer_heatmaps))
    ready.button(key="score").click().run()
    wait(ready)
    made.clear()
    first = ready.get("plotly_chart")[0].proto.spec
    ready.run()
    assert not made and ready.get("plotly_chart")[0].proto.spec == first
    ready.multiselect(key="layers").set_value([1]).run()
    assert len(made) == 1 and ready.get("plotly_chart")[0].proto.spec != first
    ready.multiselect(key="layers").set_value([]).run()
    assert len(made) == 1 and ready.get("plotly_chart")[0].proto.spec == first


def counted(calls: list, function):
    """`function`, which notes each of its calls."""

    @wraps(function)
    def noting(*arguments, **named):
        calls.append(arguments)
        return function(*arguments, **named)

    return noting


def test_each_heatmap_can_be_hidden(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    figure = ready.get("plotly_chart")[0].proto.spec
    ready.pills(key="heatmaps").set_value(["forecast"]).run()
    assert len(ready.get("plotly_chart")[0].proto.spec) < len(figure)
    assert "rank of the expected gain" in ready.get("plotly_chart")[0].proto.spec


def test_the_trial_page_says_where_an_edit_cannot_act_before_anyone_edits(ready: AppTest):
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([3]).run()
    assert any("cannot reach the answer" in item.value for item in ready.warning)
    ready.multiselect(key="layers").set_value([0]).run()
    assert not any("cannot reach the answer" in item.value for item in ready.warning)


def test_options_that_only_read_the_values_change_the_answer_at_once(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    before = kept(ready).jobs["score"]
    figure = ready.get("plotly_chart")[0].proto.spec
    ready.selectbox(key="scope").select("attention").run()
    assert kept(ready).jobs["score"] is before and not before.alive
    assert ready.get("plotly_chart")[0].proto.spec != figure
    ready.toggle(key="fenced").set_value(False).run()
    assert "attention · no fences" in words(ready) and "None: no fences." in words(ready)


def test_an_option_that_needs_a_measurement_offers_it(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    ready.selectbox(key="old").select("model").run()
    assert "LGA has not been measured with these options" in words(ready)
    ready.button(key="measure_missing").click().run()
    wait(ready)
    assert "has not been measured" not in words(ready)
    assert [need.settings.old for need in kept(ready).jobs["score"].result if need.measurement == "gradients"] == [
        "model"
    ]
    ready.selectbox(key="old").select("data").run()  # the first answers are still there
    assert "has not been measured" not in words(ready) and metrics(ready)["Facts used"] == "10 of 10"


def test_the_loss_is_named_with_the_chart_and_its_readings_are_measured_by_one_button(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    assert "loss of the whole sequence" in ready.get("plotly_chart")[0].proto.spec
    open_tab(ready, "scores_tab", "Readings")
    assert list(readings(ready)["note"]) == ["shown", *(["not measured yet"] * 3)]
    ready.button(key="measure_readings").click().run()
    wait(ready)
    table = readings(ready)
    assert list(table["note"]) == ["shown", "", "", ""] and table["pick"].notna().all()
    assert "measure_readings" not in {button.key for button in ready.button}
    ready.selectbox(key="loss").select("answer").run()
    assert "loss of the answer alone" in ready.get("plotly_chart")[0].proto.spec
    assert "LGA loss: answer alone" in words(ready) and "has not been measured" not in words(ready)
    assert list(readings(ready)["note"]) == ["", "", "shown", ""]


def test_the_probes_that_the_forecast_leaves_out_are_named(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    open_tab(ready, "scores_tab", "Facts")
    assert "The forecast asks 2 probes of each group of a fact. No cap leaves a probe out." in words(ready)


def stored_runs(kind: str, **settings: object) -> list[Run]:
    """This visitor's newest run of this kind and these settings."""
    ours = [header for header in RunIndex(Store()).headers() if header.kind.name == kind]
    runs = [Store().find(header.key) for header in ours]
    return [run for run in runs if settings.items() <= run.provenance.settings.items()][:1]


def readings(app: AppTest):
    """The table of LGA's readings."""
    return next(frame.value for frame in app.dataframe if "ρ with the one shown" in frame.value.columns)


def test_the_same_question_is_answered_from_the_store(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    shown = metrics(ready)
    assert "Answered from the store" not in words(ready)
    ready.button(key="score").click().run()
    wait(ready)
    assert "Answered from the store" in words(ready) and metrics(ready) == shown
    assert all(stored.from_store for stored in kept(ready).jobs["score"].result.values())


def test_results_appear_on_the_page_that_is_open_later_and_after_a_reload(ready: AppTest, monkeypatch):
    monkeypatch.setattr("pages._ui.session.tab._component", lambda **_: SimpleNamespace(name="this tab"))
    ready.run()  # the browser has said which tab it is
    ready.button(key="score").click().run()
    ready.switch_page("facts.py").run()
    wait(ready)
    ready.switch_page("golden_layers.py").run()
    shown = metrics(ready)
    assert shown["Facts used"] == "10 of 10"
    again = AppTest.from_file(str(APP), default_timeout=900)
    again.query_params["model"] = "Hub id or local folder"  # as the address has it
    again.query_params["facts"] = "ten.json"
    again.run()
    assert not again.exception and metrics(again) == shown
    assert again.session_state["lga"].question == kept(ready).asked


def test_a_changed_sidebar_keeps_the_results_and_says_that_they_are_from_before(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    ready.number_input(key="n").set_value(5).run()
    assert metrics(ready)["Facts used"] == "10 of 10" and "these are the results from before" in words(ready)
    ready.selectbox(key="old").select("model").run()
    ready.button(key="measure_missing").click().run()
    wait(ready)
    (asked,) = [run.notes.origins for run in stored_runs("gradients", old="model")]
    assert [origin.question["limit"] for origin in asked] == [10], "it is measured for the question that is shown"


def test_there_is_no_report_of_a_set_that_was_uploaded_again_with_other_facts(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    shown = metrics(ready)

    def report():
        return next(item.proto for item in ready.get("download_button") if item.proto.label == "Report")

    assert not report().disabled
    upload(ready, "ten.json", json.dumps([record(subject, "Peru") for subject in SUBJECTS]).encode())
    ready.button(key="use_upload").click().run()
    assert metrics(ready) == shown, "these are the old facts"
    assert report().disabled and "ten.json has other facts now than these" in words(ready)
    ready.button(key="score").click().run()
    wait(ready)
    assert not report().disabled and "has other facts now" not in words(ready)


def test_other_scores_are_measured_on_demand(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    assert not ready.dataframe  # in tabs that are closed
    open_tab(ready, "scores_tab", "Other scores")
    ready.button(key="measure_others").click().run()
    wait(ready)
    table = next(frame.value for frame in ready.dataframe if "ρ with LGA" in frame.value.columns)
    assert {"LGA", "Gradient × activation", "Integrated gradients", "Middle layer"} <= set(table["method"])
    assert "measure_others" not in {button.key for button in ready.button}
