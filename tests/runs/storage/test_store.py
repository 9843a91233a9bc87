"""The store: resume after every kind of half-written file, reading on, two processes at once, a disk that is full."""

import multiprocessing
import resource
import threading
from contextlib import contextmanager

import numpy as np
import pydantic_core
import pytest

from lga_core.errors import LgaError
from lga_core.results import Cost, FactRow, Provenance
from lga_core.runs.storage.row_file import append_rows
from lga_core.runs.storage.store import Store


def question(key: str = "a1", created: str = "2026-01-01T00:00:00+00:00") -> Provenance:
    return Provenance(
        key=key,
        model="tiny",
        model_fingerprint="m",
        facts="world",
        facts_fingerprint="f",
        method="gradients",
        method_version=1,
        settings={"old": "data"},
        packages={"torch": "2"},
        machine="cpu",
        created=created,
    )


def row(record: int, size: int = 3) -> FactRow:
    return FactRow(
        record=record,
        status="used",
        old_answer="Paris \u2028 é",
        old_source="data",
        known=None,
        values={"product/mlp": np.array([1 / 3, np.nan, *np.arange(size - 2.0)]), "nll-old": np.array(2.5)},
        cost=Cost(seconds=1.5, forward_rows=2, backward_rows=2),
    )


def line_of(tmp_path, of, item):
    """The line of a row as it is written."""
    run = Store(tmp_path / "other").open(question())
    run.append(of, item)
    return (tmp_path / "other" / "a1.jsonl").read_bytes().splitlines(keepends=True)[-1]


def test_rows_come_back_exactly_and_only_a_finished_run_is_complete(tmp_path):
    run = Store(tmp_path).open(question())
    assert not run.complete and run.rows(FactRow) == {} and not list(tmp_path.iterdir())
    run.append("x", row(0))
    run.append("y", row(1))
    again = Store(tmp_path).open(question(created="2027-01-01T00:00:00+00:00"))
    assert again.provenance == run.provenance  # the first asker's
    rows = again.rows(FactRow)
    assert list(rows) == ["x", "y"] and rows["y"].old_answer == "Paris \u2028 é"
    np.testing.assert_array_equal(rows["x"].values["product/mlp"], [1 / 3, np.nan, 0])
    assert rows["x"].values["nll-old"].shape == () and rows["x"].cost == row(0).cost
    assert not again.complete
    run.finish()
    assert again.complete
    assert again.stored(rows=2, reused=2).from_store and not again.stored(rows=2, reused=1).from_store


@pytest.mark.parametrize("cut", [2, 3, 20])
def test_a_half_written_last_line_is_dropped_and_does_not_swallow_the_next(tmp_path, cut):
    run = Store(tmp_path).open(question())
    run.append("x", row(0))
    run.append("y", row(1))
    path = tmp_path / "a1.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert list(run.rows(FactRow)) == ["x"]
    run.append("y", row(1))
    run.append("z", row(2))
    assert list(run.rows(FactRow)) == ["x", "y", "z"]


def test_a_last_line_that_lacks_only_its_newline_counts(tmp_path):
    run = Store(tmp_path).open(question())
    run.append("x", row(0))
    path = tmp_path / "a1.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    run.append("y", row(1))
    assert list(run.rows(FactRow)) == ["x", "y"]


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"7\n", b"{}\n", b'{"of": "x", "row": {"record": 1}}\n', b"\n"])
def test_lines_that_are_no_row_of_this_type_are_left_out(tmp_path, line):
    run = Store(tmp_path).open(question())
    run.append("w", row(0))
    with open(tmp_path / "a1.jsonl", "ab") as file:
        file.write(line)
    run.append("x", row(1))
    assert list(run.rows(FactRow)) == ["w", "x"] and run.rows(FactRow)["x"].record == 1


def test_the_first_of_two_rows_for_one_fact_counts(tmp_path):
    run = Store(tmp_path).open(question())
    run.append("x", row(0))
    append_rows(tmp_path / "a1.jsonl", {"x": row(5)})  # as an earlier version wrote it
    assert [item.record for item in run.rows(FactRow).values()] == [0]


def test_an_unreadable_run_is_none(tmp_path):
    store = Store(tmp_path)
    store.open(question()).append("x", row(0))
    assert store.find("a1") is not None and store.find("b2") is None
    (tmp_path / "a1.json").write_text('{"key": "a1"')
    assert store.find("a1") is None


def test_a_run_deleted_meanwhile_is_whole_again_after_the_next_row(tmp_path):
    run = Store(tmp_path).open(question())
    run.append("x", row(0))
    assert list(run.rows(FactRow)) == ["x"]
    for path in tmp_path.glob("a1.*"):
        path.unlink()
    assert run.rows(FactRow) == {}
    run.append("y", row(1))
    assert list(Store(tmp_path).find("a1").rows(FactRow)) == ["y"]


def test_only_what_was_added_is_parsed(tmp_path, monkeypatch):
    parsed = []
    from_json = pydantic_core.from_json
    monkeypatch.setattr(pydantic_core, "from_json", lambda line: (parsed.append(line), from_json(line))[1])
    run = Store(tmp_path).open(question())
    for number in range(3):
        run.append(f"{number}", row(number))
        assert list(Store(tmp_path).open(question()).rows(FactRow)) == [f"{i}" for i in range(number + 1)]
    assert len(parsed) == 3


def test_the_stamp_says_whether_there_is_something_new(tmp_path):
    run = Store(tmp_path).open(question())
    stamps = [run.stamp]
    for number in range(3):
        run.append(f"x{number}", row(number))
        assert Store(tmp_path).open(question()).stamp == run.stamp
        stamps.append(run.stamp)
    assert stamps[0] is None and len(set(stamps)) == 4


def test_a_line_is_read_when_it_is_whole(tmp_path):
    run = Store(tmp_path).open(question())
    run.append("x", row(0))
    path = tmp_path / "a1.jsonl"
    line = line_of(tmp_path, "y", row(0))
    for size in (1, 30, len(line) - 1):
        with open(path, "ab") as file:
            file.write(line[:size])
        assert list(run.rows(FactRow)) == ["x"]
        with open(path, "rb+") as file:
            file.truncate(len(line))
    with open(path, "ab") as file:
        file.write(line)
    assert list(run.rows(FactRow)) == ["x", "y"]


def test_a_file_written_anew_is_read_anew(tmp_path):
    run = Store(tmp_path).open(question())
    run.append("x", row(0))
    run.append("y", row(1, size=5))
    assert list(run.rows(FactRow)) == ["x", "y"]
    path = tmp_path / "a1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[::-1], line_of(tmp_path, "z", row(1))]))
    assert list(run.rows(FactRow)) == ["y", "x", "z"]


def test_threads_share_a_run(tmp_path):
    run = Store(tmp_path).open(question())
    seen = []

    def read():
        while len(run.rows(FactRow)) < 40:
            seen.append(list(run.rows(FactRow)))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(40):
        run.append(f"{number}", row(number))
    for reader in readers:
        reader.join(600)
        assert not reader.is_alive()
    assert all(names == [f"{i}" for i in range(len(names))] for names in seen)


def test_a_key_cannot_leave_the_store(tmp_path):
    (tmp_path / "outside.json").write_text(question().to_json())
    store = Store(tmp_path / "runs")
    with pytest.raises(LgaError):
        store.find("../outside")


def _append_many(root, start, barrier) -> None:
    run = Store(root).open(question())
    barrier.wait(600)
    for number in range(25):
        run.append(f"{start + number}", row(start + number, size=400))


def test_two_processes_share_one_run(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=_append_many, args=(tmp_path, start, barrier)) for start in (0, 15)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(600)
    assert [worker.exitcode for worker in workers] == [0, 0]
    rows = Store(tmp_path).open(question()).rows(FactRow)
    assert {name: rows[name].record for name in rows} == {str(number): number for number in range(40)}
    assert len((tmp_path / "a1.jsonl").read_bytes().splitlines()) == 40  # none torn, none twice


@contextmanager
def disk_of(size):
    """Limits how large a file may grow: the system's own refusal, as on a full disk.

    Never open outside of a test's own steps: the limit holds for pytest's own output too, where that is a file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_named_and_loses_nothing(tmp_path):
    run = Store(tmp_path).open(question())
    run.append("x", row(0))
    size = (tmp_path / "a1.jsonl").stat().st_size
    with disk_of(size + 100), pytest.raises(LgaError) as failure:
        run.append("y", row(1))
    assert "cannot be used" in failure.value.cause and "LGA_HOME" in failure.value.hint
    assert (tmp_path / "a1.jsonl").stat().st_size == size
    assert list(run.rows(FactRow)) == ["x"]
    run.append("y", row(1))
    assert list(run.rows(FactRow)) == ["x", "y"]


def test_a_disk_that_is_full_from_the_start_leaves_no_half_run(tmp_path):
    with disk_of(50), pytest.raises(LgaError):
        Store(tmp_path).open(question()).append("x", row(0))
    assert [path.name for path in tmp_path.iterdir()] in ([], ["store.lock"])


def test_a_store_that_is_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(LgaError, match="runs"):
        Store(tmp_path / "runs").open(question()).append("x", row(0))
