"""Writing on: seeded, top-k, at a temperature, and never dependent on the batch that a row is in."""

import pytest
import torch

from lga_core.models.running.generate import greedy, sampler, seed_of, stream
from lga_core.models.text.tokens import prompt_row

PROMPTS = ("The Space Needle is in downtown", "Angela Merkel", "The capital of France is")


def written(model, prompts, seeds, **how):
    rows = [prompt_row(model.asking, prompt) for prompt in prompts]
    steps = list(stream(model, rows, 12, sampler(seeds, **how), past_ends=True))
    return [tuple(step[i] for step in steps) for i in range(len(prompts))]


@pytest.mark.parametrize("how", [{}, {"top_k": 5}, {"temperature": 0.7}, {"temperature": 1.5, "top_k": 3}])
def test_a_rows_text_depends_on_its_seed_and_not_on_its_batch(tiny, how):
    together = written(tiny, PROMPTS, [7, 8, 9], **how)
    alone = [written(tiny, [prompt], [seed], **how)[0] for prompt, seed in zip(PROMPTS, (7, 8, 9), strict=True)]
    assert alone == together
    assert written(tiny, PROMPTS[::-1], [9, 8, 7], **how) == together[::-1]
    assert written(tiny, PROMPTS, [1, 2, 3], **how) != together


@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, 0), (1.0, 3), (0.5, 0), (2.0, 4)])
def test_tokens_are_drawn_as_often_as_they_are_probable(temperature, top_k):
    logits = torch.tensor([1.0, 3.0, 0.0, 2.5, -1.0, 2.0], dtype=torch.float64)
    expected = (logits / temperature).softmax(0)
    if top_k:
        expected[logits < logits.sort(descending=True).values[top_k - 1]] = 0
        expected /= expected.sum()
    draws = 20_000
    pick = sampler(range(draws), temperature=temperature, top_k=top_k)
    share = torch.bincount(pick(logits.repeat(draws, 1)), minlength=6) / draws
    assert (share[expected == 0] == 0).all()
    assert (share - expected).abs().max() < 4 * (0.25 / draws) ** 0.5


def test_top_1_and_a_tiny_temperature_are_greedy(tiny):
    rows = [prompt_row(tiny.asking, prompt) for prompt in PROMPTS]
    expected = list(stream(tiny, rows, 12, lambda logits: logits.argmax(-1), past_ends=True))
    for how in ({"top_k": 1}, {"temperature": 1e-300}):
        assert list(stream(tiny, rows, 12, sampler([1, 2, 3], **how), past_ends=True)) == expected


def test_greedy_is_the_plain_argmax_token_by_token(tiny):
    ids = prompt_row(tiny.asking, PROMPTS[0]).ids
    (tokens,) = greedy(tiny, [prompt_row(tiny.asking, PROMPTS[0])], 6)
    for token in tokens:
        with torch.no_grad():
            assert int(tiny.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()) == token
        ids = (*ids, token)


def test_outputs_that_are_not_finite_still_give_tokens():
    broken = torch.full((1, 9), float("nan"))
    for how in ({}, {"top_k": 5}):
        assert 0 <= int(sampler([0], **how)(broken)) < 9


def test_seeds_come_from_what_is_drawn():
    assert seed_of("a", 1) == seed_of("a", 1) != seed_of("a", 2)
    assert 0 <= seed_of("a") < 2**63
