"""Captum's token attribution: completeness, a plain quadrature, and answers whose tokens Captum cannot print."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import watched

from lga_core.errors import LgaError
from lga_core.models.hooks import on_outputs
from lga_core.models.tokens import TokenRow, answer_row, prompt_row, token_texts
from lga_core.results import Progress, TokenAttribution
from lga_core.scores.attribution import baseline_row
from lga_core.scores.survey import survey
from lga_core.scores.token_attribution import prompt_scores, token_attribution


def log_probability(model, row):
    logits = model.model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
    return sum(logits[row.start + j - 1, token] for j, token in enumerate(row.answer))


def embedded(model, row):
    kept = []
    with on_outputs({model.architecture.embedding: lambda _given, output: kept.append(output)}):
        model.model(torch.tensor([row.ids]))
    return kept[0]


def quadrature(model, row, steps):
    """The same integral with the answer's tokens explained together, (prompt tokens,)."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    clean, blank = embedded(model, row), embedded(model, baseline_row(model.tokenizer, row))
    total = torch.zeros_like(clean)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        between = (blank + point * (clean - blank)).requires_grad_()
        with on_outputs({model.architecture.embedding: lambda _given, _output, between=between: between}):
            total += weight * torch.autograd.grad(log_probability(model, row), between)[0]
    sums = (total * (clean - blank)).sum(-1)[0, :row.start].numpy()
    return np.where(sums == 0, np.nan, sums)     # tokens that the baseline keeps


def test_scores_add_up_to_the_change_from_the_baseline(tiny, facts):
    fact = facts[3]
    tiny.tokenizer.pad_token = "a"           # the tiny Gemma's eos is the zero vector, where its norms have no gradient
    _, result = watched(token_attribution(tiny, fact, next(survey(tiny, [fact])), n_steps=100))
    for name, answer in (("old", "basketball"), ("new", "tennis and football")):
        row = answer_row(tiny.tokenizer, fact.prompt, answer)
        change = log_probability(tiny, row) - log_probability(tiny, baseline_row(tiny.tokenizer, row))
        assert abs(change) > 0.1
        assert np.nansum(result.scores[name]) == pytest.approx(change.item(), rel=1e-2)


def test_scores_equal_a_plain_quadrature(tiny):
    row = answer_row(tiny.tokenizer, "LeBron James plays", "tennis and football")
    np.testing.assert_allclose(prompt_scores(tiny, row, 5), quadrature(tiny, row, 5), rtol=1e-5, atol=1e-7)


def test_the_result_names_the_prompts_own_tokens(tiny, facts):
    surveyed = next(survey(tiny, facts[:1]))
    progress, result = watched(token_attribution(tiny, facts[0], surveyed, n_steps=4))
    prompt = prompt_row(tiny.tokenizer, facts[0].prompt).ids
    assert result.tokens == token_texts(tiny.tokenizer, prompt)
    assert result.answers == {"old": "Seattle", "new": "Boston"} and result.n_steps == 4
    for scores in result.scores.values():
        assert scores.shape == (len(prompt),)
        assert np.isnan(scores).tolist() == [True] + [False] * (len(prompt) - 1)
    assert [(step.done, step.total) for step in progress] == [(1, 2), (2, 2)]
    assert isinstance(progress[0], Progress)
    tokens = sum(len(answer_row(tiny.tokenizer, facts[0].prompt, answer).answer) for answer in ("Seattle", "Boston"))
    assert (result.cost.forward_rows, result.cost.backward_rows) == (tokens * 6, tokens * 4)
    again = TokenAttribution.from_json(result.to_json())
    np.testing.assert_array_equal(again.scores["old"], result.scores["old"])


def test_only_answers_that_exist_are_explained(tiny, facts):
    untold = dataclasses.replace(facts[4], target_new=None)
    surveyed = next(survey(tiny, [untold]))
    _, own = watched(token_attribution(tiny, untold, surveyed, n_steps=2))
    assert dict(own.answers) == {"old": surveyed.greedy}
    silent = dataclasses.replace(surveyed, greedy="")
    _, new = watched(token_attribution(tiny, facts[4], silent, n_steps=2))
    assert dict(new.answers) == {"new": "Brazil"}
    with pytest.raises(LgaError, match="no answer"):
        watched(token_attribution(tiny, untold, silent, n_steps=2))
    _, model_first = watched(token_attribution(tiny, facts[0], next(survey(tiny, facts[:1])), n_steps=2, old="model"))
    assert model_first.answers["old"] == next(survey(tiny, facts[:1])).greedy
    with pytest.raises(ValueError, match="n_steps"):
        watched(token_attribution(tiny, facts[0], surveyed, n_steps=0))


def test_a_space_that_the_answer_takes_has_no_score(tiny, facts):
    fact = dataclasses.replace(facts[0], target_new="Paris")
    spaced = dataclasses.replace(fact, prompt=fact.prompt + " ")
    space = len(prompt_row(tiny.tokenizer, spaced.prompt).ids) - 1
    assert answer_row(tiny.tokenizer, spaced.prompt, "Paris").start == space
    surveyed = next(survey(tiny, facts[:1]))
    plain, result = (watched(token_attribution(tiny, either, surveyed, n_steps=2))[1] for either in (fact, spaced))
    assert len(result.tokens) == space + 1
    assert np.isnan(result.scores["new"][space])
    np.testing.assert_allclose(result.scores["new"][:space], plain.scores["new"])


def test_an_answer_that_ends_inside_a_character(tiny):
    """Captum's own printing of such an answer raises IndexError."""
    prompt = prompt_row(tiny.tokenizer, "The capital of France").ids
    half = tiny.tokenizer("é", add_special_tokens=False)["input_ids"][0]
    row = TokenRow(ids=(*prompt, half), start=len(prompt))
    assert "\ufffd" in tiny.tokenizer.decode(row.answer)
    np.testing.assert_allclose(prompt_scores(tiny, row, 5), quadrature(tiny, row, 5), rtol=1e-5, atol=1e-7)


def test_a_prompt_of_one_token_has_nothing_to_compare(tiny):
    row = TokenRow(ids=(70, 71), start=1)
    assert np.isnan(prompt_scores(tiny, row, 2)).tolist() == [True]


def test_a_word_like_the_first_token_is_scored_elsewhere(tiny):
    row = answer_row(tiny.tokenizer, "the city of the state", "Paris")
    again = TokenRow(ids=(*row.ids[:3], row.ids[0], *row.ids[3:]), start=row.start + 1)
    special = tiny.tokenizer.bos_token_id == row.ids[0]      # which is kept wherever it stands
    assert np.isnan(prompt_scores(tiny, again, 2)).sum() == (2 if special else 1)


def test_nothing_is_left_on_the_model(tiny, facts):
    surveyed = next(survey(tiny, facts[:1]))

    def untouched():
        assert all(not module._forward_hooks and not module._forward_pre_hooks for module in tiny.model.modules())
        assert all(parameter.grad is None and not parameter.requires_grad for parameter in tiny.model.parameters())
        assert torch.is_grad_enabled() and not tiny._user

    steps = token_attribution(tiny, facts[0], surveyed, n_steps=2)
    next(steps)
    untouched()
    watched(steps)
    untouched()

    def fail(_given, output):
        if output.requires_grad:
            raise RuntimeError("in the middle of Captum's run")

    with pytest.raises(RuntimeError, match="in the middle"), on_outputs({tiny.architecture.blocks[-1].module: fail}):
        watched(token_attribution(tiny, facts[0], surveyed, n_steps=2))
    untouched()
