"""The known-fact check against the model's own argmax, its order, and what it reports."""

import dataclasses

import torch
from conftest import make_fact, tiny_model
from reporting import Collect, checked

from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Phase
from lga_core.scores import known_facts
from lga_core.scores.known_facts import check_known_facts, first_tokens


def next_token(model, prompt):
    """The model's own greedy next token and its probability."""
    logits = model.model(torch.tensor([prompt_row(model.asking, prompt).ids])).logits[0, -1]
    return int(logits.argmax()), float(logits.softmax(-1).max())


def test_known_is_that_the_greedy_token_begins_an_accepted_answer(tiny, facts):
    token, probability = next_token(tiny, facts[0].prompt)
    own = tiny.tokenizer.decode([token]).strip()
    accepted = dataclasses.replace(facts[0], record=7, target_old=("Paris", own))
    checks = {check.record: check for check in check_known_facts(tiny, [*facts, accepted])}
    assert checks[7].known == (token in first_tokens(tiny, accepted))
    assert checks[4].known is None and facts[4].target_old == ()
    for fact in facts[:4]:
        assert checks[fact.record].known == (next_token(tiny, fact.prompt)[0] in first_tokens(tiny, fact))
    assert abs(checks[0].probability - probability) < 1e-9


def test_a_fact_is_known_by_its_tokens_worked_out_by_hand():
    model = tiny_model("llama")
    prompt = "The capital of France"
    ids = model.tokenizer(prompt)["input_ids"]
    best = int(model.model(torch.tensor([ids])).logits[0, -1].argmax())
    assert model.tokenizer.decode([best]) == " com"
    for answers, known in ((("Paris", "com"), True), (("Paris",), False)):
        begun = [model.tokenizer(f"{prompt} {answer}")["input_ids"] for answer in answers]
        assert all(whole[: len(ids)] == ids for whole in begun)
        assert (best in [whole[len(ids)] for whole in begun]) is known
        fact = dataclasses.replace(make_fact(0, prompt, "France", "Rome", "Paris"), target_old=answers)
        (check,) = check_known_facts(model, [fact])
        assert check.known is known


def test_rows_come_in_order_whatever_the_batch_and_skip_what_is_done(tiny, facts, monkeypatch):
    whole = list(checked(check_known_facts(tiny, facts)))
    assert [check.record for check in whole] == [0, 1, 2, 3, 4]
    monkeypatch.setattr(known_facts, "BATCH", 2)
    rest = list(checked(check_known_facts(tiny, facts, done={1, 3})))
    assert [check.record for check in rest] == [0, 2, 4]
    assert [check.greedy for check in rest] == [whole[i].greedy for i in (0, 2, 4)]
    assert not list(check_known_facts(tiny, facts, done=range(5)))


def test_a_batch_that_does_not_fit_is_halved_and_reported_as_of_the_facts(tiny, facts, monkeypatch):
    whole = list(check_known_facts(tiny, facts))

    def short_of_memory(model, rows, length):
        if len(rows) > 1:
            raise MemoryError
        return [tuple(tiny.tokenizer(" a")["input_ids"])]

    monkeypatch.setattr(known_facts, "greedy", short_of_memory)
    report = Collect()
    rows = list(check_known_facts(tiny, facts, done={0}, report=report))
    assert [row.known for row in rows] == [check.known for check in whole[1:]]
    assert {(step.phase, step.done, step.total) for step in report.steps} == {(Phase.KNOWN_FACTS, 1, 5)}
    assert all("memory ran out" in step.detail for step in report.steps)
