"""Files, uploads and the form: what is refused and how, and that writing and reading agree."""

import json
import os
from pathlib import Path

import pytest
from uploading import read_facts

from lga_core.data import load
from lga_core.data.load import choose, fact_from_form, load_facts, shipped_sets, upload_table, write_facts
from lga_core.data.sources.dataset_id import parse_dataset_id
from lga_core.errors import LgaError

RECORD = {"prompt": "The capital of France is", "subject": "France", "target_new": "Rome", "ground_truth": ["Paris"]}


@pytest.mark.parametrize(
    ("data", "suffix", "words"),
    [
        (b"", ".json", "is empty"),
        (b" \n", ".jsonl", "is empty"),
        (b"[]", ".json", "is empty"),
        (b"prompt,subject,target_new\n", ".csv", "is empty"),
        (b'[\n {"prompt": "a",}\n]', ".json", "line 2, column"),
        (b'{"prompt": "a"}\n\n{"prompt" "b"}\n', ".jsonl", "line 3, column 11"),
        (b'prompt,subject\n"open', ".csv", "broken CSV at line 2"),
        (b"a,a\n1,2\n", ".csv", "two columns of one name"),
        ('["é"]'.encode("latin-1"), ".json", "not UTF-8 text: the first byte that does not fit is number 3"),
        (b'{"prompt": "a"}', ".json", "one object, not a list"),
        (b"3", ".json", "one value, not a list"),
        (b"[" * 200_000, ".json", "cannot be read as JSON"),
        (b"[" + b"9" * 5_000 + b"]", ".json", "cannot be read as JSON"),
        (b"[]", ".txt", "ends in “.txt”"),
    ],
)
def test_a_broken_upload_is_one_clear_error(data: bytes, suffix: str, words: str) -> None:
    with pytest.raises(LgaError) as caught:
        read_facts("upload", data, suffix)
    assert words in caught.value.cause and caught.value.hint


def test_upload_caps(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LgaError, match=r"20\.0 MB.* may have 20 MB"):
        read_facts("big.json", b" " * (load.MAX_UPLOAD_BYTES + 1), ".json")
    many = (json.dumps(RECORD) + "\n").encode() * (load.MAX_UPLOAD_RECORDS + 1)
    with pytest.raises(LgaError, match="20,001 records"):
        read_facts("many.jsonl", many, ".jsonl")


def test_json_lines_numbers_records_without_blank_lines() -> None:
    odd = json.dumps(RECORD | {"prompt": "In France\u2028 one"}, ensure_ascii=False)  # a line end to str.splitlines
    lines = f"{json.dumps(RECORD)}\n\n{odd}\r\n"
    assert [fact.record for fact in read_facts("l.jsonl", lines.encode(), ".jsonl").facts] == [0, 1]


@pytest.mark.parametrize("name", ["nowhere.json", "unknown-set", "no\0where", "x" * 5_000], ids=lambda name: name[:10])
def test_an_unreadable_source_names_the_shipped_sets(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LgaError, match="world"):
        load_facts(name)


def test_a_path_has_no_upload_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_UPLOAD_RECORDS", 1)
    path = tmp_path / "facts.JSON"
    path.write_text(json.dumps([RECORD, RECORD]))
    fact_set = load_facts(path)
    assert (fact_set.name, fact_set.n_records, len(fact_set.facts)) == ("facts.JSON", 2, 2)


@pytest.mark.parametrize(
    ("name", "words"), [("a.safetensors", "ends in “.safetensors”"), ("a.json", "16,000 MB; 200 MB")]
)
def test_a_file_that_is_no_table_or_too_large_is_not_read(name: str, words: str, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(16 * 10**9)
    with pytest.raises(LgaError, match=words):
        load_facts(tmp_path / name)


@pytest.mark.parametrize("records", [[{str(n): 1 for n in range(1_001)}], [{str(n): 1} for n in range(1_001)]])
def test_a_table_of_countless_columns_is_refused(records: list) -> None:
    with pytest.raises(LgaError, match="1,001 columns; the limit is 1,000"):
        upload_table("wide.json", json.dumps(records).encode(), ".json")


def test_names_that_are_not_utf8_are_shown_in_characters_that_can_be_stored(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path) + b"/set-\xff"
    os.mkdir(place)
    path = Path(os.fsdecode(place)) / os.fsdecode(b"f\xff.json")
    path.write_text(json.dumps([RECORD]))
    assert (load_facts(path).name, parse_dataset_id(str(path.parent)).name) == ("f?.json", "set-?")
    path.write_text("[")
    with pytest.raises(LgaError, match=r"f\?.json is broken JSON"):
        load_facts(path)


@pytest.mark.parametrize("name", shipped_sets())
def test_round_trip(name: str, tmp_path: Path) -> None:
    fact_set = load_facts(name)
    path = tmp_path / "copy.json"
    path.write_text(write_facts(fact_set.facts), encoding="utf-8")
    again = load_facts(path)
    assert again.facts == fact_set.facts and again.fingerprint == fact_set.fingerprint and again.problems == ()


def test_round_trip_of_a_form_fact_with_everything() -> None:
    fact = fact_from_form(
        prompt=" The capital of France is ",
        subject="france",
        target_new="Rome",
        target_old="Paris",
        rephrases=["France's capital is", " "],
        locality=[("The capital of Spain is", "Madrid"), ("Italy is", "")],
        portability=[("The river of France's capital is the", "Tiber"), ("", "ignored")],
    )
    assert (fact.prompt, fact.subject, fact.span) == ("The capital of France is", "France", (15, 21))
    assert [probe.answers for probe in fact.locality] == [(("Madrid",),), ()]
    assert len(fact.portability) == 1 and fact.rephrases == ("France's capital is",)
    assert read_facts("form.json", write_facts([fact]).encode(), ".json").facts == (fact,)


def test_round_trip_without_an_answer() -> None:
    (fact,) = read_facts("x.json", json.dumps([RECORD | {"target_new": None}]).encode(), ".json").facts
    assert fact.target_new is None
    assert read_facts("x.json", write_facts([fact]).encode(), ".json").facts == (fact,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": "Spain"}, "does not stand in its prompt"),
        ({"prompt": ""}, "Prompt is missing"),
        ({"target_new": " "}, "The new answer is empty"),
        ({"target_new": "PARIS"}, "is the old one"),
        ({"portability": [("Its river is the", "")]}, "names no answer"),
        ({"locality": [("Italy's capital is", "Rome")]}, "expects the new answer itself"),
        ({"rephrases": ["x" * 10_001]}, "the limit is 10,000"),
    ],
)
def test_the_form_refuses_with_a_mend(changes: dict, words: str) -> None:
    good = {"prompt": "The capital of France is", "subject": "France", "target_new": "Rome", "target_old": "Paris"}
    with pytest.raises(LgaError) as caught:
        fact_from_form(**(good | changes))
    assert words in caught.value.cause and caught.value.hint


def test_choose_shuffles_before_it_limits_and_keeps_record_numbers() -> None:
    facts = load_facts("world").facts
    assert choose(facts) == facts
    assert choose(facts, 5) == facts[:5]
    shuffled = choose(facts, 10, shuffle_seed=1)
    assert shuffled == choose(facts, 20, shuffle_seed=1)[:10] != choose(facts, 10, shuffle_seed=2)
    assert {fact.record for fact in shuffled} - set(range(10))
    assert all(fact == facts[fact.record] for fact in shuffled)
    assert len(choose(facts, 10_000)) == len(facts)
    with pytest.raises(LgaError):
        choose(facts, 0)
