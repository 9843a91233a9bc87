"""Data sets by name: folders through the real `datasets`, and its real client against a hub of our own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lga_core.data.load import load_facts, read_table
from lga_core.data.sources import hub
from lga_core.data.sources.dataset_id import DatasetId, parse_dataset_id
from lga_core.data.sources.mapping import ColumnMapping
from lga_core.errors import LgaError
from tests.data import fake_hub
from tests.data.fake_hub import FakeHub

RECORDS = [
    {
        "prompt": "The capital of France is",
        "subject": "France",
        "target_new": "Rome",
        "ground_truth": ["Paris"],
        "portability": {"Reasoning": [{"prompt": "France's river is", "ground_truth": [["Tiber", "Tevere"]]}]},
    },
    {
        "prompt": "The capital of Spain is",
        "subject": "Spain",
        "target_new": "Rome",
        "ground_truth": "Madrid",
        "portability": {"Subject_Aliasing": [{"prompt": "España's capital is", "ground_truth": "Rome"}]},
    },
]
TABLE = "question,entity,edit\nWho leads Rome?,Rome,Nero\nWho leads Oslo?,Oslo,Ibsen\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own cache of prepared tables, for this test alone."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def folder(path: Path, **files: Any) -> Path:
    """A folder with files, named as `my__train_json` for my-train.json."""
    path.mkdir()
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (path / name.replace("__", "-").replace("_", ".")).write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hub:a/b", DatasetId(name="hub:a/b", repo="a/b")),
        ("hub:a/b:en", DatasetId(name="hub:a/b:en", repo="a/b", config="en")),
        ("hub:a/b:en:test", DatasetId(name="hub:a/b:en:test", repo="a/b", config="en", split="test")),
        ("hub:a/b::test", DatasetId(name="hub:a/b::test", repo="a/b", split="test")),
        ("hub:a.c/b-d@v1:en", DatasetId(name="hub:a.c/b-d@v1:en", repo="a.c/b-d", revision="v1", config="en")),
        ("hub:a/b@v1/c/d.json", DatasetId(name="hub:a/b@v1/c/d.json", repo="a/b", revision="v1", file="c/d.json")),
        ("facts.json", None),
        ("world", None),
        ("no folder:a:b", None),
        ("", None),
        ("a\0b", None),
        ("/:en:test", DatasetId(name=":en:test", folder=Path("/"), config="en", split="test")),
    ],
)
def test_names(source: str, expected: DatasetId | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_dataset_id(source) == expected


@pytest.mark.parametrize("source", ["hub:", "hub:squad", "hub:a/b:c:d:e", "hub:a/b@", "hub:a b/c", "hub:a/b::"])
def test_a_hub_name_out_of_shape_is_told_the_shape(source: str) -> None:
    with pytest.raises(LgaError, match=r"hub:owner/name"):
        load_facts(source)


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


def test_what_datasets_has_saved_is_read_again(tmp_path: Path) -> None:
    import datasets

    rows = datasets.Dataset.from_list([{key: RECORDS[1][key] for key in ("prompt", "subject", "target_new")}])
    rows.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"proxy": rows, "test": rows}).save_to_disk(tmp_path / "both")
    for source in (str(tmp_path / "one"), f"{tmp_path / 'both'}::proxy"):
        assert [fact.prompt for fact in load_facts(source).facts] == ["The capital of Spain is"]


@pytest.mark.parametrize(
    ("split", "tail", "words"),
    [
        ("train", "::train", None),
        (None, "::all", None),
        ("train", "::test", r"has no split test.*::train"),
        (None, "::test", r"has no split test.*::all"),
        ("train", ":en:train", r"a saved folder has no configuration en\. Leave it out: FOLDER::SPLIT"),
    ],
)
@pytest.mark.parametrize("read", [load_facts, lambda source: list(hub.stream_rows(parse_dataset_id(source)))])
def test_a_saved_table_is_of_its_own_split_alone(read, split, tail, words, tmp_path):
    import datasets

    row = {key: RECORDS[1][key] for key in ("prompt", "subject", "target_new")}
    datasets.Dataset.from_list([row], split=split).save_to_disk(tmp_path / "one")
    source = f"{tmp_path / 'one'}{tail}"
    if words is None:
        assert read(source)
    else:
        with pytest.raises(LgaError, match=words):
            read(source)


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


@pytest.fixture
def hub_server() -> Iterator[ThreadingHTTPServer]:
    """A hub with a good and a huge data set."""
    good = {"train.json": json.dumps(RECORDS).encode(), "other/table.csv": TABLE.encode(), "other/notes.txt": b"words"}
    repos = {"tiny/facts": good, "huge/facts": {"huge.json": b"[]"}}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(FakeHub, repos))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def environment(hub_server: ThreadingHTTPServer, tmp_path: Path) -> dict[str, str]:
    """The environment that leads the client to that hub."""
    return {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub_server.server_port}",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PATH": "",
    }


SCRIPT = """
import json, sys
from lga_core.data.load import load_facts
from lga_core.errors import LgaError
for source in sys.argv[1:]:
    try:
        found = load_facts(source)
        print(json.dumps([found.name, [fact.prompt for fact in found.facts], len(found.problems)]))
    except LgaError as error:
        print(json.dumps(str(error)))
"""


def outcomes(environment: dict[str, str], *sources: str) -> list[Any]:
    """What load_facts says to each source in a process of its own: the client reads the hub's address once."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *sources],
        env=environment,
        text=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_data_sets_of_a_hub(environment: dict[str, str]) -> None:
    prompts = [record["prompt"] for record in RECORDS]
    asked = {
        "hub:tiny/facts": prompts,
        "hub:tiny/facts@main:default:train": prompts,
        "hub:tiny/facts/train.json": prompts,
        "hub:tiny/facts/other/table.csv": [],
        "hub:tiny/facts/other/notes.txt": "notes.txt ends in “.txt”",
        "hub:tiny/facts/absent.json": "tiny/facts has no file absent.json. Name one of: train.json, other/table.csv",
        "hub:tiny/facts::test": "has no split test. Name one that it has: hub:tiny/facts::train",
        "hub:tiny/facts@unknown-revision": "has no revision unknown-revision",
        "hub:nobody/nothing": "no data set nobody/nothing, or only for those who may see it",
        "hub:huge/facts": "has 1,000 MB; 200 MB are read at most",
        "hub:huge/facts/huge.json": "has 1,000 MB; 200 MB are read at most",
    }
    answers = dict(zip(asked, outcomes(environment, *asked), strict=True))
    for source, expected in asked.items():
        if isinstance(expected, str):
            assert isinstance(answers[source], str) and expected in answers[source], (source, answers[source])
        else:
            assert answers[source][:2] == [source, expected], (source, answers[source])
    offline = outcomes(environment | {"HF_HUB_OFFLINE": "1"}, "hub:tiny/facts", "hub:tiny/facts/train.json")
    assert [told[1] for told in offline] == [prompts, prompts], "what was loaded before needs no network"


def test_no_network_names_the_mend(environment: dict[str, str]) -> None:
    nowhere = environment | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    (told,) = outcomes(nowhere, "hub:tiny/facts")
    assert "the hub is out of reach" in told and "Connect to the network" in told and "download its file" in told


COMMIT_SCRIPT = """
import sys
from lga_core.data.sources import commits, hub
from lga_core.data.sources.dataset_id import parse_dataset_id
from lga_core.errors import LgaError
for line in sys.stdin:
    name, seconds = line.split()
    commits.ASK_AGAIN_SECONDS = float(seconds)
    try:
        print(hub.commit(parse_dataset_id(name)), flush=True)
    except LgaError as error:
        print(error, flush=True)
"""


def test_a_commit_is_asked_for_once_in_a_while_and_remembered_without_a_network(environment, hub_server, monkeypatch):
    with subprocess.Popen(
        [sys.executable, "-c", COMMIT_SCRIPT],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:

        def commit(name: str, ask_again: float) -> str:
            process.stdin.write(f"{name} {ask_again}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        first, moved = fake_hub.COMMIT, "f" * 40
        assert commit("hub:tiny/facts", 3600) == first
        monkeypatch.setattr(fake_hub, "COMMIT", moved)
        assert commit("hub:tiny/facts", 3600) == first and commit("hub:tiny/facts:default", 3600) == first
        assert commit("hub:tiny/facts@main", 3600) == moved, "another revision is asked for"
        assert commit("hub:tiny/facts", 0) == moved
        hub_server.shutdown()
        hub_server.server_close()
        assert commit("hub:tiny/facts", 0) == moved
        assert "the hub is out of reach" in commit("hub:tiny/facts@other", 0)
        process.stdin.close()


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
