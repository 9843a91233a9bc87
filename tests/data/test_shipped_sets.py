"""What every shipped fact set promises."""

from collections import Counter

import pytest

from lga_core.data.checking.checks import is_no_op
from lga_core.data.facts import Fact
from lga_core.data.load import load_facts, shipped_sets
from lga_core.data.spans import find_subject

WORLD = load_facts("world")


def test_world_is_shipped() -> None:
    assert "world" in shipped_sets()


def test_size_and_balance() -> None:
    relations = Counter(fact.relation for fact in WORLD.facts)
    assert len(WORLD.facts) >= 120 and len(relations) >= 10
    assert None not in relations and max(relations.values()) <= 2 * min(relations.values())
    assert len(set(fact.relation for fact in WORLD.facts[:32])) >= 10, "a first batch should see many relations"


def test_nothing_is_wrong_with_it() -> None:
    assert WORLD.problems == () and WORLD.n_records == len(WORLD.facts)
    assert len({fact.prompt for fact in WORLD.facts}) == len(WORLD.facts)


def test_new_answers_vary() -> None:
    assert len({fact.target_new for fact in WORLD.facts}) >= 60


@pytest.mark.parametrize("fact", WORLD.facts, ids=lambda fact: f"{fact.record}-{fact.subject}")
def test_fact(fact: Fact) -> None:
    assert fact.target_new and fact.target_old and not is_no_op(fact.target_new, fact.target_old)
    assert len(fact.rephrases) == 2
    for statement in fact.rephrases:
        assert find_subject(statement, fact.subject) and statement != fact.prompt
    groups = {probe.group for probe in fact.locality}
    assert groups == {"Relation_Specificity", "Neighborhood"} and len(fact.locality) >= 2
    assert fact.portability
    assert {probe.group for probe in fact.portability} <= {"Reasoning", "Subject_Aliasing", "Logical_Generalization"}
    for prompt in (fact.prompt, *fact.rephrases, *(probe.prompt for probe in fact.locality + fact.portability)):
        assert not prompt.endswith((" ", "?", ".")), "a prompt is the prefix of a statement"
        assert prompt[0].isupper() and "  " not in prompt


@pytest.mark.parametrize("fact", WORLD.facts, ids=lambda fact: f"{fact.record}-{fact.subject}")
def test_probes(fact: Fact) -> None:
    for probe in fact.locality + fact.portability:
        assert probe.accepted and all(probe.accepted)
    for probe in fact.locality:
        same_subject = find_subject(probe.prompt, fact.subject) is not None
        assert same_subject == (probe.group == "Relation_Specificity")
        assert fact.target_new not in probe.accepted
    for probe in fact.portability:
        assert not set(probe.accepted) & set(fact.target_old), "the old answer must not pass for a consequence"
