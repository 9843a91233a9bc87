"""The batched search against one fact at a time: the same v*, and which facts are searched together."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model, value_of
from editing.writing import VALUE
from evaluation.sweep.sweeping import LAYERS, found_at

from lga_core.data.load import load_facts
from lga_core.editing.search.contexts import SEARCH_TOKENS, Contexts, batches
from lga_core.editing.search.search import Search
from lga_core.editing.search.value import find_cases
from lga_core.models.text.own_text import prefixes


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
@pytest.mark.parametrize("site", ["down", "block"])
def test_many_searches_in_one_find_what_each_finds_alone(family, site, some):
    model = tiny_model(family, torch.float32)
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], LAYERS, site)
    for layer in LAYERS:
        together = found_at(layer, model, search, VALUE)
        for fact, value in zip(some, together, strict=True):
            alone = value_of(model, fact, layer, VALUE, before, mean_start=True, site=site)
            torch.testing.assert_close(value.target, alone.target, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(value.keys, alone.keys, rtol=1e-4, atol=1e-5)
            assert (len(value.losses), value.clamped) == (len(alone.losses), alone.clamped)


@pytest.mark.parametrize("family", ["gpt2", "gemma3"])
@pytest.mark.parametrize("site", ["down", "block"])
def test_many_layers_in_one_search_find_what_each_finds_alone(family, site, some):
    model = tiny_model(family, torch.float32)
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], LAYERS, site)
    cases = [(0, 1), (0, 3), (2, 3), (3, 0), (3, 2)]
    for (layer, fact), value in zip(cases, find_cases(model, search, cases, VALUE, mean_start=True), strict=True):
        alone = value_of(model, some[fact], layer, VALUE, before, mean_start=True, site=site)
        torch.testing.assert_close(value.target, alone.target, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(value.keys, alone.keys, rtol=1e-4, atol=1e-5)
        assert (len(value.losses), value.clamped) == (len(alone.losses), alone.clamped)


def test_a_prompt_that_begins_with_its_subject_needs_no_row_for_kl(facts, monkeypatch):
    model = tiny_model("llama", torch.float32)
    firm = replace(VALUE, kl_weight=5.0)
    told = replace(facts[0], prompt="Space Needle is in", subject="Space Needle", span=(0, 12))
    for fact, shared in ((facts[0], False), (told, True)):
        contexts = Contexts.of(model, fact, ("It was",))
        assert contexts.begins_with_subject == shared
        assert contexts.step_rows == 3 - shared
    value = value_of(model, told, 1, firm, ("It was",), mean_start=True)
    monkeypatch.setattr(Contexts, "begins_with_subject", False)
    apart = value_of(model, told, 1, firm, ("It was",), mean_start=True)
    torch.testing.assert_close(value.target, apart.target, rtol=1e-5, atol=1e-6)
    assert value.losses == pytest.approx(apart.losses, rel=1e-5)


def test_a_fact_that_reached_the_stop_loss_leaves_the_batch(some, monkeypatch):
    model = tiny_model("llama", torch.float32)
    asked = []
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], [1])
    whole = found_at(1, model, search, VALUE)
    reached = sorted(value.losses[2] for value in whole)
    stop = VALUE.__class__(
        steps=6, learning_rate=0.02, weight_decay=0.0, stop="nll", stop_loss=(reached[1] + reached[2]) / 2
    )
    evaluate = Search.evaluate
    monkeypatch.setattr(
        Search,
        "evaluate",
        lambda self, model, cases, deltas: (asked.append(cases), evaluate(self, model, cases, deltas))[1],
    )
    early = found_at(1, model, search, stop)
    for value, plain in zip(early, whole, strict=True):
        first = next((step for step, loss in enumerate(plain.losses) if loss < stop.stop_loss), VALUE.steps)
        assert value.losses == pytest.approx(plain.losses[: first + 1], rel=1e-5)
    assert [len(cases) for cases in asked] == sorted((len(cases) for cases in asked), reverse=True)
    assert len(asked[0]) == 5 and len(asked[-1]) < 5


def test_where_the_answer_cannot_see_the_edit_nothing_is_searched(some):
    model = tiny_model("llama", torch.float32)  # the last block's output at the subject goes nowhere
    before = prefixes(model, 2, 0)
    search = Search.prepare(model, [Contexts.of(model, fact, before) for fact in some], [3])
    for value in found_at(3, model, search, VALUE):
        assert len(value.losses) == 1
        assert not value.delta.any()


def test_facts_with_as_much_to_run_share_a_batch(some):
    model = tiny_model("llama", torch.float32)
    contexts = {place: Contexts.of(model, fact, ()) for place, fact in enumerate(load_facts("world").facts[:40])}
    parts = batches(model, contexts)
    assert sorted(place for part in parts for place in part) == sorted(contexts)
    tails = [contexts[place].tail for part in parts for place in part]
    assert tails == sorted(tails)
    for part in parts:
        assert (
            sum(contexts[place].step_rows for place in part) * max(contexts[place].tail for place in part)
            <= SEARCH_TOKENS
            or len(part) == 1
        )
