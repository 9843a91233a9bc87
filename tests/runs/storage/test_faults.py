"""The store under fault: a full disk, a folder that cannot be written, every kind of damage, an older version."""

import json
import os
import random
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_fact

from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import resolve
from lga_core.models.sources.derived import derived_path, keep, kept_json
from lga_core.models.sources.fetching.terms import accept_terms
from lga_core.results import KnownFactCheck, ModelIdentity
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.index import SUFFIXES, RunIndex
from lga_core.runs.storage.kinds import lost_rows
from lga_core.runs.storage.row_file import RowReader
from lga_core.runs.storage.store import Store
from lga_core.service.process import machine
from lga_core.service.process.messages import Machine
from lga_core.view.words.runs import lost_sentence
from tests.runs.writing import check, question

KILLS = int(os.environ.get("LGA_KILLS", "3"))
NOBODY = 65534
WRITER = Path(__file__).parents[1] / "writing.py"


def filled(root: Path, rows: int = 4) -> Store:
    store = Store(root)
    store.open(question()).extend({str(number): check(number) for number in range(rows)})
    return store


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own of 64 KB; only the superuser may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no disk can be mounted here; test_store.py limits the size of files instead")
    yield place
    subprocess.run(["umount", place], check=True)


@contextmanager
def not_ours(folder: Path):
    """What lies in the folder cannot be written: its mode says so, and the superuser is somebody else meanwhile."""
    before = os.geteuid()
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    for parent in folder.parents[:-1]:
        if parent.owner() == folder.owner() and before == 0:
            parent.chmod(parent.stat().st_mode | 0o055)
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if before == 0:
            os.seteuid(before)
        for place in (folder, *folder.rglob("*")):
            place.chmod(0o755 if place.is_dir() else 0o644)


def test_a_disk_that_fills_up_loses_nothing_and_goes_on_when_there_is_room(small_disk):
    ballast = small_disk / "ballast"
    store = filled(small_disk / "runs")
    ballast.write_bytes(bytes(30_000))
    run, stored = store.open(question()), 4
    with pytest.raises(LgaError, match="No space left") as failure:
        while True:
            run.append(str(stored), check(stored))
            stored += 1
    assert "LGA_HOME" in failure.value.hint
    rows = list(run.rows(KnownFactCheck))
    assert rows[:stored] == [str(number) for number in range(stored)] and lost_rows(run) == 0
    with pytest.raises(LgaError, match="No space left"):
        store.facts.keep([make_fact(0, "The capital of France is" + " x" * 9_000, "France", "Rome", "Paris")])
    ballast.unlink()
    run.append("later", check(99))
    (header,) = RunIndex(store).headers()
    assert header.problem is None and list(run.rows(KnownFactCheck))[-1] == "later"
    assert not list(small_disk.rglob("*-half"))


def test_a_folder_that_cannot_be_written_is_one_message_and_is_still_read(tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path))
    store = filled(tmp_path / "runs")
    identity = ModelIdentity(name="m", fingerprint="f" * 64, dtype="torch.float32", machine="cpu", layers=2)
    with not_ours(tmp_path):
        run = store.find("a1")
        assert len(run.rows(KnownFactCheck)) == 4 and RunIndex(store).one("a1").problem is None
        for write in (
            lambda: run.append("x", check(9)),
            run.finish,
            lambda: run.rename("mine"),
            lambda: RunBin(store).delete("a1"),
            lambda: Store(tmp_path / "new").open(question("b2")).append("x", check(1)),
            lambda: store.facts.keep([make_fact(0, "The capital of France is", "France", "Rome", "Paris")]),
            lambda: keep(derived_path(identity, "text.json"), lambda place: place.write_text("1")),
            lambda: accept_terms(resolve("gemma-3-270m")),
        ):
            with pytest.raises(LgaError) as failure:
                write()
            assert "ermission denied" in failure.value.cause and "LGA_HOME" in failure.value.hint + failure.value.cause
        machine.remember(Machine(device="cpu", dtype="torch.float32"))  # or no job could end
        assert machine.kept() is None and machine.known() is not None
    assert len(run.rows(KnownFactCheck)) == 4 and not run.complete


def test_every_flipped_bit_is_found_and_costs_its_own_row_only(tmp_path, caplog):
    """One bit at every third place of a file of four rows."""
    whole = (filled(tmp_path).root / "a1.jsonl").read_bytes()
    rows = [check(number) for number in range(4)]
    chance = random.Random(0)
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        (tmp_path / "a1.jsonl").write_bytes(damaged)
        reader = RowReader(tmp_path / "a1.jsonl", KnownFactCheck)
        read = reader.rows()
        at = whole[:place].count(b"\n")
        last = place == len(whole) - 1  # a last line without its end counts as not written yet
        assert read == {str(n): row for n, row in enumerate(rows) if n != at}, place
        assert reader.damaged >= (0 if last else 1)
    run = Store(tmp_path).find("a1")
    run.append(str(3), rows[3])
    assert run.rows(KnownFactCheck)["3"] == rows[3]


@pytest.mark.parametrize("change", ["cut", "wrong types", "no name", "nested", "another version"])
def test_a_damaged_row_is_told_and_computed_anew(tmp_path, change, caplog):
    store = filled(tmp_path)
    path = tmp_path / "a1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = {
        "cut": lines[1][:20] + b"\n",
        "wrong types": b'{"of": "1", "row": {"record": [], "known": "perhaps"}}\n',
        "no name": b'{"of": ["1"], "row": {}}\n',
        "nested": b"[" * 5_000 + b"\n",
        "another version": b'{"of": "1", "row": {"record": 1, "certainty": 3}}\n',
    }[change]
    path.write_bytes(b"".join(lines))
    run = store.find("a1")
    assert list(run.rows(KnownFactCheck)) == ["0", "2", "3"] and lost_rows(run) == 1
    assert "left out" in lost_sentence(lost_rows(run))
    run.append("1", check(1))
    assert list(run.rows(KnownFactCheck)) == ["0", "2", "3", "1"]


def test_a_store_of_an_older_version_opens(tmp_path):
    """Rows without checksums, no notes, no facts; a method that is gone; a description with other fields."""
    store = filled(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "a1.jsonl").read_text().splitlines()]
    (tmp_path / "a1.jsonl").write_text(
        "".join(json.dumps({"of": line["of"], "row": line["row"]}) + "\n" for line in lines)
    )
    (tmp_path / "a1.notes").unlink()
    gone = replace(question("b2"), method="gone-v0")
    Store(tmp_path).open(gone).append("x", check(0))
    (tmp_path / "c3.json").write_text(json.dumps({"key": "c3", "question": "?"}))
    run = store.find("a1")
    assert len(run.rows(KnownFactCheck)) == 4 and lost_rows(run) == 0 and run.notes is None
    headers = {header.key: header for header in RunIndex(store).headers()}
    assert headers["a1"].problem is None and headers["b2"].kind.row_type is None
    assert "another version" in headers["c3"].problem and lost_rows(store.find("b2")) == 0
    run.append("new", check(7))
    assert len(run.rows(KnownFactCheck)) == 5 and run.notes.rows is None


def test_a_damaged_description_is_told_and_written_anew(tmp_path):
    store = filled(tmp_path)
    filled(tmp_path / "other").open(question("b2")).append("x", check(0))
    for content in (b'{"key": "a1"', b"\xff", (tmp_path / "other" / "b2.json").read_bytes()):
        (tmp_path / "a1.json").write_bytes(content)
        assert RunIndex(store).headers()[0].problem and store.find("a1") is None
        run = store.open(question())
        assert len(run.rows(KnownFactCheck)) >= 4
        run.append("x", check(8))
        assert RunIndex(store).headers()[0].problem is None and store.find("a1") is not None


def test_what_was_worked_out_and_is_damaged_is_worked_out_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path))
    path = tmp_path / "texts.json"
    assert kept_json(path, tuple[str, ...]) is None
    for damaged in (b"", b'["a"', b"\xff", b'["a", 3]', b"{}", b"[" * 100_000):
        path.write_bytes(damaged)
        assert kept_json(path, tuple[str, ...]) is None and not path.exists()
    path.write_bytes(b'["a"]')
    assert kept_json(path, tuple[str, ...]) == ("a",)


def test_a_writer_killed_at_random_moments_loses_no_row_that_it_had_written(tmp_path):
    """Nothing but writes, so that nearly every kill hits one."""
    chance, told, number = random.Random(0), [], 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    store = Store(tmp_path)
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, WRITER, tmp_path, str(number)], env=environment, text=True, stdout=subprocess.PIPE
        )
        assert writer.stdout.readline() == "begun\n"
        lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 60))]
        writer.kill()
        lines += writer.stdout.read().splitlines(keepends=True)
        writer.wait()
        writer.stdout.close()
        told += [line.split() for line in lines if line.endswith("\n")]
        RunBin(store).clear_abandoned()  # killed while a run lay in the bin, or on the way
        headers = RunIndex(store).headers()
        assert all(header.problem is None for header in headers), headers
        names = {header.key for header in headers} | {name for name, _word in told}
        number = 1 + max((int(name[1:]) for name in names), default=-1)
    rows = {header.key: store.find(header.key).rows(KnownFactCheck) for header in headers}
    words = {name: [word for of, word in told if of == name] for name, _word in told}
    kept = {name: said for name, said in words.items() if said[-1] != "out" or name in rows}
    assert kept and all({*said} - {"out", "back"} <= rows[name].keys() for name, said in kept.items())
    assert not (tmp_path / "bin").exists() or not list((tmp_path / "bin").iterdir())
    assert all(row == check(int(name)) for run in rows.values() for name, row in run.items())


@pytest.mark.parametrize("moved", [1, 2, 3, 4])
@pytest.mark.parametrize("way", ["out", "back"])
def test_a_deletion_that_was_killed_halfway_is_undone_at_the_next_start(tmp_path, moved, way):
    store = filled(tmp_path)
    run = store.open(question())
    run.finish()
    run.keep_state(b"state")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("a1.*")}
    order = [f"a1{suffix}" for suffix in reversed(SUFFIXES)]  # as files are moved, both ways
    (tmp_path / "bin" / "killed").mkdir(parents=True)
    for name in order[moved:] if way == "back" else order[:moved]:
        (tmp_path / name).rename(tmp_path / "bin" / "killed" / name)
    RunBin(store).clear_abandoned()
    assert {path.name: path.read_bytes() for path in tmp_path.glob("a1.*")} == before
    assert not list((tmp_path / "bin").iterdir())


def test_a_damaged_state_is_none(tmp_path):
    run = filled(tmp_path).open(question())
    assert run.state is None
    run.keep_state(b"the sum so far")
    assert run.state == b"the sum so far"
    whole = (tmp_path / "a1.state").read_bytes()
    for place in range(len(whole)):
        (tmp_path / "a1.state").write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert run.state is None
        (tmp_path / "a1.state").write_bytes(whole[:place])
        assert run.state is None
