"""The model's own answers are its own tokens: teacher-forced it gives every one of them, whatever they begin with."""

import dataclasses

import pytest
import torch
from conftest import CHAT_TEMPLATE, make_fact, tiny_model

from lga_core.data.facts import Probe
from lga_core.evaluation.metrics.asking import argmax_at_answers, predict, probe_questions
from lga_core.models.running.generate import greedy
from lga_core.models.text.tokens import answer_row, prompt_row, sequence_row
from lga_core.probes.questions import BLANK
from lga_core.scores.answer_pairs import answer_pair
from lga_core.scores.known_facts import check_known_facts, first_line
from lga_core.scores.settings import CmaSettings
from lga_core.scores.tracing.cma import mlp_rows, traced_answer

CONTINUED = {  # prompt -> what the model is taught to write after it
    "The capital of France is Paris": ", and he is",
    "What is the capital of France?": "\n\nThe state of",
    "The Space Needle is in": " downtown Seattle now",
    "Toyota is a company": "\n",
}
STEPS = 30


def taught(chat, continued=CONTINUED):
    """A tiny model that has learned the continuations by heart, asked plainly or in a chat template."""
    model = tiny_model("llama")
    model.tokenizer.chat_template = CHAT_TEMPLATE
    model = model.chatting if chat else model
    rows = [
        answer_row(model.asking, prompt, (*model.tokenizer(text)["input_ids"], model.tokenizer.eos_token_id))
        for prompt, text in continued.items()
    ]
    network = model.model.requires_grad_(True)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _step in range(STEPS):
        optimizer.zero_grad()
        for row in rows:
            logits = network(torch.tensor([row.ids])).logits[0, row.start - 1 : -1]
            torch.nn.functional.cross_entropy(logits, torch.tensor(row.answer)).backward()
        optimizer.step()
    optimizer.zero_grad()
    network.requires_grad_(False)
    return model


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "chat"])
def model(request):
    return taught(request.param)


def written(model, prompt, length=5):
    """What the model writes by itself, token by token."""
    (ids,) = greedy(model, [prompt_row(model.asking, prompt)], length)
    return ids


def test_the_unedited_model_gives_all_of_its_own_answers_to_locality_probes(model):
    fact = make_fact(0, "LeBron James plays", "LeBron James", "tennis", "football")
    probes = tuple(Probe(prompt=prompt, answers=(), group="Neighborhood") for prompt in CONTINUED)
    asked = probe_questions(model, dataclasses.replace(fact, locality=probes))
    own = [question for question in asked.questions if question.source == "model"]
    assert [question.prompt for question in own] == list(CONTINUED) and not asked.dropped
    for question, (predicted,) in zip(own, predict(model, own), strict=True):
        taught_text = CONTINUED[question.prompt]
        (row,) = question.rows
        assert row.ids == prompt_row(model.asking, question.prompt).ids + written(model, question.prompt)
        assert model.tokenizer.decode(row.answer) == taught_text[: len(model.tokenizer.decode(row.answer))]
        assert predicted == row.answer  # teacher-forced accuracy is 100 %
        assert question.answers == (model.tokenizer.decode(row.answer).strip() or BLANK,)


@pytest.mark.parametrize("cut", ["one token", "as many as the new answer has"])
def test_the_unedited_model_gives_all_of_its_own_old_answers(model, cut):
    new = "a" if cut == "one token" else "Boston and Madrid"
    facts = [make_fact(record, prompt, prompt.split()[0], new, "Rome") for record, prompt in enumerate(CONTINUED)]
    for fact, check in zip(facts, check_known_facts(model, facts), strict=True):
        for row_of in (answer_row, sequence_row):
            pair = answer_pair(model, fact, check, "model", row_of)
            assert pair.old.ids == prompt_row(model.asking, fact.prompt).ids + check.greedy_ids
        old = answer_pair(model, fact, check, "model").old
        assert old.answer and (cut != "one token" or len(old.answer) == 1)
        assert old.answer == written(model, fact.prompt, 20)[: len(old.answer)]
        assert argmax_at_answers(model, [old]) == [old.answer]
        assert check.greedy_ids == old.answer
        assert pair.old_answer == (model.tokenizer.decode(old.answer).strip() or BLANK)


@pytest.mark.parametrize(
    ("text", "line", "kept"),
    [
        (" Rome", "Rome", " Rome"),
        (", and he", ", and he", ", and he"),
        ("\n\nThe city\nof Rome", "The city", "\n\nThe city"),
        (" Rome. \n", "Rome.", " Rome."),
        ("\n", "", "\n"),
        ("\n\n\n", "", "\n"),
        ("", "", ""),
    ],
)
def test_an_own_answer_ends_with_its_first_line_and_keeps_what_stands_before_it(text, line, kept):
    model = tiny_model("llama")
    ids = tuple(model.tokenizer(text)["input_ids"])
    own = first_line(model, ids)
    assert (own.text, model.tokenizer.decode(own.ids)) == (line, kept)
    assert own.ids == ids[: len(own.ids)]


def test_the_traced_answer_is_the_one_whose_first_token_the_model_wrote():
    """A part of a character, which one token is here, is another token once it was decoded."""
    prompt, accepted = "The capital of France is", ("Paris", "Évry")
    model = taught(chat=True, continued={prompt: accepted[1]})
    fact = dataclasses.replace(make_fact(0, prompt, "France", "a", "Paris"), target_old=accepted)
    (check,) = check_known_facts(model, [fact])
    (first,) = written(model, prompt, 1)
    assert check.known and check.greedy_ids == (first,) and "\ufffd" in check.greedy
    assert traced_answer(model, fact, check) == ("Évry", first, "data")
    (row,) = mlp_rows(model, [fact], [check], CmaSettings(draws=1))
    assert row.old_answer == "Évry" and row.values["p-clean"] > 0.5
