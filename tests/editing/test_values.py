"""Values that are searched once: what is read is what was kept, and every part of the question counts."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model, value_of
from editing.writing import BATCHED, EDITORS, EXACT, VALUE, nothing
from reporting import Collect

from lga_core.editing.search import values
from lga_core.editing.search.values import shared_values
from lga_core.models.sources.derived import derived_path
from lga_core.progress import silent

PREFIXES = ("It was", "In the city")


def files(model):
    return sorted(derived_path(model, "values").glob("*"))


def ask(
    model, fact, *, layer=1, settings=VALUE, prefixes=PREFIXES, mean_start=True, edits=(), site="down", report=silent
):
    return shared_values(
        model, [fact], layer, settings, prefixes, mean_start=mean_start, edits=edits, site=site, report=report
    )


def assert_equal(value, other):
    for name in ("keys", "start", "delta"):
        assert torch.equal(getattr(value, name), getattr(other, name))
    assert (value.losses, value.clamped) == (other.losses, other.clamped)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("site", ["down", "block"])
def test_a_value_is_read_back_as_it_was_found(dtype, site, facts):
    model = tiny_model("gpt2", dtype)
    plain = value_of(model, facts[0], 1, VALUE, PREFIXES, mean_start=True, site=site)
    assert_equal(ask(model, facts[0], site=site)[0], plain)
    assert len(files(model)) == 1
    report = Collect()
    ask(model, facts[0], site=site, report=report)
    assert len(report.steps) == 1  # read: no step of a search
    assert_equal(ask(model, facts[0], site=site)[0], plain)


def test_every_part_of_the_question_counts(facts):
    model = tiny_model("llama", torch.float32)
    fact = facts[0]
    questions = [
        {},
        {"fact": replace(fact, target_new="Rome")},
        {"fact": replace(fact, prompt=f"{fact.prompt}, in")},
        {"fact": replace(fact, subject="Needle", span=(10, 16))},
        {"layer": 2},
        {"site": "block"},
        {"mean_start": False},
        {"prefixes": ()},
        {"prefixes": PREFIXES[:1]},
        {"settings": replace(VALUE, steps=3)},
        {"settings": replace(VALUE, norm_bound=0.75)},
        {"settings": replace(VALUE, weight_decay=0.1)},
    ]
    for number, question in enumerate(questions, start=1):
        ask(model, **{"fact": fact, **question})
        assert len(files(model)) == number
    ask(replace(tiny_model("llama", torch.bfloat16), fingerprint=model.fingerprint), fact)
    assert len(files(model)) == len(questions) + 1


def test_a_value_that_was_searched_with_others_is_not_taken_for_one_that_was_searched_alone(facts):
    model = tiny_model("llama", torch.float32)
    shared_values(model, facts[:3], 1, VALUE, PREFIXES, mean_start=True)
    assert len(files(model)) == 3
    (alone,) = ask(model, facts[0])
    assert_equal(alone, value_of(model, facts[0], 1, VALUE, PREFIXES, mean_start=True))
    assert len(files(model)) == 4
    report = Collect()
    shared_values(model, facts[:3], 1, VALUE, PREFIXES, mean_start=True, report=report)
    assert len(report.steps) == 1  # read: no step of a search


def test_what_does_not_change_the_answer_does_not_count(facts):
    model = tiny_model("llama", torch.float32)
    ask(model, facts[0], settings=replace(VALUE, weight_decay=None))
    ask(model, replace(facts[0], record=7, rephrases=()), settings=replace(VALUE, weight_decay=1e-3))
    assert len(files(model)) == 1


def test_a_damaged_file_is_searched_again(facts):
    model = tiny_model("llama", torch.float32)
    (plain,) = ask(model, facts[0])
    (path,) = files(model)
    whole = path.read_bytes()
    for damage in (b"", whole[:30], whole[:-5], whole.replace(b'"delta"', b'"dalto"')):
        path.write_bytes(damage)
        assert_equal(ask(model, facts[0])[0], plain)
        assert path.read_bytes() == whole


def test_nothing_is_kept_of_an_edited_model_or_too_large(facts, monkeypatch):
    model = tiny_model("llama", torch.float32)
    ask(model, facts[0], edits=[nothing(model, 0)])
    monkeypatch.setattr(values, "KEPT_BYTES", 100)
    ask(model, facts[0])
    assert files(model) == []


def test_one_search_serves_r_rome_and_the_batches(facts):
    model = tiny_model("llama", torch.float32)
    (alone,) = EDITORS["r-rome"](model, [facts[0]], [2], EXACT["r-rome"])
    assert len(files(model)) == 1
    for name in BATCHED:
        (written,) = EDITORS[name](model, [facts[0]], [2], EXACT[name])
        assert torch.equal(written.edit.keys, alone.edit.keys)
        assert torch.equal(written.edit.left, alone.edit.left)
    assert len(files(model)) == 1
    EDITORS["rome"](model, [facts[0]], [2], EXACT["rome"])  # v0 of the bare prompt: a search of its own
    assert len(files(model)) == 2
