"""Every row of the reader table, on records written by hand in its format."""

import json
from dataclasses import replace
from typing import Any

import pytest
from uploading import read_facts

from lga_core.data.facts import Fact, FactSet, Probe
from lga_core.data.readers import READERS
from tests.data.examples import COUNTERFACT, COUNTERFACT_FLAT, EXAMPLES, FLAT, KNOWN, MEND, WIKIBIO, ZSRE


def read(*records: Any) -> FactSet:
    return read_facts("hand.json", json.dumps(records).encode(), ".json")


def one(record: dict[str, Any]) -> Fact:
    (fact,) = read(record).facts
    return fact


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_an_example_that_it_alone_takes_first(name) -> None:
    example = EXAMPLES[name]
    assert next(other for other, reader in READERS.items() if reader.recognises(example)) == name
    assert {problem.action for problem in read(example).problems} <= {"kept"} and len(read(example).facts) == 1


def test_zsre() -> None:
    assert one(ZSRE) == Fact(
        record=0,
        prompt="What voice type is Louise Grandjean?",
        subject="Louise Grandjean",
        span=(19, 35),
        target_new="mezzo soprano",
        target_old=("soprano",),
        rephrases=("What tone does Louise Grandjean sing in?",),
        locality=(Probe(prompt="Louise Grandjean citizenship", answers=(("France",),), group="Relation_Specificity"),),
        portability=(
            Probe(prompt="What is the range of Louise Grandjean?", answers=(("A3 to A5",),), group="Reasoning"),
        ),
    )


def test_counterfact() -> None:
    assert one(COUNTERFACT) == Fact(
        record=0,
        prompt="May Wright Sewall passed away in",
        subject="May Wright Sewall",
        span=(0, 17),
        target_new="Birmingham",
        target_old=("Indianapolis",),
        rephrases=("Regrets\nXI. May Wright Sewall succumbed at", "May Wright Sewall's life ended in"),
        locality=tuple(
            Probe(prompt=prompt, answers=(("Indianapolis",),), group="Neighborhood")
            for prompt in ("Jake Weber succumbed at", "Robert Hanna died at")
        ),
        portability=(
            Probe(
                prompt="In which city of industry did May Wright Sewall die?",
                answers=(("Birmingham",),),
                group="Reasoning",
            ),
        ),
        relation="P20",
    )


def test_flat() -> None:
    assert one(FLAT) == Fact(
        record=0,
        prompt="The capital of France is",
        subject="France",
        span=(15, 21),
        target_new="Rome",
        target_old=("Paris", "Lutetia"),
        rephrases=("France's capital is", "The main city of France is"),
        locality=(Probe(prompt="The capital of Spain is", answers=(("Madrid",),), group="Relation_Specificity"),),
        portability=(
            Probe(
                prompt="The river of the capital of France is the", answers=(("Tiber", "Tevere"),), group="Reasoning"
            ),
        ),
        relation="capital",
    )


def test_wikibio() -> None:
    assert one(WIKIBIO) == Fact(
        record=0,
        prompt=WIKIBIO["text"],
        subject="Matthew Aylmer",
        span=(69, 83),
        target_new=WIKIBIO["labels"],
        locality=(Probe(prompt="matthew aylmer position held", answers=(("Member",),), group="Relation_Specificity"),),
    )


def test_known_1000() -> None:
    assert one(KNOWN) == Fact(
        record=0,
        prompt="Audible.com is owned by",
        subject="Audible.com",
        span=(0, 11),
        target_new=None,
        target_old=("Amazon",),
        relation="P127",
    )


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Audible.com is owned by the firm", ["more words: “the firm”"]),
        ("The owner of Audible.com is", ["is not its template's"]),
        ("Audible.com is owned by", []),
    ],
)
def test_known_1000_prompts_beside_their_template(prompt: str, words: list[str]) -> None:
    said = [problem.problem for problem in read(KNOWN | {"prompt": prompt}).problems if "template" in problem.problem]
    assert len(said) == len(words) and all(word in problem for word, problem in zip(words, said, strict=True))


def test_counterfact_flat() -> None:
    assert one(COUNTERFACT_FLAT) == Fact(
        record=0,
        prompt="BMW E23, developed by",
        subject="BMW E23",
        span=(0, 7),
        target_new="Suzuki",
        target_old=("BMW",),
        locality=(Probe(prompt="BMW M3 DTM is a product of", answers=(("BMW",),), group="Neighborhood"),),
    )
    fact_set = read(COUNTERFACT_FLAT | {"rephrase_prompt": "BMW E23 is my favorite of all created by"})
    (problem,) = fact_set.problems
    assert fact_set.facts == (one(COUNTERFACT_FLAT),)
    assert problem.action == "probe dropped" and "“BMW E23 is my favorite" in problem.problem
    as_text = read_facts(
        "t.csv",
        b"case_id,prompt,subject,target_new,rephrase_prompt,locality_prompt,"
        b"locality_ground_truth\n1,Rome is in,Rome,Spain,Rome likes,Oslo is in,Norway\n",
        ".csv",
    )
    assert as_text.facts[0].rephrases == () and as_text.facts[0].locality[0].group == "Neighborhood"


def test_mend() -> None:
    assert one(MEND) == Fact(
        record=0,
        prompt="What state is Rzechówek located?",
        subject="Rzechówek",
        span=(14, 23),
        target_new="Gmina Ustrzyki",
        target_old=("Gmina Sypniewo", "GS"),
        rephrases=("Which State is located in Rzechówek?",),
        locality=(
            Probe(prompt="which is produced in plants of narora", answers=(("Atomic Power",),), group="Unrelated"),
        ),
        portability=(Probe(prompt="In which region is Rzechówek?", answers=(("South",),), group="Reasoning"),),
    )


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
