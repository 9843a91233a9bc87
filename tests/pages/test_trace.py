"""The causal trace: three kinds of heatmaps with attributions, what the store has, and the layer chosen beside them."""

from streamlit.testing.v1 import AppTest

from lga_core.service.requests import TraceRequest
from tests.pages.driving import kept, metrics, stopped, wait, words


def test_a_trace_gives_three_heatmaps_and_the_attributions(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    assert "blue-background[" in words(ready)  # the tokens, from the model's files
    ready.button(key="trace").click().run()
    wait(ready)
    assert len(ready.get("plotly_chart")) == 4
    shown = metrics(ready)
    assert float(shown["p clean"]) > 0 and {"p corrupted", "Total effect", "Traced token"} <= set(shown)
    assert "Token attributions" in words(ready) and "blue-background[" in words(ready)
    first = ready.get("plotly_chart")[0].proto.spec
    ready.toggle(key="trace_estimate").set_value(True).run()
    assert "an estimate" in ready.get("plotly_chart")[0].proto.spec != first


def test_a_traced_fact_is_read_from_the_store_and_another_kind_is_measured(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    ready.pills(key="trace_kinds").set_value(["mlp"]).run()
    ready.button(key="trace").click().run()
    wait(ready)
    assert len(ready.get("plotly_chart")) == 2 and "from the store" not in words(ready)
    assert ready.button(key="trace").disabled
    ready.pills(key="trace_kinds").set_value(["hidden", "mlp"]).run()
    assert len(ready.get("plotly_chart")) == 2 and not ready.button(key="trace").disabled
    ready.button(key="trace").click().run()
    wait(ready)
    assert len(ready.get("plotly_chart")) == 3
    assert [name for name, stored in kept(ready).jobs["trace"].result.items() if stored.from_store] == [
        "mlp",
        "attribution",
    ]
    assert "from the store" in words(ready)


def test_before_the_models_files_are_here_the_page_shows_the_prompt(app: AppTest):
    app.switch_page("causal_trace.py").run()
    assert "tokens are shown once the model is fetched" in words(app) and not app.button(key="trace").disabled


def test_a_layer_chosen_beside_the_trace_carries_over_to_the_trial(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    ready.button(key="trace").click().run()
    wait(ready)
    ready.multiselect(key="layers").set_value([2]).run()
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [2]
    assert ready.button(key="edit").label == "Edit at layer 2"


def test_what_is_told_of_a_stopped_trace_is_told_of_that_one_only(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    stopped(ready, "trace", kept(ready).shown[TraceRequest])
    assert "It was cancelled" in words(ready)
    ready.pills(key="trace_kinds").set_value(["mlp"]).run()
    assert "It was cancelled" not in words(ready)


def test_the_trace_marks_no_golden_layer_where_the_options_leave_no_pick(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    assert kept(ready).golden is not None
    ready.selectbox(key="facts_read").select("known").run()  # the tiny model knows none
    assert kept(ready).golden is None
