"""Every row of the reader table, on records written by hand in its format."""

import json
from typing import Any

import pytest

from lga_core.data.facts import Fact, FactSet, Probe
from lga_core.data.load import read_facts
from lga_core.data.readers import READERS

ZSRE = {
    "subject": "Louise Grandjean", "prompt": "What voice type is Louise Grandjean?", "target_new": "mezzo soprano",
    "ground_truth": ["soprano"], "rephrase_prompt": "What tone does Louise Grandjean sing in?",
    "cond": "soprano >> mezzo soprano || What voice type is Louise Grandjean?",
    "locality": {"Relation_Specificity": [{"prompt": "Louise Grandjean citizenship", "ground_truth": ["France"]}]},
    "portability": {"Reasoning": [{"prompt": "What is the range of Louise Grandjean?", "ground_truth": "A3 to A5"}]},
}
COUNTERFACT = {
    "case_id": 1,
    "requested_rewrite": {"prompt": "{} passed away in", "relation_id": "P20", "subject": "May Wright Sewall",
                          "target_new": {"str": "Birmingham", "id": "Q2256"},
                          "target_true": {"str": "Indianapolis", "id": "Q6346"}},
    "paraphrase_prompts": ["Regrets\nXI. May Wright Sewall succumbed at", "May Wright Sewall's life ended in"],
    "neighborhood_prompts": ["Jake Weber succumbed at", "Robert Hanna died at"],
    "attribute_prompts": ["Thomas Worsey died at"],
    "generation_prompts": ["Where May Wright Sewall passed away, people speak the language of"],
    "portability": {"Recalled Relation": "(Birmingham, famous for, industry)",
                    "New Question": "In which city of industry did May Wright Sewall die?", "New Answer": "Birmingham"},
}
FLAT = {
    "prompt": "The capital of France is", "subject": "France", "target_new": "Rome", "target_old": "Paris | Lutetia",
    "rephrase_1": "France's capital is", "rephrase_2": "The main city of France is", "relation": "capital",
    "locality_prompt": "The capital of Spain is", "locality_answer": "Madrid",
    "portability_prompt": "The river of the capital of France is the", "portability_answer": "Tiber | Tevere",
}
EXAMPLES = {"KnowEdit": ZSRE, "CounterFact": COUNTERFACT, "flat table": FLAT}


def read(*records: Any) -> FactSet:
    return read_facts("hand.json", json.dumps(records).encode(), ".json")


def one(record: dict[str, Any]) -> Fact:
    (fact,) = read(record).facts
    return fact


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_reader_has_an_example_that_it_alone_takes_first(reader) -> None:
    example = EXAMPLES[reader.name]
    assert next(row for row in READERS if row.recognises(example)) is reader
    assert read(example).problems == ()


def test_zsre() -> None:
    assert one(ZSRE) == Fact(
        record=0, prompt="What voice type is Louise Grandjean?", subject="Louise Grandjean", span=(19, 35),
        target_new="mezzo soprano", target_old=("soprano",), rephrases=("What tone does Louise Grandjean sing in?",),
        locality=(Probe(prompt="Louise Grandjean citizenship", answers=(("France",),), group="Relation_Specificity"),),
        portability=(
            Probe(prompt="What is the range of Louise Grandjean?", answers=(("A3 to A5",),), group="Reasoning"),
        ),
    )


def test_counterfact() -> None:
    assert one(COUNTERFACT) == Fact(
        record=0, prompt="May Wright Sewall passed away in", subject="May Wright Sewall", span=(0, 17),
        target_new="Birmingham", target_old=("Indianapolis",),
        rephrases=("Regrets\nXI. May Wright Sewall succumbed at", "May Wright Sewall's life ended in"),
        locality=tuple(Probe(prompt=prompt, answers=(("Indianapolis",),), group="Neighborhood")
                       for prompt in ("Jake Weber succumbed at", "Robert Hanna died at")),
        portability=(Probe(prompt="In which city of industry did May Wright Sewall die?", answers=(("Birmingham",),),
                           group="Reasoning"),),
        relation="P20",
    )


def test_flat() -> None:
    assert one(FLAT) == Fact(
        record=0, prompt="The capital of France is", subject="France", span=(15, 21), target_new="Rome",
        target_old=("Paris", "Lutetia"), rephrases=("France's capital is", "The main city of France is"),
        locality=(Probe(prompt="The capital of Spain is", answers=(("Madrid",),), group="Relation_Specificity"),),
        portability=(Probe(prompt="The river of the capital of France is the", answers=(("Tiber", "Tevere"),),
                           group="Reasoning"),),
        relation="capital",
    )


@pytest.mark.parametrize(("ground_truth", "answers"), [
    ("a", (("a",),)),
    (["a", "b"], (("a",), ("b",))),
    ([["a", "alias"], ["b"]], (("a", "alias"), ("b",))),
    (1912, (("1912",),)),
    ([], ()), ([[]], ()), ("", ()), (None, ()), ([" "], ()),
])
def test_spellings_of_a_probes_answers(ground_truth: Any, answers: tuple) -> None:
    probe = {"prompt": "Louise Grandjean was born in", "ground_truth": ground_truth}
    fact = one(ZSRE | {"locality": {"Relation_Specificity": [probe]}})
    assert fact.locality[0].answers == answers


@pytest.mark.parametrize(("keys", "rephrases"), [
    ({"rephrase_prompt": "A Louise Grandjean"}, ("A Louise Grandjean",)),
    ({"rephrase": "A Louise Grandjean"}, ("A Louise Grandjean",)),
    ({"rephrase_prompts": ["A Louise Grandjean", "B Louise Grandjean"]}, ("A Louise Grandjean", "B Louise Grandjean")),
    ({"rephrase": "A Louise Grandjean", "rephrase_prompts": ["A Louise Grandjean"]}, ("A Louise Grandjean",)),
    ({"rephrase": None}, ()),
])
def test_spellings_of_rephrases(keys: dict[str, Any], rephrases: tuple[str, ...]) -> None:
    without = {key: value for key, value in ZSRE.items() if key != "rephrase_prompt"}
    assert one(without | keys).rephrases == rephrases


def test_csv_separators_quotes_and_missing_cells() -> None:
    table = 'prompt;subject;target_new;ground_truth;rephrase\n"Rome; the city in";Rome;Spain;;\n'
    (fact,) = read_facts("t.csv", b"\xef\xbb\xbf" + table.encode(), ".csv").facts
    assert (fact.prompt, fact.target_new, fact.target_old, fact.rephrases) == ("Rome; the city in", "Spain", (), ())


def test_csv_row_with_too_many_cells_is_skipped_by_record() -> None:
    table = "prompt,subject,target_new\nRome is in,Rome,Spain\nRome, the city, is in,Rome,Spain\n"
    found = read_facts("t.csv", table.encode(), ".csv")
    assert [fact.record for fact in found.facts] == [0]
    assert [(problem.record, problem.action) for problem in found.problems] == [(1, "record skipped")]
    assert "more cells than the header" in found.problems[0].problem


@pytest.mark.parametrize("record", [{"text": "a", "labels": "b"}, {}, "text", 3, None, ["a"]])
def test_unknown_record_is_named_and_skipped(record: Any) -> None:
    found = read(record, ZSRE)
    assert [fact.record for fact in found.facts] == [1]
    assert [(problem.record, problem.action) for problem in found.problems] == [(0, "record skipped")]
    if isinstance(record, dict):
        assert all(reader.looks_for in found.problems[0].problem for reader in READERS)
