"""One fact: the causal trace's three kinds with attributions, and the trial edit before and after."""

from streamlit.testing.v1 import AppTest

from lga_core.models.fingerprint import weights_hash
from pages._ui.model import shelf
from tests.pages.driving import metrics, wait, words


def test_a_trace_gives_three_heatmaps_and_the_attributions(ready: AppTest):
    ready.switch_page("pages/causal_trace.py").run()
    assert "The Space Needle" in words(ready) or "known for" in words(ready)
    ready.button(key="trace").click().run()
    wait(ready)
    assert len(ready.get("plotly_chart")) == 4
    shown = metrics(ready)
    assert float(shown["p clean"]) > 0 and {"p corrupted", "Total effect", "Traced token"} <= set(shown)
    assert "Token attributions" in words(ready) and "blue-background[" in words(ready)
    first = ready.get("plotly_chart")[0].proto.spec
    ready.toggle(key="trace_estimate").set_value(True).run()
    assert "an estimate" in ready.get("plotly_chart")[0].proto.spec != first


def test_a_layer_chosen_beside_the_trace_carries_over_to_the_trial(ready: AppTest):
    ready.switch_page("pages/causal_trace.py").run()
    ready.button(key="trace").click().run()
    wait(ready)
    ready.multiselect(key="layers").set_value([2]).run()
    ready.switch_page("pages/trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [2]
    assert ready.button(key="edit").label == "Edit at layer 2"


def test_a_trial_edit_is_shown_before_and_after_and_the_weights_stay(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    golden = int(metrics(ready)["Golden layer"])
    model = shelf().peek(ready.session_state["lga"].asked.model)
    before = weights_hash(model.model)
    ready.switch_page("pages/trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [golden]
    ready.multiselect(key="layers").set_value([1, 2]).run()
    ready.number_input(key="set_r-rome_value_steps").set_value(3).run()
    ready.button(key="edit").click().run()
    wait(ready)
    shown = metrics(ready)
    assert shown["Rewrite, n 1"].count("→") == 1 and shown["Portability, n 0"] == "n/a"
    assert "R-ROME at layers 1 and 2" in words(ready)
    probes = next(table.value for table in ready.table if "expected" in table.value.columns)
    assert list(probes["metric"]) == ["rewrite", "rephrase", "locality"]
    written = next(table.value for table in ready.table if "target error" in table.value.columns)
    assert written["layer"].tolist() == [1, 2] and all(float(error) < 1e-3 for error in written["target error"])
    assert all(steps <= 3 for steps in written["steps"])
    assert weights_hash(model.model) == before


def test_the_same_trial_again_comes_from_the_store_and_stands_in_the_history(ready: AppTest):
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    for _ in range(2):
        ready.button(key="edit").click().run()
        wait(ready)
    assert any("Answered from the store" in item.value for item in ready.markdown)
    history = next(frame.value for frame in ready.dataframe if "editor" in frame.value.columns)
    assert len(history) == 2 and set(history["layers"]) == {"1"}


def test_no_layer_no_edit(ready: AppTest):
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([]).run()
    assert ready.button(key="edit").disabled and "Choose at least one layer" in words(ready)
