"""Fluency against entropies worked out by hand, and the continuation that it is measured on."""

import math

import pytest
import torch
from conftest import FLUENCY_TOKENS, tiny_model
from editing.writing import SETTINGS
from reporting import Collect, assert_nothing_open, cancel_at

from lga_core.editing.settings import FineTuningSettings
from lga_core.editing.table import EDITORS
from lga_core.evaluation.side_effects import fluency as module
from lga_core.evaluation.side_effects.fluency import continuation, continuations, fluency, texts_after, texts_under
from lga_core.models.running.generate import sampler, seed_of, stream
from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Cancelled


@pytest.mark.parametrize(
    ("text", "bits_of_two", "bits_of_three"),
    [
        ("a b c", 1.0, 0.0),  # ab bc | abc
        ("a a a a", 0.0, 0.0),
        ("a b a b a", 1.0, math.log2(3) - 2 / 3),  # ab ba ab ba | aba bab aba
        ("one two three four five", 2.0, math.log2(3)),
        ("It's a dog.", math.log2(3), 1.0),  # It's · a · dog · .
        ("a a a b", -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3)), 1.0),
    ],
)
def test_entropies_by_hand(text, bits_of_two, bits_of_three):
    assert fluency(text) == pytest.approx(100 * (bits_of_two + 2 * bits_of_three) / 3)


@pytest.mark.parametrize("text", ["", " \n", "one", "one two", "no."])
def test_fewer_than_three_words_have_none(text):
    assert fluency(text) is None


def test_repetition_lowers_it():
    varied = " ".join(f"word{i}" for i in range(100))
    assert fluency("the same thing " * 33) < 0.3 * fluency(varied)


def test_the_continuation_is_100_tokens_among_the_top_5_and_seeded(monkeypatch):
    monkeypatch.setattr(module, "LENGTH", FLUENCY_TOKENS)
    model = tiny_model("llama", torch.float32)
    report = Collect()
    text = continuation(model, "The Space Needle is in", (), 3, report=report)
    assert [(step.done, step.total) for step in report.steps] == [(done, 100) for done in range(1, 101)]
    assert text == continuation(model, "The Space Needle is in", (), 3)
    assert text != continuation(model, "The Space Needle is in", (), 4)
    row = prompt_row(model.asking, "The Space Needle is in")
    ids, given = [], row.ids
    for (token,) in stream(model, [row], 100, sampler([seed_of("fluency", 3)], top_k=5), past_ends=True):
        with torch.no_grad():
            best = model.model(input_ids=torch.tensor([given])).logits[0, -1].topk(5).indices
        assert token in best
        ids, given = [*ids, token], (*given, token)
    assert text == model.tokenizer.decode(ids, skip_special_tokens=True)


def test_a_cancelled_continuation_leaves_nothing_open(facts):
    model = tiny_model("gpt2", torch.float32)
    edit = EDITORS["ft-m"].run(model, [facts[0]], [1], FineTuningSettings(steps=1), ())[0].edit
    with pytest.raises(Cancelled):
        continuation(model, "The", [edit], 0, report=cancel_at(1))
    assert_nothing_open("after it was cancelled")


def test_what_the_unedited_model_writes_is_kept_and_read_back(tiny):
    written, _same = continuations(tiny, "The Space Needle is", (), 0)
    report = Collect()
    assert continuations(tiny, "The Space Needle is", (), 0, report=report)[0] == written
    assert {step.detail for step in report.steps} == {"before the edit"}
    for prompt, seed in (("The Space Needle is", 1), ("The Space Needle was", 0)):
        report = Collect()
        continuations(tiny, prompt, (), seed, report=report)
        assert {step.detail for step in report.steps} == {"before and after the edit"}


@pytest.mark.parametrize(("editor", "settings"), [("r-rome", SETTINGS), ("ft-m", FineTuningSettings(steps=2))])
def test_prompts_under_edits_of_their_own_continue_as_each_alone(editor, settings, facts):
    model = tiny_model("llama", torch.float32)
    asked = facts[:3]
    edits = [EDITORS[editor].run(model, [fact], [1], settings, ())[0].edit for fact in asked]
    texts = texts_after(model, [fact.prompt for fact in asked], edits, 0)
    for fact, edit, text in zip(asked, edits, texts, strict=True):
        assert text == continuation(model, fact.prompt, [edit], 0)
    assert len(set(texts)) == 3
    plain = [continuation(model, fact.prompt, (), 0) for fact in asked]
    assert texts_under(model, [fact.prompt for fact in asked], (), 0) == plain
