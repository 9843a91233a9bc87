"""A prompt's tokens from a folder's tokenizer alone: as the loaded model's own tokenizer has them."""

import json
import os
import shutil

import pytest
from conftest import train_tokenizer
from transformers import AutoTokenizer

from lga_core.models.sources.fingerprint import quick_fingerprint
from lga_core.models.text import preview
from lga_core.models.text.chat import Asking, ChatTemplate
from lga_core.models.text.preview import chat_template, has_chat_template, token_preview
from lga_core.models.text.tokens import prompt_row, subject_span, token_texts

PROMPTS = (
    ("The Space Needle is in downtown", "Space Needle"),
    ("France", "France"),
    ("  The capital of  naïve 東京 😀 is", "東京 😀"),  # characters of several tokens each
    ("The language of Brazil", "Brazil"),
)


@pytest.fixture(params=[False, True], ids=["without BOS", "with BOS"])
def folder(request, tmp_path):
    train_tokenizer(bos=request.param).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("prompt", "subject"), PROMPTS)
def test_the_preview_is_what_the_model_will_be_given(folder, prompt, subject):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    first = prompt.index(subject)
    span = (first, first + len(subject))
    begin, end = subject_span(Asking(tokenizer=tokenizer), prompt, span)
    texts = token_texts(tokenizer, prompt_row(Asking(tokenizer=tokenizer), prompt).ids)
    assert token_preview(folder, prompt, span) == (texts, (begin, end))


@pytest.mark.parametrize(("prompt", "subject"), PROMPTS)
def test_the_preview_in_a_chat_template(folder, prompt, subject):
    first = prompt.index(subject)
    span = (first, first + len(subject))
    assert token_preview(folder, prompt, span, chat=True) is None
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{{ bos_token }}user: {{ messages[0]['content'] }}\nassistant: "
    tokenizer.save_pretrained(folder)
    template = ChatTemplate.of(tokenizer, "tiny")
    assert chat_template(folder) == template
    asking = Asking(tokenizer=tokenizer, chat=template)
    texts = token_texts(tokenizer, prompt_row(asking, prompt).ids)
    assert token_preview(folder, prompt, span, chat=True) == (texts, subject_span(asking, prompt, span))


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 10**11 }}{{ messages[0]['content'] }}",
        "{{ 'a' * 10**6 }}{{ messages[0]['content'] }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{{ messages[0]['content'] }}",
    ],
    ids=["memory", "length", "time"],
)
def test_a_template_that_takes_all_there_is_is_no_template(folder, template, monkeypatch):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    monkeypatch.setattr(preview, "TEMPLATE_SECONDS", 10)
    assert has_chat_template(folder) and chat_template(folder) is None


def test_no_preview_without_a_subject_or_a_tokenizer(folder):
    assert token_preview(folder, "The Space Needle", (3, 3)) is None
    (folder / "tokenizer.json").write_text("no JSON")
    assert token_preview(folder, "The Space Needle", (4, 16)) is None
    (folder / "tokenizer.json").unlink()
    assert token_preview(folder, "The Space Needle", (4, 16)) is None


def test_a_changed_tokenizer_is_read_again(folder):
    before, _ = token_preview(folder, "The Space Needle", (4, 16))
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["merges"] = []
    (folder / "tokenizer.json").write_text(json.dumps(content))
    after, _ = token_preview(folder, "The Space Needle", (4, 16))
    assert len(after) > len(before)


def test_a_template_is_read_again_after_no_process_could_be_started(folder, monkeypatch):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "Q: {{ messages[0]['content'] }} A:"
    tokenizer.save_pretrained(folder)

    def refused(*_args: object, **_settings: object) -> None:
        raise OSError("Resource temporarily unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(preview.subprocess, "run", refused)
        assert chat_template(folder) is None
    assert chat_template(folder) is not None


def test_whether_there_is_a_chat_template(folder):
    assert not has_chat_template(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(folder)
    assert has_chat_template(folder)
    template = folder / "chat_template.jinja"
    if template.exists():  # newer versions write a file, older ones a setting
        template.unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    assert has_chat_template(folder)
    (folder / "tokenizer_config.json").write_text("no JSON")
    assert not has_chat_template(folder)


@pytest.mark.parametrize("name", ["tokenizer_config.json", ".lga-digests.json"])
def test_a_pipe_or_a_device_in_the_place_of_a_small_file_is_not_read(name, tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    for make in (os.mkfifo, lambda place: place.symlink_to("/dev/zero")):
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
        assert not has_chat_template(folder) or name != "tokenizer_config.json"
        assert quick_fingerprint(folder) == quick_fingerprint(tiny_folder)
