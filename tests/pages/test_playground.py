"""The playground: both texts as they grow, the next tokens and the lens, and whose edits act."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from transformers import AutoTokenizer

from lga_core.editing.edits import applied
from lga_core.evaluation.playground import PlaygroundSettings
from lga_core.models.generate import greedy
from lga_core.models.lens import lens
from lga_core.models.tokens import prompt_row
from pages._ui.book import Book
from pages._ui.model import shelf
from pages._ui.playing import Playing, play_steps
from pages._ui.text import plain as plain_text
from tests.pages.driving import metrics, wait, words

PROMPT = "The Space Needle is known for"


@pytest.fixture
def tried(ready: AppTest) -> AppTest:
    """After a trial edit of the first fact at layer 1."""
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    ready.number_input(key="set_r-rome_value_steps").set_value(6).run()
    ready.number_input(key="set_r-rome_contexts").set_value(0).run()
    ready.selectbox(key="set_r-rome_covariance").select("identity").run()
    ready.button(key="edit").click().run()
    wait(ready)
    assert metrics(ready)["Rewrite, n 1"]
    return ready


def play(app: AppTest, prompt: str = PROMPT, length: int = 12) -> AppTest:
    app.switch_page("pages/playground.py").run()
    app.text_area(key="play_prompt").input(prompt).run()
    app.number_input(key="play_length").set_value(length).run()
    app.button(key="play").click().run()
    return wait(app)


def clean(text: str) -> str:
    """As the page shows it."""
    return plain_text(text).strip()


def shown(app: AppTest) -> Playing:
    return app.session_state["lga"].playing


def test_the_last_trials_edit_against_the_original(tried: AppTest):
    play(tried)
    report, memory = shown(tried).report, tried.session_state["lga"]
    model = shelf().peek(memory.question.model)
    edits, row = memory.books[model.name].tried[1], prompt_row(model.tokenizer, PROMPT)
    with model.using("the test"):
        plain = model.tokenizer.decode(greedy(model, [row], 12)[0], skip_special_tokens=True)
        with applied(model, edits):
            edited = model.tokenizer.decode(greedy(model, [row], 12)[0], skip_special_tokens=True)
            layers = lens(model, row)
    assert (report.text_before, report.text_after) == (plain, edited)
    assert report.lens_after == layers and report.lens_before != layers
    assert [item.value for item in tried.text] == [clean(PROMPT + plain), clean(PROMPT + edited)]
    tokens = next(item.value for item in tried.dataframe if "edited" in item.value.columns)
    assert len(tokens) == 10 and len(tried.get("plotly_chart")) == 1


def test_the_ledgers_edits_are_those_that_are_on(tried: AppTest):
    tried.button(key="keep").click().run()
    wait(tried)
    play(tried)
    assert shown(tried).edits == "1 edit of the ledger"
    with_edit = shown(tried).report.next_after
    assert with_edit != shown(tried).report.next_before
    tried.switch_page("pages/edits.py").run()
    entry, = tried.session_state["lga"].books[shown(tried).model].ledger.entries
    tried.toggle(key=f"on_{entry.id}").set_value(False).run()
    wait(tried)
    tried.switch_page("pages/playground.py").run()
    radio, = tried.radio
    radio.set_value("ledger").run()
    assert "No edit is on" in words(tried)
    tried.button(key="play").click().run()
    wait(tried)
    report = shown(tried).report
    assert report.next_after == report.next_before and report.text_after == report.text_before


def test_texts_grow_token_by_token(tried: AppTest):
    memory = tried.session_state["lga"]
    playing = Playing(model=memory.question.model, prompt="The language of Brazil is", edits="")
    book, texts = Book(model=memory.question.model), []
    for _ in play_steps(shelf(), book, playing, PlaygroundSettings(length=6), memory.trials[-1]):
        texts.append(playing.before)
    assert [text for text in dict.fromkeys(texts) if text] == ["p" * length for length in range(1, 7)]
    assert playing.before == playing.report.text_before and playing.after == playing.report.text_after


def test_sampling_has_a_seed_and_greedy_needs_none(tried: AppTest):
    play(tried)
    assert shown(tried).report.settings["temperature"] == 0 and tried.number_input(key="play_seed").disabled
    tried.segmented_control(key="play_how").set_value("sampled").run()
    texts = []
    for seed in (3, 3, 4):
        tried.number_input(key="play_seed").set_value(seed).run()
        tried.button(key="play").click().run()
        wait(tried)
        texts.append(shown(tried).report.text_before)
    assert texts[0] == texts[1] != texts[2]
    assert shown(tried).report.settings["top_k"] == 50


def test_a_chat_template_is_used_where_there_is_one(ready: AppTest, tiny_folder: Path, tmp_path: Path):
    play(ready, length=3)
    assert ready.toggle(key="play_chat").disabled and "no chat template" in ready.toggle(key="play_chat").help

    folder = tmp_path / "chatty"
    folder.mkdir()
    for path in tiny_folder.iterdir():
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
    assert shown(ready).report.given == f"User: {PROMPT}\nAnswer:"


def test_nothing_to_write_without_a_prompt(ready: AppTest):
    ready.switch_page("pages/playground.py").run()
    assert ready.button(key="play").disabled
    ready.text_area(key="play_prompt").input("   ").run()
    assert ready.button(key="play").disabled
