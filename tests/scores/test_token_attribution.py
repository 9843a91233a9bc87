"""Captum's token attribution: completeness, a plain quadrature, and answers whose tokens Captum cannot print."""

import dataclasses

import numpy as np
import pytest
import torch
from reporting import Collect, cancel_at

from lga_core.errors import LgaError
from lga_core.models.running.hooks import on_outputs
from lga_core.models.text.tokens import TokenRow, answer_row, prompt_row, token_texts
from lga_core.progress import Cancelled, Phase
from lga_core.results import TokenAttribution
from lga_core.scores.attribution import token_attribution as module
from lga_core.scores.attribution.layer_attribution import baseline_row
from lga_core.scores.attribution.token_attribution import prompt_scores, token_attribution
from lga_core.scores.known_facts import check_known_facts


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
    clean, blank = embedded(model, row), embedded(model, baseline_row(model.asking, row))
    total = torch.zeros_like(clean)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        between = (blank + point * (clean - blank)).requires_grad_()
        with on_outputs({model.architecture.embedding: lambda _given, _output, between=between: between}):
            total += weight * torch.autograd.grad(log_probability(model, row), between)[0]
    sums = (total * (clean - blank)).sum(-1)[0, : row.start].numpy()
    return np.where(sums == 0, np.nan, sums)  # tokens that the baseline keeps


def check_of(model, fact):
    return next(check_known_facts(model, [fact]))


def answer_tokens(model, fact):
    """Of the old and the new answer together."""
    return sum(
        len(answer_row(model.asking, fact.prompt, answer).answer) for answer in (fact.target_old[0], fact.target_new)
    )


def test_scores_add_up_to_the_change_from_the_baseline(tiny, facts):
    fact = facts[3]
    tiny.tokenizer.pad_token = "a"  # the tiny Gemma's eos is the zero vector, where its norms have no gradient
    result = token_attribution(tiny, fact, check_of(tiny, fact), n_steps=100)
    for name, answer in (("old", "basketball"), ("new", "tennis and football")):
        row = answer_row(tiny.asking, fact.prompt, answer)
        change = log_probability(tiny, row) - log_probability(tiny, baseline_row(tiny.asking, row))
        assert abs(change) > 0.1
        assert np.nansum(result.scores[name]) == pytest.approx(change.item(), rel=1e-2)


def test_scores_equal_a_plain_quadrature(tiny):
    row = answer_row(tiny.asking, "LeBron James plays", "tennis and football")
    np.testing.assert_allclose(prompt_scores(tiny, row, 5), quadrature(tiny, row, 5), rtol=1e-5, atol=1e-7)


def test_the_result_names_the_prompts_own_tokens(tiny, facts):
    result = token_attribution(tiny, facts[0], check_of(tiny, facts[0]), n_steps=4)
    prompt = prompt_row(tiny.asking, facts[0].prompt).ids
    assert result.tokens == token_texts(tiny.tokenizer, prompt)
    assert result.answers == {"old": "Seattle", "new": "Boston"} and result.n_steps == 4
    for scores in result.scores.values():
        assert scores.shape == (len(prompt),)
        assert np.isnan(scores).tolist() == [True] + [False] * (len(prompt) - 1)
    tokens = answer_tokens(tiny, facts[0])
    assert (result.cost.forward_rows, result.cost.backward_rows) == (tokens * 6, tokens * 4)
    again = TokenAttribution.from_json(result.to_json())
    np.testing.assert_array_equal(again.scores["old"], result.scores["old"])


def test_the_points_of_all_answers_are_counted_together_piece_by_piece(tiny, facts, monkeypatch):
    check = check_of(tiny, facts[0])
    row = answer_row(tiny.asking, facts[0].prompt, "Seattle")
    whole = token_attribution(tiny, facts[0], check, n_steps=6)
    monkeypatch.setattr(module, "PIECE_TOKENS", 2 * len(row))
    report = Collect(lambda _step: assert_untouched(tiny))
    pieces = token_attribution(tiny, facts[0], check, n_steps=6, report=report)
    np.testing.assert_allclose(pieces.scores["old"], whole.scores["old"], rtol=1e-6, atol=1e-9)
    total = 6 * answer_tokens(tiny, facts[0])
    assert {(step.phase, step.total) for step in report.steps} == {(Phase.TOKEN_ATTRIBUTION, total)}
    counts = [step.done for step in report.steps]
    assert counts == sorted(set(counts)) and counts[-1] == total and counts[0] == 2
    assert list(dict.fromkeys(step.detail for step in report.steps)) == ["old answer", "new answer"]
    for number in (1, len(counts)):
        with pytest.raises(Cancelled):
            token_attribution(tiny, facts[0], check, n_steps=6, report=cancel_at(number))
        assert_untouched(tiny)


def test_only_answers_that_exist_are_explained(tiny, facts):
    no_answers = dataclasses.replace(facts[4], target_new=None)
    check = check_of(tiny, no_answers)
    assert dict(token_attribution(tiny, no_answers, check, n_steps=2).answers) == {"old": check.greedy}
    empty = dataclasses.replace(check, greedy="", greedy_ids=())
    assert dict(token_attribution(tiny, facts[4], empty, n_steps=2).answers) == {"new": "Brazil"}
    with pytest.raises(LgaError, match="no answer"):
        token_attribution(tiny, no_answers, empty, n_steps=2)
    first = check_of(tiny, facts[0])
    assert token_attribution(tiny, facts[0], first, n_steps=2, old="model").answers["old"] == first.greedy
    with pytest.raises(ValueError, match="n_steps"):
        token_attribution(tiny, facts[0], first, n_steps=0)


def test_a_space_that_the_answer_takes_has_no_score(tiny, facts):
    fact = dataclasses.replace(facts[0], target_new="Paris")
    spaced = dataclasses.replace(fact, prompt=fact.prompt + " ")
    space = len(prompt_row(tiny.asking, spaced.prompt).ids) - 1
    assert answer_row(tiny.asking, spaced.prompt, "Paris").start == space
    check = check_of(tiny, facts[0])
    plain, result = (token_attribution(tiny, either, check, n_steps=2) for either in (fact, spaced))
    assert len(result.tokens) == space + 1
    assert np.isnan(result.scores["new"][space])
    np.testing.assert_allclose(result.scores["new"][:space], plain.scores["new"])


def test_an_answer_that_ends_inside_a_character(tiny):
    """Captum's own printing of such an answer raises IndexError."""
    prompt = prompt_row(tiny.asking, "The capital of France").ids
    half = tiny.tokenizer("é", add_special_tokens=False)["input_ids"][0]
    row = TokenRow(ids=(*prompt, half), start=len(prompt))
    assert "\ufffd" in tiny.tokenizer.decode(row.answer)
    np.testing.assert_allclose(prompt_scores(tiny, row, 5), quadrature(tiny, row, 5), rtol=1e-5, atol=1e-7)


def test_a_prompt_of_one_token_has_nothing_to_compare(tiny):
    row = TokenRow(ids=(70, 71), start=1)
    assert np.isnan(prompt_scores(tiny, row, 2)).tolist() == [True]


def test_a_word_like_the_first_token_is_scored_elsewhere(tiny):
    row = answer_row(tiny.asking, "the city of the state", "Paris")
    again = TokenRow(ids=(*row.ids[:3], row.ids[0], *row.ids[3:]), start=row.start + 1)
    special = tiny.tokenizer.bos_token_id == row.ids[0]  # which is kept wherever it stands
    assert np.isnan(prompt_scores(tiny, again, 2)).sum() == (2 if special else 1)


def test_nothing_is_left_on_the_model(tiny, facts):
    check = check_of(tiny, facts[0])

    def fail(_given, output):
        if output.requires_grad:
            raise RuntimeError("in the middle of Captum's run")

    with pytest.raises(RuntimeError, match="in the middle"), on_outputs({tiny.architecture.blocks[-1].module: fail}):
        token_attribution(tiny, facts[0], check, n_steps=2)
    assert_untouched(tiny)


def assert_untouched(model):
    """Of Captum's hooks too."""
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.model.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.model.parameters())
    assert torch.is_grad_enabled()
