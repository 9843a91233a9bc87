"""The chat template on the pages: the toggle beside the model, the question, the address, and what is stored."""

import re
from pathlib import Path

from conftest import CHAT_TEMPLATE
from streamlit.testing.v1 import AppTest

from lga_core.editing.files.easyedit.facts_file import CHAT
from lga_core.models.sources.fingerprint import DIGESTS
from tests.pages.driving import kept, wait, words


def test_without_a_template_the_toggle_says_why(ready: AppTest):
    toggle = ready.toggle(key="chat")
    assert toggle.disabled and not toggle.value and "has no chat template" in toggle.help


def test_facts_are_asked_in_the_template_on_every_page(ready: AppTest, model_folder: Path):
    (model_folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    ready.run()
    assert not ready.toggle(key="chat").disabled
    ready.toggle(key="chat").set_value(True).run()
    ready.button(key="score").click().run()
    wait(ready)
    question = kept(ready).asked
    assert question.model == f"{model_folder}:chat" and ready.query_params["chat"] in ("true", ["true"])
    stored = kept(ready).jobs["score"].result
    assert stored and all(item.provenance.chat for item in stored.values())
    title = f"{model_folder.name}, chat template"
    assert title in words(ready)
    for page in ("causal_trace", "trial_edit", "layer_sweep", "playground", "edits"):
        ready.switch_page(f"{page}.py").run()
        assert title in words(ready), page
    ready.switch_page("causal_trace.py").run()
    shown = next(item.value for item in ready.markdown if "blue-background" in item.value)
    assert "assistant" in re.sub(r":\w+-background\[|[\\\]\[ ]", "", shown)  # its tokens, put together
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    for name, value in (("value_steps", 2), ("contexts", 0)):
        ready.number_input(key=f"set_r-rome_{name}").set_value(value).run()
    ready.selectbox(key="set_r-rome_covariance").select("identity").run()
    ready.button(key="edit").click().run()
    wait(ready)
    assert CHAT in words(ready)
    ready.switch_page("playground.py").run()
    play = ready.toggle(key="play_chat")
    assert play.disabled and play.help == "On in the sidebar, for every page."
    # Off again, the results are of another question.
    ready.toggle(key="chat").set_value(False).run()
    assert title not in words(ready)
    assert (model_folder / DIGESTS).exists()


def test_a_run_opens_again_as_it_was_asked(ready: AppTest, model_folder: Path):
    (model_folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    ready.run()
    ready.toggle(key="chat").set_value(True).run()
    ready.button(key="score").click().run()
    wait(ready)
    run = next(iter(kept(ready).jobs["score"].result.values())).provenance.key
    ready.toggle(key="chat").set_value(False).run()
    ready.session_state["lga"].reopening = (run,)
    ready.run()
    assert ready.toggle(key="chat").value
    assert ready.session_state["lga"].question.model == f"{model_folder}:chat"
