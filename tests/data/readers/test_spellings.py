"""The ways in which files spell the same cells: answers, rephrases, empty cells, numbers."""

from typing import Any

import pytest
from uploading import read_facts

from tests.data.examples import COUNTERFACT, COUNTERFACT_FLAT, FLAT, KNOWN, MEND, ZSRE
from tests.data.readers.reading import one, read


def test_cells_of_a_flat_record_may_be_numbers_and_lists() -> None:
    fact = one(
        {
            "id": 7,
            "score": 0.5,
            "prompt": "Rome was founded in",
            "subject": "Rome",
            "target_new": 1912,
            "ground_truth": ["753 BC", "before | after"],
            "rephrases": ["Rome began in"],
        }
    )
    assert (fact.target_new, fact.target_old) == ("1912", ("753 BC", "before | after"))
    assert fact.rephrases == ("Rome began in",)


def test_of_a_flat_record_only_paraphrases_are_rephrases() -> None:
    columns = {"rephrase_score": 0.5, "rephrase_source": "a model", "rephrase_prompt_3": "France is led from"}
    assert one(FLAT | columns).rephrases == (*one(FLAT).rephrases, "France is led from")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"portability_answer": 0}, ("0",)),
        ({"portability_answer": 0, "portability_ground_truth": "1"}, ("0",)),
        ({"portability_answer": None, "portability_ground_truth": "1"}, ("1",)),
        ({"portability_answer": "", "portability_ground_truth": 0}, ("0",)),
    ],
)
def test_a_probes_answer_may_be_zero(answers: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert [probe.answers for probe in one(FLAT | answers).portability] == [(expected,)]


@pytest.mark.parametrize(
    ("example", "fields"),
    [
        (FLAT, ("relation", "target_old", "rephrase_1", "locality_prompt", "portability_answer")),
        (ZSRE, ("relation", "ground_truth", "rephrase_prompt", "locality", "portability")),
        (MEND, ("rephrase", "loc", "portability")),
        (COUNTERFACT, ("paraphrase_prompts", "neighborhood_prompts", "portability")),
        (COUNTERFACT_FLAT, ("ground_truth", "rephrase_prompt", "locality_prompt")),
        (KNOWN, ("relation_id",)),
    ],
)
def test_nan_is_an_empty_cell(example: dict[str, Any], fields: tuple[str, ...]) -> None:
    for name in fields:
        assert read(example | {name: float("nan")}) == read(example | {name: None}), name


def test_nested_and_flat_probes_may_stand_in_one_record() -> None:
    fact = one(ZSRE | {"locality_prompt": "Oslo is in", "locality_answer": "Norway | Norge"})
    assert [probe.answers for probe in fact.locality] == [(("France",),), (("Norway", "Norge"),)]


def test_groups_that_a_table_filled_with_null_are_not_there() -> None:
    record = ZSRE | {"portability": ZSRE["portability"] | {"Subject_Aliasing": None}}
    assert one(record) == one(ZSRE) and read(record).problems == ()


@pytest.mark.parametrize(
    ("ground_truth", "answers"),
    [
        ("a", (("a",),)),
        (["a", "b"], (("a",), ("b",))),
        ([["a", "alias"], ["b"]], (("a", "alias"), ("b",))),
        (1912, (("1912",),)),
        ([], ()),
        ([[]], ()),
        ("", ()),
        (None, ()),
        ([" "], ()),
    ],
)
def test_spellings_of_a_probes_answers(ground_truth: Any, answers: tuple) -> None:
    probe = {"prompt": "Louise Grandjean was born in", "ground_truth": ground_truth}
    fact = one(ZSRE | {"locality": {"Relation_Specificity": [probe]}})
    assert fact.locality[0].answers == answers


@pytest.mark.parametrize(
    ("keys", "rephrases"),
    [
        ({"rephrase_prompt": "A Louise Grandjean"}, ("A Louise Grandjean",)),
        ({"rephrase": "A Louise Grandjean"}, ("A Louise Grandjean",)),
        (
            {"rephrase_prompts": ["A Louise Grandjean", "B Louise Grandjean"]},
            ("A Louise Grandjean", "B Louise Grandjean"),
        ),
        ({"rephrase": "A Louise Grandjean", "rephrase_prompts": ["A Louise Grandjean"]}, ("A Louise Grandjean",)),
        ({"rephrase": None}, ()),
    ],
)
def test_spellings_of_rephrases(keys: dict[str, Any], rephrases: tuple[str, ...]) -> None:
    without = {key: value for key, value in ZSRE.items() if key != "rephrase_prompt"}
    assert one(without | keys).rephrases == rephrases


def test_csv_separators_quotes_and_missing_cells() -> None:
    table = 'prompt;subject;target_new;ground_truth;rephrase\n"Rome; the city in";Rome;Spain;;\n'
    (fact,) = read_facts("t.csv", b"\xef\xbb\xbf" + table.encode(), ".csv").facts
    assert (fact.prompt, fact.target_new, fact.target_old, fact.rephrases) == ("Rome; the city in", "Spain", (), ())
