"""What is wrong with a record costs that alone, and is named."""

from dataclasses import replace
from typing import Any

import pytest
from uploading import read_facts

from lga_core.data.readers import READERS
from tests.data.examples import COUNTERFACT, COUNTERFACT_FLAT, FLAT, KNOWN, MEND, WIKIBIO, ZSRE
from tests.data.readers.reading import one, read


@pytest.mark.parametrize(
    ("example", "changes"),
    [
        (MEND, {"loc": 0.5}),
        (MEND, {"loc": "nq question:"}),
        (MEND, {"portability": "text"}),
        (COUNTERFACT_FLAT, {"locality_prompt": ["a"]}),
        (COUNTERFACT_FLAT, {"locality_prompt": ""}),
        (COUNTERFACT, {"portability": []}),
        (WIKIBIO, {"locality": []}),
        (FLAT, {"locality_prompt": 0.5}),
        (FLAT, {"portability_answer": None}),
        (ZSRE, {"locality_prompt": True}),
    ],
)
def test_a_broken_probe_is_dropped_alone(example: dict[str, Any], changes: dict[str, Any]) -> None:
    fact_set = read(example | changes)
    assert len(fact_set.facts) == 1 and [problem.action for problem in fact_set.problems] == ["probe dropped"]


@pytest.mark.parametrize(
    ("example", "changes"),
    [
        (ZSRE, {"relation": {"id": "P17"}}),
        (FLAT, {"relation": ["P17"]}),
        (FLAT, {"relation": "x" * 10_001}),
        (KNOWN, {"relation_id": {"id": "P17"}}),
        (COUNTERFACT, {"requested_rewrite": COUNTERFACT["requested_rewrite"] | {"relation_id": {"id": "P17"}}}),
    ],
)
def test_a_relation_that_is_no_text_is_left_out_alone(example: dict[str, Any], changes: dict[str, Any]) -> None:
    fact_set = read(example | changes)
    assert fact_set.facts == (replace(one(example), relation=None),)
    (problem,) = [problem for problem in fact_set.problems if "relation" in problem.problem.lower()]
    assert problem.action == "kept" and problem.problem.endswith("It is left out.")


@pytest.mark.parametrize(("rephrase", "dropped"), [(["Rome likes", "Rome has"], 2), ({"a": "b"}, 1)])
def test_what_stands_in_a_flat_counterfact_rephrase_costs_no_fact(rephrase: Any, dropped: int) -> None:
    fact_set = read(COUNTERFACT_FLAT | {"rephrase_prompt": rephrase})
    assert fact_set.facts == (one(COUNTERFACT_FLAT),)
    assert [problem.action for problem in fact_set.problems] == ["probe dropped"] * dropped


def test_csv_row_with_too_many_cells_is_skipped_by_record() -> None:
    table = "prompt,subject,target_new\nRome is in,Rome,Spain\nRome, the city, is in,Rome,Spain\n"
    fact_set = read_facts("t.csv", table.encode(), ".csv")
    assert [fact.record for fact in fact_set.facts] == [0]
    assert [(problem.record, problem.action) for problem in fact_set.problems] == [(1, "record skipped")]
    assert "more cells than the header" in fact_set.problems[0].problem


@pytest.mark.parametrize("record", [{"text": "a", "labels": "b"}, {}, "text", 3, None, ["a"]])
def test_unknown_record_is_named_and_skipped(record: Any) -> None:
    fact_set = read(record, ZSRE)
    assert [fact.record for fact in fact_set.facts] == [1]
    assert [(problem.record, problem.action) for problem in fact_set.problems] == [(0, "record skipped")]
    if isinstance(record, dict):
        assert all(reader.LOOKS_FOR in fact_set.problems[0].problem for reader in READERS.values())
