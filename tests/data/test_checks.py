"""What is wrong with a record is listed with its number, and exactly that is lost which must be."""

import json
from typing import Any

import pytest
from uploading import read_facts

from lga_core.data import load
from lga_core.data.checking.drafts import MAX_ENTRIES, MAX_FIELD_CHARACTERS, MAX_NOTES
from lga_core.data.facts import FactSet

GOOD = {
    "prompt": "The capital of France is",
    "subject": "France",
    "target_new": "Rome",
    "ground_truth": ["Paris"],
    "locality": {"Neighborhood": [{"prompt": "The capital of Spain is", "ground_truth": "Madrid"}]},
    "portability": {"Reasoning": [{"prompt": "The river of France's capital is", "ground_truth": "Tiber"}]},
}


def read(**changes: Any) -> FactSet:
    record = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    return read_facts("hand.json", json.dumps([record]).encode(), ".json")


def test_a_good_record_has_no_problem() -> None:
    assert read().problems == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": "Spain"}, "“Spain” does not stand in its prompt “The capital of France is”"),
        ({"prompt": ...}, "Prompt is missing"),
        ({"prompt": "  "}, "Prompt is missing"),
        ({"subject": None}, "Subject is missing"),
        ({"prompt": ["The capital of France is"]}, "Prompt is a list where text was expected"),
        ({"target_new": 0.5}, "Target_new is a decimal number"),
        ({"prompt": "France " * MAX_FIELD_CHARACTERS}, "the limit is 10,000"),
        ({"target_new": "\ud800"}, "half a character"),
        ({"rephrase": {"a": "b"}}, "Rephrase is an object"),
        ({"ground_truth": ["Paris"] * (MAX_ENTRIES + 1)}, "Ground_truth has 1,001 entries; the limit is 1,000"),
        ({"ground_truth": [["Paris"] * 600] * 2}, "Ground_truth has 1,200 entries"),
        ({"ground_truth": [[]] * 2_000}, "Ground_truth has 2,000 entries"),
        ({"rephrases": ["a"] * 1_001, "locality": ..., "portability": ...}, "Rephrases has 1,001 entries"),
    ],
)
def test_record_skipped(changes: dict[str, Any], words: str) -> None:
    fact_set = read(**changes)
    assert fact_set.facts == () and fact_set.n_records == 1
    (problem,) = fact_set.problems
    assert problem.record == 0 and problem.action == "record skipped" and words in problem.problem


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target_new": "paris "}, "equals an old answer"),
        ({"target_new": " Rome"}, "Stray spaces around target_new"),
        ({"target_new": ...}, "can be traced, not edited"),
        ({"rephrase": "Its capital is"}, "does not contain the subject"),
        ({"locality": {}}, "Locality is empty"),
        ({"portability": {"Reasoning": []}}, "Portability is empty"),
        (
            {"locality": {"Neighborhood": [{"prompt": "Spain:", "ground_truth": [[]]}]}},
            "the model's own tokens are used",
        ),
        ({"locality": {"Neighborhood": [{"prompt": "Spain:", "ground_truth": [[], ["Madrid"]]}]}}, "an empty entry"),
        (
            {"portability": {"Reasoning": [{"prompt": GOOD["prompt"], "ground_truth": "Rome"}]}},
            "the edit prompt itself",
        ),
    ],
)
def test_kept_with_a_problem(changes: dict[str, Any], words: str) -> None:
    fact_set = read(**changes)
    assert len(fact_set.facts) == 1
    assert any(words in problem.problem for problem in fact_set.problems)
    assert {problem.action for problem in fact_set.problems} == {"kept"}


@pytest.mark.parametrize(
    ("metric", "probe", "words"),
    [
        ("locality", {"prompt": "Italy:", "ground_truth": [["Roma", "rome"]]}, "expects the new answer itself"),
        ("locality", {"ground_truth": "Madrid"}, "has no prompt"),
        ("locality", "Madrid", "is text where {prompt, ground_truth} was expected"),
        ("portability", {"prompt": "Italy:", "ground_truth": [[]]}, "names no answer"),
        ("portability", {"prompt": "x" * (MAX_FIELD_CHARACTERS + 1), "ground_truth": "a"}, "the limit is 10,000"),
        ("portability", {"prompt": "Italy:", "ground_truth": [0.5]}, "is a decimal number"),
    ],
)
def test_probe_dropped(metric: str, probe: Any, words: str) -> None:
    (good,) = GOOD[metric].values()
    fact_set = read(**{metric: {"Group": [probe, *good]}})
    assert [kept.prompt for kept in getattr(fact_set.facts[0], metric)] == [good[0]["prompt"]]
    (problem,) = fact_set.problems
    assert problem.action == "probe dropped" and words in problem.problem


def test_a_fact_knows_how_many_locality_probes_expected_its_new_answer() -> None:
    (good,) = GOOD["locality"].values()
    (whole,) = read().facts
    (cut,) = read(locality={"Group": [*good, {"prompt": "One eats in", "ground_truth": GOOD["target_new"]}] * 2}).facts
    (alike,) = read(locality={"Group": good * 2}).facts
    assert (whole.dropped_locality, cut.dropped_locality) == (0, 2)
    assert (cut, cut.fingerprint) == (alike, alike.fingerprint)  # what is asked is the same


@pytest.mark.parametrize("groups", ["text", ["list"], {"Group": "text"}])
def test_probes_in_no_known_shape(groups: Any) -> None:
    fact_set = read(portability=groups)
    assert fact_set.facts[0].portability == ()
    assert fact_set.problems[0].action == "probe dropped"


def many(count: int, group: str = "Reasoning") -> dict[str, list[dict[str, str]]]:
    return {group: [{"prompt": f"Question {number}:", "ground_truth": f"answer {number}"} for number in range(count)]}


def test_every_probe_is_kept_however_many_a_group_has() -> None:
    fact_set = read(portability=many(154), locality=many(12, "Neighborhood"))
    assert (len(fact_set.facts[0].portability), len(fact_set.facts[0].locality)) == (154, 12)
    assert not fact_set.problems


def test_only_the_first_gold_of_a_locality_probe_counts_against_it() -> None:
    probe = {"prompt": "Cities of Italy:", "ground_truth": [["Milan"], ["Rome"]]}
    assert read(locality={"Group": [probe]}).problems == ()


def test_duplicate_prompts_are_kept_and_name_the_first() -> None:
    records = [GOOD, GOOD | {"prompt": "In France, one eats"}, GOOD]
    fact_set = read_facts("hand.json", json.dumps(records).encode(), ".json")
    assert [fact.record for fact in fact_set.facts] == [0, 1, 2]
    (problem,) = fact_set.problems
    assert (problem.record, problem.action) == (2, "kept") and "record 0" in problem.problem


def test_the_subject_is_taken_as_it_stands_in_the_prompt() -> None:
    (fact,) = read(subject="FRANCE").facts
    assert fact.subject == "France" and fact.prompt[slice(*fact.span)] == "France"


def test_of_countless_probes_the_first_are_read_and_few_notes_are_listed() -> None:
    fact_set = read(locality={"Group": [0] * 100_000}, portability={"Group": [{"prompt": "a"}] * 2_000})
    assert len(fact_set.problems) == MAX_NOTES + 1
    assert fact_set.problems[0].problem == "Locality has 100,000 probes; only the first 1,000 are read."
    assert fact_set.problems[-1].action == "probe dropped"
    assert fact_set.problems[-1].problem.endswith(f"{1 + MAX_ENTRIES + 1 + MAX_ENTRIES - MAX_NOTES:,}.")


def test_a_set_with_countless_notes_lists_few_of_each_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_PROBLEMS", 5)
    records = [GOOD | {"prompt": f"{number} France", "locality": {"Group": [0] * 10}} for number in range(3)]
    problems = read_facts("many.json", json.dumps(records).encode(), ".json").problems
    assert [problem.record for problem in problems] == [0] * 10 + [1, 1, 2, 2]
    assert problems[-1].problem == "More notes that are not listed: 9."
