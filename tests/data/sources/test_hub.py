"""Data sets of the hub: the real client of `datasets` against a hub of our own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.data import fake_hub
from tests.data.fake_hub import FakeHub
from tests.data.sources.tables import RECORDS, TABLE


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
        cwd=Path(__file__).parents[3],
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
        cwd=Path(__file__).parents[3],
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
