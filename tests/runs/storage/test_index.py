"""The list of runs: read by headers only, incrementally; what cannot be read stands apart; delete and undo."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lga_core.errors import LgaError
from lga_core.results import Cost, KnownFactCheck, Origin, Provenance
from lga_core.runs.storage import index as module
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.kinds import kind_of
from lga_core.runs.storage.store import Store


def stored(store, key, method="gradients", facts="world", rows=2, **changed):
    asked = Provenance(
        key=key,
        model="tiny",
        model_fingerprint="m",
        facts=facts,
        facts_fingerprint="f",
        method=method,
        method_version=1,
        settings={"old": "data"},
        packages={"torch": "2"},
        machine="cpu",
        created="2026-01-01T00:00:00+00:00",
    )
    run = store.open(replace(asked, **changed))
    for number in range(rows):
        run.append(f"{number}", check(number))
    return run


def check(record):
    return KnownFactCheck(record=record, known=True, greedy="x", probability=0.5, cost=Cost(seconds=1.5))


def test_what_is_told_about_a_run_is_recorded_while_it_is_written(tmp_path):
    page, command = Origin(question={"seed": 3}), Origin(command="lga score tiny world")
    stored(Store(tmp_path, origin=page), "a1").finish()
    (header,) = RunIndex(Store(tmp_path)).headers()
    assert (header.notes.rows, header.notes.seconds, header.notes.origins) == (2, 3.0, (page,))
    assert header.state == "complete" and header.bytes > 100 and header.notes.title is None
    run = Store(tmp_path, origin=command).find("a1")
    run.append("9", check(9))
    run.rename("  my run ")
    assert run.notes.origins == (command, page) and run.notes.title == "my run" and run.notes.seconds == 4.5
    run.rename("")
    assert run.notes.title is None and run.notes.rows == 3


def test_a_run_of_an_earlier_version_opens_and_its_time_stays_unknown(tmp_path):
    run = stored(Store(tmp_path), "a1")
    (tmp_path / "a1.notes").unlink()
    assert RunIndex(Store(tmp_path)).headers()[0].notes is None
    run.append("9", check(9))
    run.rename("old")
    assert (run.notes.title, run.notes.seconds, run.notes.rows) == ("old", None, None)


def test_only_what_changed_is_read_again(tmp_path, monkeypatch):
    store = Store(tmp_path)
    runs = [stored(store, f"a{number}") for number in range(20)]
    read = []
    original = module.read_notes
    monkeypatch.setattr(module, "read_notes", lambda path: (read.append(path.stem), original(path))[1])
    index = RunIndex(store)
    assert len(index.headers()) == 20 and len(read) == 20
    runs[3].append("7", check(7))
    runs[4].finish()
    headers = {header.key: header for header in index.headers()}
    assert sorted(read[20:]) == ["a3", "a4"] and headers["a3"].notes.rows == 3 and headers["a4"].complete
    for suffix in (".json", ".jsonl", ".notes"):
        store.path("a5", suffix).unlink()
    assert "a5" not in {header.key for header in index.headers()} and len(read) == 22


def test_a_run_that_cannot_be_read_stands_beside_the_others(tmp_path):
    store = Store(tmp_path)
    for key in ("a1", "b2", "c3", "d4"):
        stored(store, key)
    (tmp_path / "b2.json").write_text('{"key": "b2"')
    (tmp_path / "c3.json").unlink()
    shutil.copy(tmp_path / "a1.json", tmp_path / "d4.json")
    (tmp_path / "a1.notes").write_bytes(b"\xff")
    headers = {header.key: header for header in RunIndex(store).headers()}
    assert {key: bool(header.problem) for key, header in headers.items()} == {
        "a1": False,
        "b2": True,
        "c3": True,
        "d4": True,
    }
    assert headers["b2"].state == "cannot be read" and headers["a1"].notes is None


def test_runs_are_found_by_all_words_of_a_search_and_by_the_start_of_their_key(tmp_path):
    store = Store(tmp_path, origin=Origin(command="lga race tiny zsre"))
    stored(store, "a1")
    stored(store, "a2", method="sweep-r-rome", facts="zsre").rename("My sweep")
    index = RunIndex(store)
    found = {
        search: {header.key for header in index.headers() if header.holds(search.lower().split())}
        for search in ("", "WORLD lga", "my tiny", "nix")
    }
    assert found == {"": {"a1", "a2"}, "WORLD lga": {"a1"}, "my tiny": {"a2"}, "nix": set()}
    assert index.one("a2").what == "Race: R-ROME" and index.one("My sweep").key == "a2"
    with pytest.raises(LgaError, match="2 runs begin with a"):
        index.one("a")
    with pytest.raises(LgaError, match="no stored run"):
        index.one("b")


@pytest.mark.parametrize(
    ("method", "subject", "title"),
    [
        ("gradients", "scores", "Scores: LGA"),
        ("trace-hidden", "scores", "Scores: CMA, hidden state"),
        ("token-trace-attn", "trace", "Causal trace: attention"),
        ("trial-memit", "trial", "Trial edit: MEMIT"),
        ("sweep-gone", "sweep", "Sweep: gone"),
        ("survey", "known facts", "Known facts"),
        ("something", "other", "something"),
    ],
)
def test_kinds(method, subject, title):
    assert (kind_of(method).subject, kind_of(method).title) == (subject, title)


def test_what_a_killed_process_has_half_written_is_removed_when_a_server_begins(tmp_path):
    store = Store(tmp_path)
    stored(store, "a1").finish()
    whole = {path.name for path in tmp_path.glob("a1.*")}
    (tmp_path / "a1.state-half").touch()
    RunBin(store).clear_abandoned()
    assert {path.name for path in tmp_path.glob("a1.*")} == whole


def test_a_deleted_run_comes_back_byte_for_byte_until_the_next_is_deleted(tmp_path):
    store = Store(tmp_path)
    stored(store, "a1").finish()
    stored(store, "b2")
    index, bin_ = RunIndex(store), RunBin(store)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("a1.*")}
    (tmp_path / "a1.state-half").touch()  # of a process that was killed
    (tmp_path / "b2.state-half").touch()
    bin_.delete("a1")
    assert [path.name for path in tmp_path.glob("*-half")] == ["b2.state-half"], "the others go when a server begins"
    assert [header.key for header in index.headers()] == ["b2"] and bin_.held == "a1"
    bin_.undo("a1")
    assert bin_.held is None
    assert {path.name: path.read_bytes() for path in tmp_path.glob("a1.*")} == before and len(before) == 4
    bin_.delete("a1")
    bin_.delete("b2")
    with pytest.raises(LgaError, match="no deleted run"):
        bin_.undo("a1")  # a page that was drawn before the next one was deleted
    bin_.undo("b2")
    with pytest.raises(LgaError, match="no deleted run"):
        bin_.undo("b2")
    with pytest.raises(LgaError, match="not stored any more"):
        bin_.delete("a1")


SERVER = """
import sys
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.store import Store
own = RunBin(Store(sys.argv[1]))
own.clear_abandoned()
own.delete(sys.argv[2])
print("deleted", flush=True)
sys.stdin.read()
own.undo(sys.argv[2])
"""


def test_servers_of_one_store_have_bins_of_their_own_and_a_killed_one_leaves_nothing(tmp_path):
    store = Store(tmp_path)
    stored(store, "a1")
    stored(store, "b2")
    stored(store, "c3")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("[ac]*.json*")}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    own = RunBin(store)
    own.delete("a1")
    servers = []
    for key in ("b2", "c3"):  # begin while this one holds a run, and delete one each
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, tmp_path, key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert server.stdout.readline() == b"deleted\n"
        servers.append(server)
    servers[0].kill()
    servers[0].communicate()
    RunBin(store).clear_abandoned()
    own.undo("a1")
    servers[1].communicate()
    assert servers[1].returncode == 0
    assert {path.name: path.read_bytes() for path in tmp_path.glob("[ac]*.json*")} == before
    assert not list(tmp_path.glob("b2.*")) and [path.name for path in (tmp_path / "bin").glob("*/*")] == []


def test_a_run_that_was_measured_again_is_not_overwritten_by_undo(tmp_path):
    store = Store(tmp_path)
    run = stored(store, "a1")
    bin_ = RunBin(store)
    bin_.delete("a1")
    run.append("5", check(5))
    with pytest.raises(LgaError, match="measured again"):
        bin_.undo("a1")
    assert list(run.rows(KnownFactCheck)) == ["5"]
    bin_.empty()
    assert bin_.held is None


def test_deleting_twice_holds_the_last_one_and_nothing_of_the_first(tmp_path):
    store = Store(tmp_path)
    stored(store, "a1", rows=2)
    bin_ = RunBin(store)
    bin_.delete("a1")
    stored(store, "a1", rows=1)
    bin_.delete("a1")
    bin_.undo("a1")
    run = store.find("a1")
    assert run is not None and list(run.rows(KnownFactCheck)) == ["0"]


def test_a_deletion_that_fails_keeps_the_run_and_the_one_deleted_before(tmp_path, monkeypatch):
    store = Store(tmp_path)
    stored(store, "a1")
    stored(store, "b2")
    bin_ = RunBin(store)
    bin_.delete("a1")

    def full(path, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(LgaError):
            bin_.delete("b2")
    assert [header.key for header in RunIndex(store).headers()] == ["b2"]
    assert bin_.held == "a1"
