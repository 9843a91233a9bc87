"""The layer that the trial page proposes: the recommended one, until the reader chooses another."""

import json
import shutil
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.pages.driving import kept, wait, words


def test_the_recommended_layer_is_proposed(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = ready.button(key="to_trial").label.removeprefix("Try an edit at layer ")
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [int(recommended)] != [3]
    ready.multiselect(key="layers").set_value([]).run()
    assert ready.multiselect(key="layers").value == []  # proposed once


def test_a_new_tab_proposes_the_recommended_layer_from_the_store(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = ready.button(key="to_trial").label.removeprefix("Try an edit at layer ")
    kept(ready).proposed = kept(ready).golden = None  # as in a tab that has not seen the scores
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [int(recommended)]


def test_what_was_proposed_for_one_model_is_not_chosen_for_another(ready: AppTest, model_folder: Path, tmp_path: Path):
    ready.button(key="score").click().run()
    wait(ready)
    ready.switch_page("trial_edit.py").run()
    assert len(ready.multiselect(key="layers").value) == 1
    other = shutil.copytree(model_folder, tmp_path / "other")
    config = other / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"note": "another"}))
    ready.text_input(key="other_model").input(str(other)).run()
    assert ready.multiselect(key="layers").value == []


def test_a_layer_that_the_page_proposed_itself_gives_way_to_what_is_recommended_now(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    button = ready.button(key="to_trial").label
    recommended = int(button.removeprefix("Try an edit at layer "))
    kept(ready).proposed = (str(ready.session_state["lga"].question.model), (recommended + 1) % 3)  # by earlier scores
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [(recommended + 1) % 3]
    ready.switch_page("golden_layers.py").run()
    assert ready.button(key="to_trial").label == button
    ready.switch_page("trial_edit.py").run()
    assert ready.multiselect(key="layers").value == [recommended]
    ready.multiselect(key="layers").set_value([(recommended + 1) % 3]).run()
    ready.switch_page("golden_layers.py").run()
    assert ready.button(key="to_trial").label != button, "the reader's own choice stays"


def test_scores_that_were_asked_on_another_page_replace_those_that_golden_layers_showed(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = int(ready.button(key="to_trial").label.removeprefix("Try an edit at layer "))
    model = ready.session_state["lga"].question.model
    ready.switch_page("trial_edit.py").run()
    kept(ready).proposed = kept(ready).golden = (model, (recommended + 1) % 3)  # of the scores from before
    ready.button(key="score").click().run()
    wait(ready)
    assert ready.multiselect(key="layers").value == [recommended]
    assert (model, (recommended + 1) % 3) not in (kept(ready).proposed, kept(ready).golden)


def test_the_recommended_layer_is_proposed_for_many_edits(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    recommended = ready.button(key="to_trial").label.removeprefix("Try an edit at layer ")
    ready.switch_page("edits.py").run()
    ready.segmented_control(key="edits_view").set_value("many").run()
    assert ready.multiselect(key="layers").value == [int(recommended)]
    assert f"at layer {recommended}, measured" in words(ready)
