"""Columns with other names, in CSV and JSON, flat and nested."""

import json
from typing import Any

import pytest
from uploading import read_facts

from lga_core.data.load import upload_table
from lga_core.data.sources.mapping import ColumnMapping, inner_columns
from lga_core.errors import LgaError

RECORD = {
    "q": "The capital of France is",
    "who": "France",
    "edit": "Rome",
    "was": ["Paris", "Lutetia"],
    "p1": "France's capital is",
    "p2": ["The main city of France is", "France is ruled from"],
    "ignored": 0.5,
    "other": "The capital of Spain is",
    "other answer": "Madrid",
    "nest": {"deep": {"prop": "capital"}, "a.b": "x"},
}
NAMED = {"prompt": "q", "subject": "who", "target_new": "edit"}


def read(record: dict[str, Any], **named: Any):
    return read_facts("t.json", json.dumps([record]).encode(), ".json", mapping=ColumnMapping(**(NAMED | named)))


def test_every_part() -> None:
    fact_set = read(
        RECORD,
        target_old="was",
        rephrases=("p1", "p2"),
        locality_prompt="other",
        locality_answer="other answer",
        relation="nest.deep.prop",
    )
    (fact,) = fact_set.facts
    assert (fact.prompt, fact.subject, fact.target_new) == ("The capital of France is", "France", "Rome")
    assert fact.target_old == ("Paris", "Lutetia") and fact.relation == "capital"
    assert fact.rephrases == ("France's capital is", "The main city of France is", "France is ruled from")
    assert [probe.answers for probe in fact.locality] == [(("Madrid",),)]
    assert fact_set.problems == ()


def test_csv() -> None:
    table = "Frage;Wer;Neu;Um\nIn welchem Land liegt Rom?;Rom;Spanien;Wo liegt Rom? | Rom liegt in\n"
    mapping = ColumnMapping(prompt="Frage", subject="Wer", target_new="Neu", rephrases=("Um",))
    (fact,) = read_facts("t.csv", table.encode(), ".csv", mapping=mapping).facts
    assert (fact.subject, fact.target_new) == ("Rom", "Spanien")
    assert fact.rephrases == ("Wo liegt Rom?", "Rom liegt in")
    assert upload_table("t.csv", table.encode(), ".csv").columns == ("Frage", "Wer", "Neu", "Um")


def test_a_column_that_cannot_be_shown_is_not_offered() -> None:
    assert upload_table("t.json", b'[{"a": 1, "\\ud800": 2}, 3, {"b": 1}]', ".json").columns == ("a", "b")


def test_nested_probes_under_another_name() -> None:
    probes = {"Reasoning": [{"prompt": "France's river is", "ground_truth": [["Tiber"]]}]}
    (fact,) = read(RECORD | {"after": probes}, portability="after", locality_prompt="other").facts
    assert [probe.group for probe in fact.portability] == ["Reasoning"] and len(fact.locality) == 1


def test_only_what_is_named_is_read() -> None:
    assert read(RECORD | {"ground_truth": "Rome", "rephrase": "x"}).facts[0].target_old == ()


def test_a_column_that_some_records_lack_is_their_problem() -> None:
    lines = "\n".join(map(json.dumps, [RECORD, {"who": "Spain"}, "text"]))
    fact_set = read_facts("t.jsonl", lines.encode(), ".jsonl", mapping=ColumnMapping(**NAMED))
    assert [fact.record for fact in fact_set.facts] == [0]
    assert [(problem.record, problem.action) for problem in fact_set.problems] == [
        (1, "record skipped"),
        (2, "record skipped"),
    ]


def test_a_dotted_name_may_be_a_column_itself() -> None:
    assert read(RECORD, relation="nest.a.b").facts[0].relation == "x"
    assert read(RECORD | {"nest.a.b": "y"}, relation="nest.a.b").facts[0].relation == "y"


@pytest.mark.parametrize(
    ("named", "cause", "hint"),
    [
        ({"prompt": "nope"}, "There is no column nope", "q, who, edit"),
        ({"relation": "nest.nope"}, "There is no column nest.nope", "q, who, edit"),
        ({"rephrases": ("p1", "gone")}, "There is no column gone", "q, who, edit"),
        ({"target_new": None}, "no column for an answer", "the new or the old"),
    ],
)
def test_a_mapping_that_does_not_fit(named: dict[str, Any], cause: str, hint: str) -> None:
    with pytest.raises(LgaError) as caught:
        read(RECORD, **named)
    assert cause in caught.value.cause and hint in caught.value.hint


@pytest.mark.parametrize(
    ("columns", "guessed"),
    [
        (
            ["Question", "Entity", "New Answer", "Answer"],
            {"prompt": "Question", "subject": "Entity", "target_new": "New Answer", "target_old": "Answer"},
        ),
        (
            ["src", "subject", "alt", "answers", "rephrase", "loc", "loc_ans"],
            {
                "prompt": "src",
                "subject": "subject",
                "target_new": "alt",
                "target_old": "answers",
                "rephrases": ("rephrase",),
                "locality_prompt": "loc",
                "locality_answer": "loc_ans",
            },
        ),
        (["id", "x"], {}),
    ],
)
def test_guess(columns: list[str], guessed: dict[str, Any]) -> None:
    assert ColumnMapping.guess(columns) == guessed


def test_inner_columns_are_offered_with_dots_to_a_depth_and_a_number() -> None:
    assert inner_columns([RECORD, {"nest": {"more": {"x": {"deep": 1}}}}, 3]) == (
        "nest.deep",
        "nest.deep.prop",
        "nest.a.b",
        "nest.more",
        "nest.more.x",
    )
    assert len(inner_columns([{"a": {str(number): number for number in range(500)}}])) == 100
    table = upload_table("t.json", json.dumps([RECORD]).encode(), ".json")
    assert table.columns[:2] == ("q", "who") and table.columns[-1] == "nest.a.b"
    assert table.facts(ColumnMapping(**NAMED, relation="nest.deep.prop")).facts[0].relation == "capital"
