"""Folders of data files, read by the real `datasets`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lga_core.data.load import load_facts, read_table
from lga_core.data.sources import hub
from lga_core.data.sources.mapping import ColumnMapping
from lga_core.errors import LgaError
from tests.data.sources.tables import RECORDS, TABLE, folder


def test_a_folder_keeps_mixed_answers_and_fills_in_nothing(tmp_path: Path) -> None:
    path = folder(tmp_path / "my facts", train_json=RECORDS)
    (tmp_path / "plain.json").write_text(json.dumps(RECORDS))
    fact_set = load_facts(path)
    assert (fact_set.name, fact_set.n_records, fact_set.problems) == ("my facts", 2, ())
    assert fact_set.facts == load_facts(tmp_path / "plain.json").facts


def test_groups_that_only_other_rows_have_are_not_there(tmp_path: Path) -> None:
    record = {**RECORDS[1], "portability": {"Subject_Aliasing": [{"prompt": "España is", "ground_truth": [["Rome"]]}]}}
    fact_set = load_facts(folder(tmp_path / "rows", train_jsonl="\n".join(map(json.dumps, [RECORDS[0], record]))))
    groups = [[probe.group for probe in fact.portability] for fact in fact_set.facts]
    assert groups == [["Reasoning"], ["Subject_Aliasing"]]
    assert fact_set.problems == ()


def test_a_split_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    path = folder(tmp_path / "two", train_json=RECORDS, test_json=RECORDS[:1])
    with pytest.raises(LgaError, match=r"has 2 splits.*two::train.*two::test"):
        load_facts(path)
    with pytest.raises(LgaError, match=r"has no split validation.*two::train"):
        load_facts(f"{path}::validation")
    fact_set = load_facts(f"{path}:default:test")
    assert (fact_set.name, len(fact_set.facts)) == ("two:default:test", 1)


def test_no_file_of_a_folder_is_passed_over_in_silence(tmp_path: Path) -> None:
    path = folder(tmp_path / "mixed", zsre_json=RECORDS, wiki__train_json=RECORDS)
    with pytest.raises(LgaError, match=r"only wiki-train\.json would be read.* not zsre\.json"):
        load_facts(path)
    path = folder(tmp_path / "deep", train_json=RECORDS)
    folder(path / "__pycache__", more_json=RECORDS)
    folder(path / ".hidden", more_json=RECORDS)
    assert len(load_facts(path).facts) == 2
    folder(path / "older", more_json=RECORDS)
    with pytest.raises(LgaError, match=r"only train\.json would be read.* not older/more\.json"):
        load_facts(path)
    assert len(load_facts(folder(tmp_path / "same", a_json=RECORDS, b_json=RECORDS)).facts) == 4


def test_columns_with_other_names(tmp_path: Path) -> None:
    path = folder(tmp_path / "table", train_csv=TABLE)
    fact_set = read_table(path).facts(ColumnMapping(prompt="question", subject="entity", target_new="edit"))
    assert [(fact.prompt, fact.subject, fact.target_new) for fact in fact_set.facts] == [
        ("Who leads Rome?", "Rome", "Nero"),
        ("Who leads Oslo?", "Oslo", "Ibsen"),
    ]


@pytest.mark.parametrize(
    ("files", "tail", "words"),
    [
        ({}, "", "any data files"),
        ({"train_parquet": "junk"}, "", "could not be read as a data set"),
        ({"train_json": "[{]"}, "", "could not be read as a data set"),
        ({"train_json": RECORDS}, ":english", "BuilderConfig 'english' not found"),
    ],
)
def test_a_folder_that_holds_no_data_set(files: dict[str, Any], tail: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(LgaError) as caught:
        load_facts(f"{folder(tmp_path / 'set', **files)}{tail}")
    assert words in caught.value.cause and caught.value.hint


def test_progress_bars_are_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from datasets.utils import are_progress_bars_disabled

    path, before = folder(tmp_path / "quiet", train_json=RECORDS), are_progress_bars_disabled()
    load_facts(path)
    assert are_progress_bars_disabled() == before
    assert capsys.readouterr().out == ""


def test_both_ways_give_the_same_facts(tmp_path: Path) -> None:
    """The rows of a folder of one KnowEdit-like file, and the file itself."""
    path = folder(tmp_path / "same", train_json=[record | {"id": number} for number, record in enumerate(RECORDS)])
    rows, file = load_facts(path), load_facts(path / "train.json")
    assert replace(rows, name="") == replace(file, name="")


def test_a_folder_with_all_the_world_below_it_is_refused_before_it_is_looked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "MAX_FILES", 5)
    for number in range(7):
        (tmp_path / f"{number % 3}").mkdir(exist_ok=True)
        (tmp_path / f"{number % 3}" / f"{number}.txt").write_text("")
    for source in (str(tmp_path), f"{tmp_path}:train"):
        with pytest.raises(LgaError, match="more than 5 files"):
            load_facts(source)


@pytest.mark.parametrize("saved", [False, True], ids=["files", "saved"])
def test_a_folder_that_is_too_large_is_not_read(saved, tmp_path, monkeypatch):
    path = folder(tmp_path / "large", train_json=RECORDS)
    if saved:
        import datasets

        datasets.Dataset.from_list([{"prompt": "x" * 100}]).save_to_disk(tmp_path / "saved")
        path = tmp_path / "saved"
    monkeypatch.setattr("lga_core.data.sources.parsing.MAX_BYTES", 50)
    with pytest.raises(LgaError, match="are read at most"):
        load_facts(path)
