"""The logit lens against plain hidden states, and its last block against the model's own next tokens."""

import pytest
import torch
from conftest import tiny_model

from lga_core.editing.edits import DenseEdit, LowRankEdit, applied
from lga_core.models.running.lens import lens, next_tokens
from lga_core.models.text.tokens import prompt_row

PROMPT = "The Space Needle is in downtown"


def test_each_layer_is_the_head_on_its_normed_hidden_state(tiny):
    row = prompt_row(tiny.asking, PROMPT)
    with torch.no_grad():
        output = tiny.model(input_ids=torch.tensor([row.ids]), output_hidden_states=True)
        # The last of these is normed already; the others are the inputs of the blocks after them.
        states = [tiny.architecture.final_norm(state[0, -1]) for state in output.hidden_states[1:-1]]
        logits = [tiny.model.lm_head(state) for state in (*states, output.hidden_states[-1][0, -1])]
    lenses = lens(tiny, row, 5)
    assert [layer.layer for layer in lenses] == list(range(tiny.layers))
    for layer, expected in zip(lenses, logits, strict=True):
        best = expected.softmax(-1).sort(descending=True)
        assert [choice.id for choice in layer.choices] == best.indices[:5].tolist()
        assert [choice.probability for choice in layer.choices] == pytest.approx(best.values[:5].tolist(), rel=1e-9)
        assert [choice.token for choice in layer.choices] == [
            text if "\ufffd" not in text else tiny.tokenizer.convert_ids_to_tokens(token)
            for token in best.indices[:5].tolist()
            for text in [tiny.tokenizer.decode([token])]
        ]


def test_the_last_layer_says_what_the_model_says_next(tiny):
    row = prompt_row(tiny.asking, PROMPT)
    last, following = lens(tiny, row, 7)[-1].choices, next_tokens(tiny, row, 7)
    assert [choice.id for choice in last] == [choice.id for choice in following]
    assert [c.probability for c in last] == pytest.approx([c.probability for c in following], rel=1e-9)


def test_an_edit_shows_from_its_layer_on(tiny):
    row, down = prompt_row(tiny.asking, PROMPT), tiny.architecture.blocks[2].down
    generator = torch.Generator().manual_seed(0)
    edit = LowRankEdit(
        layer=2,
        matrix=down.name,
        left=torch.randn(1, down.d_out, generator=generator),
        right=torch.randn(1, down.d_in, generator=generator),
    )
    before = lens(tiny, row)
    with applied(tiny, [edit]):
        after = lens(tiny, row)
    assert after[:2] == before[:2]
    assert all(one != other for one, other in zip(after[2:], before[2:], strict=True))
    assert lens(tiny, row) == before


def test_a_broken_model_has_nothing_to_say():
    model = tiny_model("llama")
    down = model.architecture.blocks[1].down
    edit = DenseEdit(layer=1, matrix=down.name, delta=torch.full((down.d_out, down.d_in), float("inf")))
    with applied(model, [edit]):
        lenses = lens(model, prompt_row(model.asking, PROMPT))
        assert next_tokens(model, prompt_row(model.asking, PROMPT)) == ()
    assert lenses[0].choices and not lenses[1].choices and not lenses[-1].choices


def test_half_precision_is_read_in_float32():
    model = tiny_model("gemma3", torch.bfloat16)
    choices = lens(model, prompt_row(model.asking, PROMPT), model.architecture.vocabulary)[-1].choices
    assert sum(choice.probability for choice in choices) == pytest.approx(1, abs=1e-5)
