"""Two models side by side: the same without edits, greedy as greedy is, seeded, and nothing left when cancelled."""

import dataclasses
from itertools import pairwise

import pytest
import torch
from conftest import tiny_model
from reporting import Collect, assert_nothing_open, cancel_at
from weights import weights_hash

from lga_core.editing.edits import LowRankEdit, applied
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.playground import compare_texts
from lga_core.evaluation.settings import PlaygroundSettings
from lga_core.models.running.generate import greedy
from lga_core.models.running.lens import lens, next_tokens
from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Cancelled, Phase
from lga_core.results import PlaygroundReport

PROMPT = "The Space Needle is in downtown"
SAMPLED = PlaygroundSettings(length=12, temperature=0.9, top_k=20, seed=3)
TEMPLATE = (
    "{% for message in messages %}<bos>{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def edit_of(model, layer=1, size=1.0):
    down, generator = model.architecture.blocks[layer].down, torch.Generator().manual_seed(0)
    return LowRankEdit(
        layer=layer,
        matrix=down.name,
        left=size * torch.randn(1, down.d_out, generator=generator),
        right=torch.randn(1, down.d_in, generator=generator),
    )


@pytest.mark.parametrize("settings", [PlaygroundSettings(length=12), SAMPLED])
def test_without_edits_both_sides_are_the_same(tiny, settings):
    shown = []
    report = compare_texts(tiny, PROMPT, (), settings, on_text=shown.append)
    assert shown and all(texts.text_before == texts.text_after for texts in shown)
    assert (report.text_before, report.next_before, report.lens_before) == (
        report.text_after,
        report.next_after,
        report.lens_after,
    )


def test_greedy_streaming_is_greedy_and_the_edit_is_on_one_side_only(tiny):
    edit = edit_of(tiny)
    row = prompt_row(tiny.asking, PROMPT)
    shown = []
    steps = Collect()

    def show(texts):
        assert_nothing_open("a text is shown")
        shown.append(texts)

    report = compare_texts(tiny, PROMPT, [edit], PlaygroundSettings(length=10), on_text=show, report=steps)
    (plain,) = greedy(tiny, [row], 10)
    assert report.text_before == tiny.tokenizer.decode(plain, skip_special_tokens=True)
    assert (report.next_before, report.lens_before) == (next_tokens(tiny, row), lens(tiny, row))
    with applied(tiny, [edit]):
        (changed,) = greedy(tiny, [row], 10)
        assert (report.next_after, report.lens_after) == (next_tokens(tiny, row), lens(tiny, row))
    assert report.text_after == tiny.tokenizer.decode(changed, skip_special_tokens=True)
    assert changed != plain and report.next_before != report.next_after
    assert report.given == report.prompt == PROMPT
    assert [(step.phase, step.done) for step in steps.steps] == [
        (Phase.GENERATE, done) for done in range(len(steps.steps))
    ]
    assert len(shown) == len(steps.steps)  # after each token, and both texts at the end
    for earlier, later in pairwise(shown):
        assert later.text_before.startswith(earlier.text_before) and later.text_after.startswith(earlier.text_after)
    assert (shown[-1].text_before, shown[-1].text_after) == (report.text_before, report.text_after)


def test_sampling_is_seeded(tiny):
    def text(settings):
        return compare_texts(tiny, PROMPT, [edit_of(tiny)], settings)

    first = text(SAMPLED)
    again = dataclasses.replace(text(SAMPLED), cost=first.cost)
    assert again == first
    assert text(dataclasses.replace(SAMPLED, seed=4)).text_before != first.text_before


def test_the_report_is_exact_in_json():
    model = tiny_model("gemma3", torch.float32)
    report = compare_texts(model, PROMPT, [edit_of(model)], SAMPLED)
    assert PlaygroundReport.from_json(report.to_json()) == report
    assert report.settings["seed"] == 3


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_cancelled_anywhere_it_leaves_the_model_as_it_was(family):
    model = tiny_model(family)
    weights = weights_hash(model.model)
    for number in range(1, 4):
        with pytest.raises(Cancelled):
            compare_texts(
                model, PROMPT, [edit_of(model)], PlaygroundSettings(length=4, temperature=1.0), report=cancel_at(number)
            )
        assert_nothing_open("after it was cancelled")
    assert weights_hash(model.model) == weights


def test_two_at_once_give_what_each_gives_alone(tiny):
    """The second writes between two tokens of the first: an edit that stayed applied would be seen."""

    def first(report):
        return compare_texts(tiny, PROMPT, [edit_of(tiny)], SAMPLED, report=report)

    def second():
        return compare_texts(tiny, PROMPT, (), PlaygroundSettings(length=6))

    alone = (first(Collect()), second())
    between = []
    together = first(Collect(lambda step: between.append(second())))
    assert dataclasses.replace(together, cost=alone[0].cost) == alone[0]
    assert between and all(dataclasses.replace(report, cost=alone[1].cost) == alone[1] for report in between)


def test_a_chat_goes_through_the_tokenizers_template():
    model = tiny_model("gemma3", torch.float32)
    with pytest.raises(LgaError, match="has no chat template"):
        compare_texts(model, "Hello", (), PlaygroundSettings(chat=True))
    model.tokenizer.chat_template = TEMPLATE
    report = compare_texts(model, "Where is Seattle?", (), PlaygroundSettings(chat=True, length=3))
    assert report.given == "<bos>user: Where is Seattle?\nassistant:"
    ids = model.tokenizer(report.given, add_special_tokens=False)["input_ids"]
    assert ids[0] == 1 and ids.count(1) == 1  # the template's own BOS, and no second one
    assert report.next_before[0].id == int(model.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())


def test_an_edit_that_breaks_the_model_is_shown_and_not_raised():
    model = tiny_model("llama", torch.float32)
    report = compare_texts(model, PROMPT, [edit_of(model, size=float("inf"))], SAMPLED)
    assert report.next_after == () and report.lens_after[-1].choices == ()
    assert PlaygroundReport.from_json(report.to_json()) == report


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_refused(prompt):
    with pytest.raises(LgaError, match="prompt is empty"):
        compare_texts(tiny_model("gpt2"), prompt, (), PlaygroundSettings())


@pytest.mark.parametrize("wrong", [{"length": 0}, {"temperature": -1.0}, {"top_k": -1}, {"length": "many"}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PlaygroundSettings(**wrong)
