"""Second moments and the model's own text: right, seeded, kept, and made again when they are gone."""

import pytest
import torch
from conftest import drain, tiny_model

from lga_core.models import moments
from lga_core.models.derived import derived_path
from lga_core.models.own_text import corpus, prefixes


def test_the_moment_is_the_mean_outer_product_of_all_keys(tiny):
    moment = drain(moments.second_moment(tiny, 2))
    width = tiny.architecture.blocks[2].down.d_in
    rows = drain(corpus(tiny, moments.TOKENS_PER_INPUT * width, 0))
    assert sum(map(len, rows)) >= 4 * width
    keys = []
    handle = tiny.architecture.blocks[2].down.module.register_forward_pre_hook(lambda _m, args: keys.append(args[0][0]))
    for row in rows:
        tiny.model(input_ids=torch.tensor([row.ids]))
    handle.remove()
    every = torch.cat(keys)
    torch.testing.assert_close(moment.double(), every.T @ every / len(every), rtol=1e-4, atol=1e-5)


def test_it_is_computed_once_and_kept(tiny):
    first = drain(moments.second_moment(tiny, 0))
    generator = moments.second_moment(tiny, 0)
    with pytest.raises(StopIteration) as stop:
        next(generator)
    torch.testing.assert_close(stop.value.value, first, rtol=0, atol=0)
    assert len(list(derived_path(tiny, "x").parent.glob("moment-*"))) == tiny.layers


def test_a_stopped_computation_leaves_nothing_half_done(tiny):
    generator = moments.second_moment(tiny, 0)
    next(generator)
    generator.close()
    assert not list(derived_path(tiny, "x").parent.glob("*"))
    assert not any(module._forward_hooks for module in tiny.model.modules())


def test_own_text_is_seeded_and_does_not_depend_on_how_much_is_asked_for():
    model = tiny_model("llama", torch.float32)
    short, long = drain(corpus(model, 50, 1)), drain(corpus(model, 5000, 1))
    assert long[:len(short)] == short
    assert drain(corpus(model, 50, 2)) != short


def test_prefixes_are_seeded_texts_that_are_kept():
    model = tiny_model("gpt2", torch.float32)
    found = prefixes(model, 4, 0)
    assert len(set(found)) == 4
    assert prefixes(model, 4, 0) == found
    assert prefixes(model, 4, 1) != found
    assert prefixes(model, 0, 0) == ()
