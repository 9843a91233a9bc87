"""The mark of a fact set tells apart what a page must not take for one."""

from dataclasses import replace

from conftest import make_fact

from lga_core.data.facts import FactSet, Problem

FACTS = tuple(make_fact(n, f"The {n} tower is in", f"{n} tower", "Boston", "Paris") for n in range(3))
SET = FactSet(name="three", facts=FACTS, n_records=3)


def test_equal_sets_have_one_mark_whatever_their_name():
    assert SET.mark == FactSet(name="another", facts=FACTS, n_records=3).mark


def test_other_record_numbers_order_or_problems_make_another_mark():
    renumbered = tuple(replace(fact, record=fact.record + 1) for fact in FACTS)
    problem = Problem(record=1, problem="A probe has no answer.", action="probe dropped")
    others = [replace(SET, facts=renumbered), replace(SET, facts=FACTS[::-1]), replace(SET, problems=(problem,))]
    assert others[0].fingerprint == SET.fingerprint
    assert len({SET.mark, *(other.mark for other in others)}) == 4
