"""One fact: the causal trace's three kinds with attributions, and the trial edit before and after."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.editing.table import EDITORS
from lga_core.models.fingerprint import weights_hash
from pages._ui.model import shelf
from tests.pages.driving import load_model, metrics, wait, words


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
    load_model(ready)
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


@pytest.fixture
def trial(ready: AppTest) -> AppTest:
    """The trial page with layer 1 and the model in memory."""
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    return load_model(ready)


@pytest.mark.parametrize("name", EDITORS)
def test_every_editor_says_what_it_can_and_edits_with_its_form(trial: AppTest, name: str):
    editor = EDITORS[name]
    trial.selectbox(key="editor").select(name).run()
    shown = words(trial)
    assert editor.about in shown and editor.source in shown and editor.families in shown
    assert f"Batches of facts: {'yes' if editor.batch else 'no'}" in shown and "Several layers: " in shown
    usual = editor.settings()
    searched = hasattr(usual, "value")
    fewer = replace(usual, value=replace(usual.value, steps=2)) if searched else replace(usual, steps=2)
    steps = "value_steps" if searched else "steps"
    assert "Default: 25. Source: ROME" in trial.number_input(key=f"set_{name}_{steps}").help
    trial.number_input(key=f"set_{name}_{steps}").set_value(2).run()
    assert "Steps, at most: 2, default 25" in words(trial)
    trial.button(key="edit").click().run()
    wait(trial)
    done = trial.session_state["lga"].trials[-1]
    assert done.settings == fewer and done.report.settings == asdict(fewer)
    cards = metrics(trial)
    assert {"Drift, mean KL", "Drift, largest KL", "Fluency", "‖ΔW‖ / ‖W‖"} <= set(cards)
    assert (cards["Target error"] == "n/a") == name.startswith("ft-")


def test_what_the_second_moment_takes_is_said_before_the_edit(ready: AppTest, tmp_path: Path):
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    assert ready.button(key="edit").disabled and "once the model is in memory" in words(ready)
    load_model(ready)
    told = words(ready)
    assert "The second moment C comes first: about " in told and "4 layers from 320 tokens" in told
    assert "0.1 MB on disk" in told and not ready.button(key="edit").disabled

    ready.selectbox(key="set_r-rome_covariance").select("identity").run()
    assert "comes first" not in words(ready)
    ready.selectbox(key="set_r-rome_covariance").select("file:").run()
    assert "name the text’s path" in words(ready) and ready.button(key="edit").disabled
    ready.text_input(key="set_r-rome_covariance_file").input(str(tmp_path / "none.txt")).run()
    assert "cannot be read" in words(ready) and ready.button(key="edit").disabled
    text = tmp_path / "text.txt"
    text.write_text("The Space Needle is in downtown Seattle. " * 60)
    ready.text_input(key="set_r-rome_covariance_file").input(str(text)).run()
    assert f"of {text}" in words(ready)
    ready.number_input(key="set_r-rome_value_steps").set_value(1).run()
    ready.button(key="edit").click().run()
    wait(ready)
    assert ready.session_state["lga"].trials[-1].settings.covariance == f"file:{text}"
    assert "kept, nothing to compute" in words(ready)


def test_warnings_are_shown_as_such(trial: AppTest):
    trial.selectbox(key="editor").select("ft-m").run()
    trial.number_input(key="set_ft-m_learning_rate").set_value(5.0).run()
    trial.number_input(key="set_ft-m_steps").set_value(3).run()
    trial.button(key="edit").click().run()
    wait(trial)
    assert any("The edit blew up" in item.value for item in trial.warning)
