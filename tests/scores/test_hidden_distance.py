"""The hidden-state distance against transformers' own hidden states, one text at a time without pads."""

import dataclasses

import numpy as np
import pytest
import torch
from reporting import Collect, checked
from scores.ordering import in_order

from lga_core.models.text.tokens import answer_row
from lga_core.progress import Phase
from lga_core.scores import hidden_distance
from lga_core.scores.hidden_distance import hidden_distance_rows, hidden_distances
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import View, layer_scores
from lga_core.scores.settings import HiddenDistanceSettings


def naive_states(model, tokens):
    """Every block's output at the last token, (L, d): transformers gives all but the last before its norm."""
    ids = torch.tensor([tokens])
    outputs = []
    handle = model.architecture.blocks[-1].module.register_forward_hook(
        lambda _module, _given, output: outputs.append(output[0] if isinstance(output, tuple) else output)
    )
    with torch.no_grad():
        states = model.model(ids, output_hidden_states=True).hidden_states
    handle.remove()
    return torch.stack([*(state[0, -1] for state in states[1:-1]), outputs[0][0, -1]]).double()


def naive(model, fact, check):
    """The distance layer by layer, number by number. The model's own answer is the tokens that it wrote."""
    prompt, new, *old = (
        model.tokenizer(text)["input_ids"]
        for text in (fact.prompt, *(f"{fact.prompt} {answer}" for answer in (fact.target_new, *fact.target_old)))
    )
    first, second = (naive_states(model, ids) for ids in (old[0] if old else [*prompt, *check.greedy_ids], new))
    return [
        sum(float(a - b) ** 2 for a, b in zip(x, y, strict=True)) ** 0.5 for x, y in zip(first, second, strict=True)
    ]


def test_distances_are_those_of_transformers_hidden_states(tiny, facts):
    checks = list(check_known_facts(tiny, facts))
    rows = in_order(hidden_distance_rows(tiny, facts, checks, HiddenDistanceSettings()), facts)
    assert [row.record for row in rows] == [fact.record for fact in facts] and any(row.used for row in rows)
    for row, fact, check in zip(rows, facts, checks, strict=True):
        if row.used:
            np.testing.assert_allclose(row.values["distance"], naive(tiny, fact, check), rtol=1e-5)
            asked = 0 if fact.target_old else check.cost.forward_rows
            assert (row.cost.forward_rows, row.cost.backward_rows) == (2 + asked, 0) and row.cost.seconds > 0
    assert {row.old_source for row in rows if row.used} == {"data", "model"}
    scores = layer_scores("hidden-distance", rows, tiny.layers, View(bootstrap=0))
    np.testing.assert_allclose(scores.total, np.mean([row.values["distance"] for row in rows if row.used], axis=0))
    assert scores.selection.golden_layer == int(scores.total.argmax()) and scores.selection.fences is None


def test_answers_of_other_lengths_and_other_company_change_nothing(tiny):
    prompts = [
        ("Paris is in", "France", "Japan and Germany, a city of the state"),
        ("The language of Brazil is", "a", "b"),
    ]
    old = [answer_row(tiny.asking, prompt, first) for prompt, first, _ in prompts]
    new = [answer_row(tiny.asking, prompt, second) for prompt, _, second in prompts]
    together = hidden_distances(tiny, old, new)
    alone = torch.cat([hidden_distances(tiny, [a], [b]) for a, b in zip(old, new, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(hidden_distances(tiny, new, old), together)
    assert not hidden_distances(tiny, old, old).any()


def test_facts_without_two_answers_say_why_and_what_is_done_is_left_out(tiny, facts):
    given = [
        dataclasses.replace(facts[0], target_new=None),
        dataclasses.replace(facts[1], target_new=facts[1].target_old[0]),
        *facts[2:],
    ]
    checks = list(check_known_facts(tiny, given))
    rows = list(hidden_distance_rows(tiny, given, checks, HiddenDistanceSettings(), {given[-1].record}))
    assert [row.status for row in rows[:2]] == ["no new answer", "old answer equals new answer"]
    assert len(rows) == len(given) - 1 and all(row.values == {} for row in rows[:2])


def test_progress_is_reported_where_no_hook_is_open(tiny, facts, monkeypatch):
    monkeypatch.setattr(hidden_distance, "BATCH_TOKENS", 1)
    monkeypatch.setattr(hidden_distance, "hidden_distances", failing_once(hidden_distances))
    checks = list(check_known_facts(tiny, facts))
    report = Collect()
    with pytest.raises(Exception, match="out of memory"):
        list(checked(hidden_distance_rows(tiny, facts[:1], checks[:1], HiddenDistanceSettings(), report=report)))
    rows = list(checked(hidden_distance_rows(tiny, facts, checks, HiddenDistanceSettings(), report=report)))
    assert len(rows) == len(facts) and all(step.phase is Phase.HIDDEN_DISTANCE for step in report.steps)


def failing_once(function):
    calls = []

    def work(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("out of memory")
        return function(*arguments)

    return work
