"""What is said of the memory before a model is loaded, before scoring and before an edit."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.driving import wait, words

SIZE = r"[\d.,]+ [GM]B"


def captions(app: AppTest, prefix: str) -> list[str]:
    return [item.value for item in app.caption if item.value.startswith(f"{prefix}: ")]


def test_loading_says_its_weights_and_what_is_free(ready: AppTest):
    (said,) = captions(ready, "To load")
    assert re.fullmatch(rf"To load: {SIZE} of {SIZE} that are free\.", said)
    ready.selectbox(key="model").select("llama-2-7b").run()
    (said,) = captions(ready, "To load")
    assert said.startswith("To load: 27.0 GB of ")
    assert not captions(ready, "To score"), "nothing is known of a model that is not there"


def test_scoring_and_editing_say_what_they_take_once_the_model_is_there(
    ready: AppTest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pages._ui.model.memory_notes.ASK_SECONDS", 60.0)
    ready.switch_page("facts.py").run()
    ready.button(key="ask_model").click().run()
    wait(ready)
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    sentence = rf"about {SIZE} of memory for activations, {SIZE} free\."
    (said,) = captions(ready, "To score")
    assert re.fullmatch(f"To score: {sentence}", said)
    assert not captions(ready, "To load")
    (said,) = captions(ready, "To edit")
    assert re.fullmatch(
        rf"To edit: about {SIZE} of memory for activations and 1 MB for the second moment, {SIZE} "
        r"free\.",
        said,
    )
    assert "The second moment C of layer 1 is collected first" in words(ready)
    ready.selectbox(key="editor").select("ft-m").run()
    (said,) = captions(ready, "To edit")
    assert re.fullmatch(f"To edit: {sentence}", said)
