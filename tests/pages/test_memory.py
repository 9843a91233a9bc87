"""What is said of the memory before a model is loaded, before scoring and before an edit."""

import re

from streamlit.testing.v1 import AppTest

from pages._ui import memory
from pages._ui.model import shelf
from tests.pages.driving import load_model, wait, words

SIZE = r"[\d.,]+ [GM]B"


def captions(app: AppTest, beginning: str) -> list[str]:
    return [item.value for item in app.caption if item.value.startswith(f"{beginning}: ")]


def test_loading_says_its_weights_and_what_is_free(ready: AppTest):
    memory.engine().join()
    ready.run()
    said, = captions(ready, "To load")
    assert re.fullmatch(rf"To load: about 1 MB of memory for the weights in float32 with room to work, {SIZE} free\.",
                        said)
    ready.selectbox(key="model").select("llama-2-7b").run()
    said, = captions(ready, "To load")
    assert "about 32 GB of memory" in said
    assert not captions(ready, "To score"), "nothing is known of a model that is not there"


def test_scoring_and_editing_say_what_they_take_once_the_model_is_there(ready: AppTest, monkeypatch):
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    assert not captions(ready, "To edit")
    load_model(ready)
    sentence = rf"about {SIZE} of memory for activations, {SIZE} free\."
    said, = captions(ready, "To score")
    assert re.fullmatch(f"To score: {sentence}", said)
    assert not captions(ready, "To load")
    said, = captions(ready, "To edit")
    assert re.fullmatch(rf"To edit: about {SIZE} of memory for activations and 1 MB for the second moment, {SIZE} "
                        r"free\.", said)
    assert "second moment C comes first" in words(ready)
    ready.selectbox(key="editor").select("ft-m").run()
    said, = captions(ready, "To edit")
    assert re.fullmatch(f"To edit: {sentence}", said)
    monkeypatch.setattr("lga_core.models.memory.available", lambda _device: 40_000)
    ready.run()
    said, = captions(ready, "To edit")
    assert said.endswith("1 MB free: more than there is.")


def test_a_page_waits_for_no_job_that_has_the_model(ready: AppTest):
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    load_model(ready)
    model = shelf().peek(ready.session_state["lga"].question.model)
    with model.using("another session's job"):
        ready.run()
        assert not captions(ready, "To edit") and not captions(ready, "To score")
    wait(ready)
    assert captions(ready, "To edit") and captions(ready, "To score")
