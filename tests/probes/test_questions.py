"""Which probes a fact has, which are dropped and why, and what stands in for an answer that the data lacks."""

import dataclasses

import pytest
import torch
from conftest import make_fact, tiny_model
from hypothesis import given
from hypothesis import strategies as st

from lga_core.data.facts import Probe
from lga_core.models.running.generate import greedy
from lga_core.models.running.own_answers import answered
from lga_core.models.text.tokens import prompt_row
from lga_core.probes.questions import (
    OwnAnswer,
    acting_cap,
    asks_own_answer,
    dropped_locality,
    fact_probes,
    left_out,
    left_out_of_many,
    locality_probes,
    matched_without_words,
    with_own_answers,
)

FACT = make_fact(0, "The Space Needle is in downtown", "Space Needle", "Boston", "Seattle")


def of(metric, asked):
    return [probe for probe in asked.probes if probe.metric == metric]


def locality(*answers, group="Neighborhood"):
    return Probe(prompt=f"Prompt of {answers}", answers=tuple((answer,) for answer in answers), group=group)


def test_every_metric_has_its_probes_and_answers():
    asked = fact_probes(FACT)
    assert [(probe.metric, probe.group, probe.prompt, probe.answers) for probe in asked.probes] == [
        ("rewrite", "rewrite", FACT.prompt, ("Boston",)),
        ("rephrase", "rephrase", FACT.rephrases[0], ("Boston",)),
        ("locality", "Neighborhood", "The capital of France is", ("Paris",)),
        ("portability", "Reasoning", "The state of Space Needle is", ("Washington",)),
    ]
    assert asked.dropped == () and {probe.source for probe in asked.probes} == {"data"}


def test_what_cannot_be_asked_is_dropped_with_its_reason():
    fact = dataclasses.replace(
        FACT,
        locality=(locality("boston!"), locality("Paris")),
        portability=(Probe(prompt="Its mayor is", answers=((" ",),), group="Reasoning"),),
    )
    asked = fact_probes(fact)
    assert [probe.answers for probe in of("locality", asked)] == [("Paris",)] and not of("portability", asked)
    assert len(asked.dropped) == 2
    assert "its answer is the new answer" in asked.dropped[0] and "no answer given" in asked.dropped[1]


@given(own=st.lists(st.sampled_from([(5, 7), (3,), ()]), min_size=2, max_size=2))
def test_own_answers_fill_the_gaps_in_order_and_empty_ones_drop_their_probe(own):
    fact = dataclasses.replace(FACT, locality=(locality(), locality("Rome"), locality(group="other")))
    asked = fact_probes(fact)
    assert [probe.group for probe in asked.without_gold] == ["Neighborhood", "other"]
    filled = with_own_answers(asked, [OwnAnswer(ids=ids, text=f"text of {ids}") for ids in own])
    assert not filled.without_gold and len(filled.dropped) == sum(not ids for ids in own)
    written = [probe for probe in filled.probes if probe.source == "model"]
    assert [(probe.given, probe.answers) for probe in written] == [((ids,), (f"text of {ids}",)) for ids in own if ids]
    assert [probe.given for probe in of("locality", filled) if probe.source == "data"] == [("Rome",)]


@pytest.mark.parametrize(
    ("most", "kept"), [(1, ["Rome", "Oslo"]), (2, ["Rome", "Oslo", "Bern"]), (None, ["Rome", "Oslo", "Bern", "Kyiv"])]
)
def test_the_first_of_each_group_are_taken(most, kept):
    probes = (locality("Boston"), locality("Rome"), locality("Oslo", group="other"), locality("Bern"), locality("Kyiv"))
    asked = fact_probes(dataclasses.replace(FACT, locality=probes, rephrases=("One", "Two", "Three")), per_group=most)
    assert [probe.answers[0] for probe in of("locality", asked)] == kept
    assert len(of("rephrase", asked)) == min(most or 3, 3)


def test_the_models_own_answer_is_its_first_five_greedy_tokens():
    model = tiny_model("llama", torch.float32)
    fact = dataclasses.replace(FACT, locality=(locality(), locality("Rome")))
    asked = answered(model, fact_probes(fact))
    (ids,) = greedy(model, [prompt_row(model.asking, fact.locality[0].prompt)], 5)
    first, second = of("locality", asked)
    assert (first.answers, first.source) == (("Rome",), "data")
    assert (second.answers, second.source) == ((model.tokenizer.decode(ids).strip(),), "model")
    assert second.own_ids == ids and first.own_ids == ()
    assert asked.probes[-1].metric == "portability"


def test_own_answers_are_asked_for_where_a_probe_that_is_asked_has_no_gold():
    fact = dataclasses.replace(FACT, locality=(locality("Rome"), locality("Oslo"), locality()))
    assert not asks_own_answer(FACT) and asks_own_answer(fact)
    assert [asks_own_answer(fact, cap) for cap in (2, 3)] == [False, True]
    dropped_first = dataclasses.replace(fact, locality=(locality("Boston"), *fact.locality[1:]))
    assert asks_own_answer(dropped_first, 2)  # the dropped one takes no place
    assert not asks_own_answer(dataclasses.replace(fact, target_new=None))  # nothing is asked of it


def test_a_fact_is_matched_without_words_where_an_accepted_answer_that_is_asked_freely_has_none():
    assert not matched_without_words(FACT)
    assert matched_without_words(dataclasses.replace(FACT, target_new="東京"))
    portable = Probe(prompt="It stands in", answers=(("Boston", "The"),), group="Reasoning")
    assert matched_without_words(dataclasses.replace(FACT, portability=(portable,))), "any accepted answer counts"
    aside = dataclasses.replace(FACT, locality=(locality("東京"),), target_old=("東京",))
    assert not matched_without_words(aside), "locality compares tokens, and nobody asks for the old answer"
    assert not matched_without_words(dataclasses.replace(FACT, target_new=None))


def test_what_a_cap_leaves_out_is_counted_by_metric_and_group():
    many = dataclasses.replace(
        FACT,
        locality=tuple(locality(f"City {number}") for number in range(5)),
        rephrases=tuple(f"Paraphrase {number}" for number in range(3)),
    )
    assert left_out([FACT, many, many], 2) == {"rephrase": {"rephrase": 2}, "locality": {"Neighborhood": 6}}
    assert left_out([FACT, many], 5) == left_out([FACT, many], None) == {}
    assert (acting_cap(FACT, 2), acting_cap(many, 2), acting_cap(many, 5), acting_cap(many, None)) == (
        None,
        2,
        None,
        None,
    )
    asked = len(fact_probes(many).probes) - len(fact_probes(many, per_group=2).probes)
    assert asked == 4


def test_what_many_edits_leave_out_is_counted_over_all_facts():
    many = dataclasses.replace(
        FACT,
        locality=tuple(locality(f"City {number}") for number in range(5)),
        rephrases=tuple(f"Paraphrase {number}" for number in range(3)),
    )
    again = dataclasses.replace(many, prompt=f"{FACT.prompt} the", locality=(locality("City 1"), locality("City 9")))
    whole = len(locality_probes([many, again], None))
    assert whole == 6  # each prompt once
    assert left_out_of_many([many, again], 2, 4) == {"rephrase": {"rephrase": 2}, "locality": {"Neighborhood": 2}}
    assert left_out_of_many([many, many], 2, 4) == {"rephrase": {"rephrase": 1}, "locality": {"Neighborhood": 1}}
    assert left_out_of_many([many, again], None, whole) == {}


def test_locality_probes_that_expect_the_new_answer_are_counted_where_all_facts_know_their_number():
    whole = dataclasses.replace(FACT, dropped_locality=0)
    here = dataclasses.replace(whole, locality=(locality("Rome"), locality("boston"), locality("Boston", "Rome")))
    read = dataclasses.replace(here, dropped_locality=3)
    assert [dropped_locality([fact]) for fact in (whole, here, read)] == [0, 2, 5]
    assert dropped_locality([whole, here, read]) == 7
    assert dropped_locality([FACT]) is dropped_locality([read, FACT]) is None  # not recorded
    assert dropped_locality([read, dataclasses.replace(FACT, target_new=None)]) == 5  # which is not edited


def test_the_first_accepted_answer_counts_or_all_do():
    probe = Probe(prompt="It is in", answers=((" ", "Rome"), ("London",)), group="Reasoning")
    (asked,) = of("portability", fact_probes(dataclasses.replace(FACT, portability=(probe,))))
    assert (asked.counted("first"), asked.counted("best")) == (("Rome",), ("Rome", "London"))
