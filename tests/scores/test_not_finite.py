"""Numbers that overflow, as in float16: they are no answer, and gradients of improbable answers do not vanish."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from conftest import make_fact, tiny_model

from lga_core.evaluation.metrics.asking import argmax_at_answers, probe_questions
from lga_core.evaluation.metrics.forced import ForcedProbes
from lga_core.evaluation.metrics.probe_results import forced_shares
from lga_core.models.running.forward import NO_TOKEN, best_tokens
from lga_core.models.running.generate import greedy
from lga_core.models.running.halving import lost_device
from lga_core.models.text.tokens import answer_row, prompt_row
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.tracing.patching import patching_estimate

FINE = "The Space Needle is in"
BROKEN = "The Space Needle tennis is in"
WORD = " tennis"  # the last token of it has no finite embedding


@pytest.fixture(scope="module")
def model():
    """A tiny Llama in which every text with one word overflows."""
    loaded = tiny_model("llama")
    untied(loaded)
    loaded.architecture.embedding.weight.data[loaded.tokenizer(WORD)["input_ids"][-1]] = torch.inf
    return loaded


def untied(model):
    """Let the head have weights of its own."""
    head = model.architecture.head
    head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)


def fact_of(prompt, record=0):
    return make_fact(record, prompt, "Space Needle", "Paris", "Seattle")


def test_the_best_token_of_logits_that_are_not_finite_is_none():
    rows = [[0.0, 2.0, 1.0], [0.0, torch.nan, 9.0], [torch.inf, 0.0, 0.0], [-torch.inf, 0.0, -1.0]]
    assert best_tokens(torch.tensor(rows)).tolist() == [1, NO_TOKEN, NO_TOKEN, 1]


def test_a_fact_whose_numbers_overflow_cannot_be_asked_and_spoils_no_other(model):
    facts = [fact_of(FINE), fact_of(BROKEN, record=1)]
    (alone,) = check_known_facts(model, facts[:1])
    fine, broken = check_known_facts(model, facts)
    assert (fine.known, fine.greedy_ids) == (alone.known, alone.greedy_ids) and fine.problem is None
    assert broken.known is None and broken.problem == "the model's numbers overflow there in float64"


def test_no_token_is_predicted_right_or_as_before(model):
    rows = [answer_row(model.asking, prompt, " Paris") for prompt in (FINE, BROKEN)]
    fine, broken = argmax_at_answers(model, rows)
    assert NO_TOKEN not in fine and set(broken) == {NO_TOKEN}
    fact = dataclasses.replace(fact_of(BROKEN), rephrases=())
    probes = [probe_questions(model, fact)]
    (answers,) = ForcedProbes.prepare(model, probes, range(model.layers)).ask(model)
    for question, given in zip(probes[0].questions, answers, strict=True):
        assert all(set(answer.predicted) == {NO_TOKEN} for answer in given) == (WORD in question.prompt)
    locality = dataclasses.replace(probes[0].questions[0], metric="locality")
    assert forced_shares(locality, [broken], [broken])[1] == 0
    assert forced_shares(locality, [fine], [fine])[1] == 100


def test_a_text_ends_where_the_numbers_do(model):
    rows = [prompt_row(model.asking, prompt) for prompt in (FINE, BROKEN)]
    assert greedy(model, rows, 4) == [greedy(model, rows[:1], 4)[0], ()]


def test_patching_of_an_improbable_answer_does_not_vanish_in_float16():
    exact = tiny_model("llama", torch.float32)
    untied(exact)
    exact.architecture.head.weight.data *= 4
    half = dataclasses.replace(exact, model=copy.deepcopy(exact.model).half())
    half = dataclasses.replace(half, architecture=type(exact.architecture).find(half.model))
    fact = fact_of(FINE)
    row = prompt_row(exact.asking, FINE)
    with torch.no_grad():
        logits = exact.model(torch.tensor([row.ids])).logits[0, -1]
    answer = int(logits.argmin())
    assert 0 < logits.softmax(-1)[answer] < 1e-6  # whose gradients float16 hardly tells from 0
    wanted, found = (
        patching_estimate(each, fact, answer, "mlp", 1, noise=0.05, draws=2, seed=0) for each in (exact, half)
    )
    np.testing.assert_allclose(found, wanted, atol=0.02 * np.abs(wanted).max())


def test_a_card_is_lost_by_an_error_of_a_kernel_and_not_by_want_of_memory():
    assert lost_device(torch.AcceleratorError("CUDA error: device-side assert triggered"))
    assert not lost_device(torch.OutOfMemoryError("CUDA out of memory"))
    assert not lost_device(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
