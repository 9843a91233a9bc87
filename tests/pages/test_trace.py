"""The causal trace: three kinds of heatmaps with attributions, what the store has, the layer chosen, and averages."""

import json
from dataclasses import replace

import pandas as pd
from streamlit.testing.v1 import AppTest

from lga_core.progress import Phase
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from lga_core.service.process.jobs import Job
from lga_core.service.reading.run_groups import RunGroup, grouped
from lga_core.service.requests import TraceRequest
from tests.conftest import tiny_network
from tests.pages.driving import RECORDS, kept, metrics, name_model, stopped, upload, wait, words


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
    ready.pills(key="trace_kinds").set_value(["hidden"]).run()
    assert words(ready).count("from the store") == 1, "hidden states were just traced, the attribution was there"


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


def test_another_trace_that_runs_is_not_taken_for_this_one(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    other = replace(kept(ready).shown[TraceRequest], kinds=("hidden",))
    kept(ready).jobs["trace"] = Job(0, "Tracing the fact", other)
    ready.run()
    assert "Another trace is running" in words(ready) and "The first heatmap appears here" not in words(ready)


def test_the_trace_marks_no_golden_layer_where_the_options_leave_no_pick(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    assert kept(ready).golden is not None
    ready.selectbox(key="facts_read").select("known").run()  # the tiny model knows none
    assert kept(ready).golden is None


def open_average(app: AppTest) -> AppTest:
    app.session_state["average_open"] = True
    return app.run()


def without_answers(app: AppTest, model_folder) -> None:
    """Facts without an old answer, which are traced whatever the random model says; one that it does not know."""
    name_model(app, str(model_folder))
    records = [{**one, "ground_truth": one["ground_truth"] if n == 1 else []} for n, one in enumerate(RECORDS)]
    upload(app, "untold.json", json.dumps(records).encode())
    app.button(key="use_upload").click().run()
    app.switch_page("causal_trace.py").run()


def test_the_average_is_closed_at_first_and_says_what_it_would_show(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    assert not [button for button in ready.button if button.key == "average_trace"]
    open_average(ready)
    assert "Many facts’ traces, averaged" in words(ready) and not ready.button(key="average_trace").disabled


def test_traces_of_many_facts_are_averaged_and_shared_with_single_ones(app: AppTest, model_folder, downloads):
    without_answers(app, model_folder)
    app.pills(key="trace_kinds").set_value(["hidden", "mlp"]).run()
    app.button(key="trace").click().run()
    wait(app)
    open_average(app)
    assert "Partial, 1 of 1 usable fact, 9 not checked yet" in words(app)
    app.number_input(key="average_facts_10").set_value(4).run()
    app.button(key="average_trace").click().run()
    wait(app)
    result = kept(app).jobs["average trace"].result
    assert list(result) == ["hidden", "mlp"] and app.button(key="average_trace").disabled
    used = len(result["mlp"])
    single = kept(app).jobs["trace"].result["mlp"].provenance.key
    origins = {stored.provenance.key: stored.from_store for stored in result["mlp"]}
    assert used in (3, 4) and origins[single] and sum(origins.values()) == 1
    figures = [chart.proto.spec for chart in app.get("plotly_chart")]
    averages = [spec for spec in figures if "first subject token, n " in spec]
    assert len(averages) == 2 and all(f"over {used} facts" in spec for spec in averages)
    assert "at the last subject token the mean effect is largest at layer" in words(app)
    assert f"Only {used} usable facts" in words(app) and "Partial" not in words(app)
    assert "Think again if that row has no peak" in words(app)
    table = downloads["MLP output, CSV"]()
    assert table.splitlines()[0] == "kind,position,layer,effect,half_width,n" and len(table.splitlines()) == 1 + 6 * 4
    one_row_that_opens(app, str(model_folder), used)


def one_row_that_opens(app: AppTest, model: str, traced: int) -> None:
    """On the page Runs the traces of a kind are one row, and its runs are listed where it is opened."""

    def listed() -> pd.DataFrame:
        return next(frame.value for frame in app.dataframe if "took" in frame.value.columns)

    app.switch_page("runs.py").run()
    app.text_input(key="runs_search").input(f"causal {model}").run()
    rows = listed()
    assert sorted(rows["what"]) == [f"Causal trace: {kind}, {traced} facts" for kind in ("MLP", "hidden state")]
    assert set(rows["key"]) == {f"{traced} runs"} and set(rows["state"]) == {"complete"}
    headers = [header for header in RunIndex(Store()).headers() if header.model == model]
    group = next(item for item in grouped(headers) if isinstance(item, RunGroup) and item.headers[0].kind.name == "mlp")
    app.session_state["runs_group"] = group.name  # as a click on its row leaves it, which the test runner does not know
    app.run()
    assert set(listed()["key"]) == {header.key[:8] for header in group.headers}
    assert f"Causal trace: MLP, {traced} facts: {traced} runs of {2 * traced}, each a trace of one fact." in words(app)
    app.button(key="runs_all").click().run()
    assert list(listed()["key"]) == list(rows["key"]) and not app.exception


def test_where_the_model_knows_none_of_the_facts_the_page_says_so(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    open_average(ready)
    ready.number_input(key="average_facts_10").set_value(2).run()
    ready.button(key="average_trace").click().run()
    wait(ready)
    assert "There is no trace to average." in words(ready)
    assert "knows none of these facts" in words(ready) and ready.button(key="average_trace").disabled


def test_a_cancelled_average_shows_what_is_traced_and_goes_on(app: AppTest, model_folder, shared_engine):
    tiny_network("llama", layers=16).save_pretrained(model_folder)  # its traces take some seconds
    without_answers(app, model_folder)
    app.pills(key="trace_kinds").set_value(["hidden"]).run()
    open_average(app)
    app.button(key="average_trace").click().run()
    job = kept(app).jobs["average trace"]

    def is_tracing() -> bool:
        progress = job.snapshot().progress
        if progress is None or progress.phase is not Phase.CMA_HIDDEN or progress.done == 0:
            return False
        shared_engine.cancel(job)
        return True

    wait(app, is_tracing)
    wait(app)
    assert "was cancelled. The traced facts are kept" in words(app) and "Partial, " in words(app)
    app.button(key="average_trace").click().run()
    wait(app)
    assert "Partial" not in words(app) and "was cancelled" not in words(app)
    reused = [stored.from_store for stored in kept(app).jobs["average trace"].result["hidden"]]
    assert reused[0] and not reused[-1]
