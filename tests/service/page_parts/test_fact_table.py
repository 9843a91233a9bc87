"""Facts and their probes in rows, beside what the model says."""

from dataclasses import replace

import pytest
from conftest import make_fact

from lga_core.results import KnownFactCheck
from lga_core.service.page_parts.fact_table import fact_columns, probe_rows, verdict

FACT = make_fact(3, "The Space Needle is in", "Space Needle", "Boston", "Seattle")


def check(known):
    return KnownFactCheck(record=3, known=known, greedy="Seattle", greedy_ids=(1,), probability=0.4)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (None, "not asked"),
        (check(True), "known"),
        (check(False), "not known"),
        (check(None), "n/a"),
        (KnownFactCheck.refused(3, "it is too long"), "cannot be asked"),
    ],
)
def test_the_verdict_is_a_word(said, word):
    assert verdict(said) == word


def test_a_row_has_the_fact_and_what_was_said_of_it():
    unasked = replace(FACT, record=4, target_old=())
    columns = fact_columns((FACT, unasked), {3: check(True)})
    assert {name: values[0] for name, values in columns.items()} == {
        "record": 3,
        "prompt": "The Space Needle is in",
        "expected": "Seattle",
        "the model says": "Seattle",
        "p": 0.4,
        "model": "known",
        "new answer": "Boston",
        "relation": None,
        "rephrases": 1,
        "locality": 1,
        "portability": 1,
    }
    assert (columns["expected"][1], columns["p"][1], columns["model"][1]) == (None, None, "not asked")


def test_a_fact_s_probes_have_their_group_and_what_is_expected():
    without_answer = replace(FACT, locality=(replace(FACT.locality[0], answers=()),))
    rephrase, locality, portability = probe_rows(without_answer)
    assert rephrase == {
        "probe": "rephrase",
        "group": "",
        "prompt": "Everybody knows Space Needle is in",
        "expected": "Boston",
    }
    assert (locality["group"], locality["expected"]) == ("Neighborhood", "the model's own tokens")
    assert (portability["probe"], portability["expected"]) == ("portability", "Washington")
    assert probe_rows(replace(FACT, rephrases=(), locality=(), portability=())) == []
