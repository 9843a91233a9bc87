"""The playground: both texts as they grow, the next tokens and the lens, and whose edits act."""

import signal
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from transformers import AutoTokenizer

from lga_core.editing.edits import applied
from lga_core.editing.table import EDITORS
from lga_core.models.loading import load
from lga_core.models.running.generate import greedy
from lga_core.models.running.lens import lens
from lga_core.models.text.tokens import prompt_row
from lga_core.results import PlaygroundReport
from pages._ui.shell.text import plain as plain_text
from tests.pages.driving import kept, metrics, wait, words

PROMPT = "The Space Needle is known for"


@pytest.fixture
def tried(ready: AppTest) -> AppTest:
    """After a trial edit of the first fact at layer 1."""
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    ready.number_input(key="set_r-rome_value_steps").set_value(6).run()
    ready.number_input(key="set_r-rome_contexts").set_value(0).run()
    ready.selectbox(key="set_r-rome_covariance").select("identity").run()
    ready.button(key="edit").click().run()
    wait(ready)
    assert metrics(ready)["Rewrite, n 1"]
    return ready


def play(app: AppTest, prompt: str = PROMPT, length: int = 12) -> AppTest:
    app.switch_page("playground.py").run()
    app.text_area(key="play_prompt").input(prompt).run()
    app.number_input(key="play_length").set_value(length).run()
    app.button(key="play").click().run()
    return wait(app)


def clean(text: str) -> str:
    """As the page shows it."""
    return plain_text(text).strip()


def job(app: AppTest):
    return kept(app).jobs["play"]


def report(app: AppTest) -> PlaygroundReport:
    """What the last text was written with."""
    return job(app).result


def test_the_last_trials_edit_against_the_original(tried: AppTest):
    play(tried)
    trial = kept(tried).trials[-1].request
    model = load(trial.model)
    written = EDITORS[trial.editor].run(model, [trial.fact], trial.layers, trial.settings, ())
    row = prompt_row(model.asking, PROMPT)
    with model.using("the test"):
        plain = model.tokenizer.decode(greedy(model, [row], 12)[0], skip_special_tokens=True)
        with applied(model, [item.edit for item in written]):
            edited = model.tokenizer.decode(greedy(model, [row], 12)[0], skip_special_tokens=True)
            layers = lens(model, row)
    assert (report(tried).text_before, report(tried).text_after) == (plain, edited)
    after = report(tried).lens_after
    assert [[choice.id for choice in layer.choices] for layer in after] == [
        [choice.id for choice in layer.choices] for layer in layers
    ]
    assert report(tried).lens_before != after
    assert [item.value for item in tried.text] == [clean(PROMPT + plain), clean(PROMPT + edited)]
    tokens = next(item.value for item in tried.dataframe if "edited" in item.value.columns)
    assert len(tokens) == 10 and len(tried.get("plotly_chart")) == 1


def test_the_edited_facts_prompt_stands_in_the_empty_field_once(tried: AppTest):
    tried.switch_page("playground.py").run()
    prompt = kept(tried).trials[-1].request.fact.prompt
    assert tried.text_area(key="play_prompt").value == prompt and not tried.button(key="play").disabled
    tried.text_area(key="play_prompt").input("").run()
    assert tried.text_area(key="play_prompt").value == ""


def test_a_prompt_that_nobody_changed_follows_the_last_trial_edit(tried: AppTest):
    tried.switch_page("playground.py").run()
    tried.switch_page("trial_edit.py").run()
    choice = next(box for box in tried.selectbox if box.label == "Fact")
    choice.select_index(1).run()
    tried.button(key="edit").click().run()
    wait(tried)
    second = kept(tried).trials[-1].request.fact.prompt
    assert second != PROMPT
    tried.switch_page("playground.py").run()
    assert tried.text_area(key="play_prompt").value == second
    tried.text_area(key="play_prompt").input("Of my own").run()
    tried.switch_page("trial_edit.py").run()
    tried.switch_page("playground.py").run()
    assert tried.text_area(key="play_prompt").value == "Of my own"


def test_the_ledgers_edits_are_those_that_are_on(tried: AppTest):
    tried.button(key="keep").click().run()
    wait(tried)
    play(tried)
    assert "Edited · 1 edit of the ledger" in words(tried)
    assert report(tried).next_after != report(tried).next_before
    tried.switch_page("edits.py").run()
    (entry,) = kept(tried).ledgers[job(tried).request.model].entries
    tried.toggle(key=f"on_{entry.id}").set_value(False).run()
    wait(tried)
    tried.switch_page("playground.py").run()
    (radio,) = tried.radio
    radio.set_value("ledger").run()
    assert "No edit is on" in words(tried)
    tried.button(key="play").click().run()
    wait(tried)
    after = report(tried)
    assert after.next_after == after.next_before and after.text_after == after.text_before


def test_texts_grow_and_those_of_a_cancelled_one_are_shown(ready: AppTest, shared_engine):
    ready.switch_page("playground.py").run()
    ready.text_area(key="play_prompt").input(PROMPT).run()
    ready.number_input(key="play_length").set_value(500).run()
    ready.button(key="play").click().run()
    wait(ready, lambda: job(ready).published is not None)
    first = job(ready).published
    assert ready.text[0].value.startswith(PROMPT)

    def grown() -> bool:
        """Then the engine stands still, else it could end before the click."""
        if job(ready).published == first:
            return False
        shared_engine.process.send_signal(signal.SIGSTOP)
        return True

    wait(ready, grown)
    try:
        ready.button(key="cancel_play").click().run()
    finally:
        shared_engine.process.send_signal(signal.SIGCONT)
    wait(ready)
    last = job(ready).published
    assert last.text_before.startswith(first.text_before) and len(last.text_before) > len(first.text_before)
    assert job(ready).result is None and "The texts so far are shown." in words(ready)
    assert [item.value for item in ready.text] == [clean(PROMPT + last.text_before), clean(PROMPT + last.text_after)]


def test_sampling_has_a_seed_and_greedy_needs_none(tried: AppTest):
    play(tried)
    assert report(tried).settings["temperature"] == 0 and tried.number_input(key="play_seed").disabled
    tried.segmented_control(key="play_how").set_value("sampled").run()
    texts = []
    for seed in (3, 3, 4):
        tried.number_input(key="play_seed").set_value(seed).run()
        tried.button(key="play").click().run()
        wait(tried)
        texts.append(report(tried).text_before)
    assert texts[0] == texts[1] != texts[2]
    assert report(tried).settings["top_k"] == 50


def test_a_chat_template_is_used_where_there_is_one(ready: AppTest, model_folder: Path, tmp_path: Path):
    play(ready, length=3)
    assert ready.toggle(key="play_chat").disabled and "no chat template" in ready.toggle(key="play_chat").help

    folder = tmp_path / "chatty"
    folder.mkdir()
    for path in model_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "User: {{ messages[0]['content'] }}\nAnswer:"
    tokenizer.save_pretrained(folder)
    ready.text_input(key="other_model").input(str(folder)).run()
    play(ready, length=3)
    assert not ready.toggle(key="play_chat").disabled
    ready.toggle(key="play_chat").set_value(True).run()
    ready.button(key="play").click().run()
    wait(ready)
    assert report(ready).given == f"User: {PROMPT}\nAnswer:"


def test_nothing_to_write_without_a_prompt(ready: AppTest):
    ready.switch_page("playground.py").run()
    for prompt in ("", "   "):
        ready.text_area(key="play_prompt").input(prompt)
        ready.button(key="play").click().run()
        assert "The prompt is empty" in words(ready) and not kept(ready).jobs
