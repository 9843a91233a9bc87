"""Facts as rows of cells and back, through the checks."""

from typing import Any

import pytest

from lga_core.data.facts import Fact, FactSet, Probe, Problem
from lga_core.data.forms.table import CELLS, changed, from_rows, to_rows
from lga_core.data.load import load_facts

FACT = Fact(
    record=7,
    prompt="The capital of France is",
    subject="France",
    span=(15, 21),
    target_new="Rome",
    target_old=("Paris", "Lutetia | Paris"),
    rephrases=("France is ruled from", "France's capital: a | b"),
    locality=(
        Probe(prompt="Spain's capital is", answers=(("Madrid", "Madrid city"),), group="Neighborhood"),
        Probe(prompt="a => b", answers=(), group="Other"),
    ),
    portability=(Probe(prompt="Its river is", answers=(("Tiber",), ("Tevere",)), group="Reasoning"),),
    relation="capital",
)
BEFORE = FactSet(
    name="t",
    facts=(FACT,),
    n_records=2,
    problems=(
        Problem(record=1, problem="Gone.", action="record skipped"),
        Problem(record=7, problem="Odd.", action="kept"),
    ),
)
ROW = to_rows([FACT])[0]


def edited(**cells: Any) -> Fact:
    (fact,) = from_rows(BEFORE, [ROW | cells]).facts
    return fact


def test_unchanged_rows_are_the_same_facts() -> None:
    facts = (*load_facts("world").facts, FACT)
    facts = (*facts[:7], *facts[8:])  # record 7 is FACT's
    before = FactSet(name="t", facts=tuple(sorted(facts, key=lambda fact: fact.record)), n_records=len(facts))
    edited = from_rows(before, to_rows(facts))
    assert edited == before and changed(before, edited) == (set(), set())


def test_notes_stay_with_unchanged_rows_only() -> None:
    assert from_rows(BEFORE, [ROW]).problems == BEFORE.problems[1:]
    after = from_rows(BEFORE, [ROW | {"relation": "x"}]).problems
    assert after and not {problem.problem for problem in after} & {"Odd.", "Gone."}


def test_a_changed_cell_changes_that_part_only() -> None:
    same = {name: getattr(FACT, name) for name in ("record", "prompt", "target_new", "rephrases", "portability")}
    fact = edited(target_old="Paris | Lutèce", relation="")
    assert (fact.target_old, fact.relation) == (("Paris", "Lutèce"), None)
    assert {name: getattr(fact, name) for name in same} == same
    assert edited(rephrases="One | France two").rephrases == ("One", "France two")
    assert edited(prompt="In France", subject="France").span == (3, 9)


def test_changed_probes_keep_what_is_unchanged_with_groups_and_aliases() -> None:
    fact = edited(
        locality="Spain's capital is => Madrid | Rome is in => Italy",
        portability="Its river is => Arno | It has no answer",
    )
    assert fact.locality == (
        FACT.locality[0],
        Probe(prompt="Rome is in", answers=(("Italy",),), group="Relation_Specificity"),
    )
    assert fact.portability == (Probe(prompt="Its river is", answers=(("Arno",),), group="Reasoning"),)


def test_rows_are_checked_as_an_upload_is_and_told_by_their_number() -> None:
    rows = [
        ROW | {"subject": "Spain"},
        {"prompt": "Oslo is in", "subject": "Oslo", "target_new": "Peru"},
        {"record": None, "prompt": " "},
        {"prompt": "Bergen", "target_new": "x"},
    ]
    edited = from_rows(BEFORE, rows)
    assert [(fact.record, fact.subject) for fact in edited.facts] == [(8, "Oslo")] and edited.n_records == 3
    assert [(problem.record, problem.action) for problem in edited.problems] == [
        (7, "record skipped"),
        (9, "record skipped"),
    ]
    assert changed(BEFORE, edited) == ({7, 8, 9}, set())


def test_a_row_that_is_gone_is_told_and_a_number_counts_once() -> None:
    assert changed(BEFORE, from_rows(BEFORE, [])) == (set(), {7})
    twice = from_rows(BEFORE, [ROW, ROW])
    assert [fact.record for fact in twice.facts] == [7, 8] and "already" in twice.problems[-1].problem


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_is_text(name: str) -> None:
    assert isinstance(ROW[name], str) and ROW[name]
