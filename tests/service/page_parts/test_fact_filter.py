"""Which facts pass the filters of a page, and what the filters are called together."""

from dataclasses import replace

from conftest import make_fact

from lga_core.results import KnownFactCheck
from lga_core.service.page_parts.fact_filter import PARTS, pick_facts

NAMES = ("Space Needle", "Eiffel Tower", "Rome", "Berlin")
FACTS = tuple(
    replace(make_fact(n, f"The {name} is in", name, "Boston", "Paris"), relation="place" if n < 2 else "other")
    for n, name in enumerate(NAMES)
)
CHECKS = {
    n: KnownFactCheck(record=n, known=known, greedy="Paris", greedy_ids=(1,), probability=0.5)
    for n, known in enumerate((True, False, None))
}


def records(facts):
    return [fact.record for fact in facts]


def test_without_a_filter_all_pass_and_nothing_is_said():
    picked = pick_facts(FACTS, CHECKS)
    assert records(picked.facts) == records(picked.wide) == [0, 1, 2, 3] and picked.words == ()


def test_filters_narrow_one_another_and_are_named_in_order():
    bare = (*FACTS[:1], replace(FACTS[1], rephrases=()), *FACTS[2:])
    picked = pick_facts(bare, CHECKS, words=" is in ", relations=("place",), having=("rephrases",), verdict=True)
    assert records(picked.facts) == [0]
    assert picked.words == ("“is in”", "place", "rephrases", "known")


def test_a_fact_without_a_verdict_is_neither_known_nor_not():
    for verdict, left in ((True, [0]), (False, [1])):
        picked = pick_facts(FACTS, CHECKS, verdict=verdict)
        assert records(picked.facts) == left and records(picked.wide) == [0, 1, 2, 3]


def test_every_part_that_can_be_asked_for_is_one_of_a_fact():
    assert all(hasattr(FACTS[0], part) for part in PARTS)
