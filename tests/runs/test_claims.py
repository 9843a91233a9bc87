"""Processes and threads with one store: each row is computed by one of them at a time, and nothing waits for ever."""

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lga_core.progress import Cancelled, Phase, Progress, silent
from lga_core.results import KnownFactCheck
from lga_core.runs import claims
from lga_core.runs.claims import claimed
from lga_core.runs.storage.store import Run, Store
from tests.runs.writing import check, question

SECONDS = 600
LOCKS = Path("/proc/locks")
CONTENDERS, ROUNDS, ROWS = 6, 10, 6
spawn = multiprocessing.get_context("spawn")


def compute(root, begun, end) -> None:
    """Another process that holds the claim until it may store its row."""
    run = Store(root).open(question())
    with claimed(run, ["fact"], silent) as ours:
        assert ours
        begun.set()
        end.wait(SECONDS)
        run.append("fact", check(1))


def compute_beating(root, begun, end) -> None:
    """The same with more signs of life."""
    claims.BEAT_SECONDS = 0.05
    compute(root, begun, end)


@pytest.fixture
def other(tmp_path) -> Iterator[tuple]:
    """The process, and what ends its work."""
    begun, end = spawn.Event(), spawn.Event()
    process = spawn.Process(target=compute, args=(tmp_path, begun, end))
    process.start()
    assert begun.wait(SECONDS)
    yield process, end
    process.kill()
    process.join()


def test_the_second_waits_says_so_and_finds_the_row(tmp_path, other):
    run, told = Store(tmp_path).open(question()), []
    with claimed(run, ["fact", "another fact"], told.append) as ours:
        assert ours == {"another fact"} and not told, "what is free is computed first"

    def report(step: Progress) -> None:
        told.append((step.phase, step.done))
        other[1].set()

    with claimed(run, ["fact"], report) as ours:
        assert set(told) == {(Phase.ELSEWHERE, 0), (Phase.ELSEWHERE, 1)} and told[-1][1] == 1
        assert run.rows(KnownFactCheck) == {"fact": check(1)}


def test_who_waits_can_be_cancelled(tmp_path, other):
    def report(step: Progress) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled), claimed(Store(tmp_path).open(question()), ["fact"], report):
        pytest.fail("it did not wait")


def test_a_killed_process_holds_nothing(tmp_path, other):
    other[0].kill()
    other[0].join()
    told = []
    with claimed(Store(tmp_path).open(question()), ["fact"], told.append) as ours:
        assert ours and not told


def test_nobody_waits_for_one_that_gives_no_sign_of_life(tmp_path, other, monkeypatch):
    os.kill(other[0].pid, signal.SIGSTOP)
    monkeypatch.setattr(claims, "STALLED_SECONDS", 2.0)
    told = []
    with claimed(Store(tmp_path).open(question()), ["fact"], told.append) as ours:
        assert ours and told and other[0].is_alive()


def test_who_waits_for_one_without_a_sign_of_life_does_not_take_its_own_for_one(tmp_path, other, monkeypatch):
    """It holds a claim of its own meanwhile, as the engine does for another job."""
    os.kill(other[0].pid, signal.SIGSTOP)
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(claims, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(claims, "STALLED_SECONDS", 2.0)
    looks = []

    def report(step: Progress) -> None:
        looks.append(step)
        assert len(looks) < 1000, "it waits for ever"

    run = Store(tmp_path).open(question())
    with claimed(run, ["another fact"], silent) as own, claimed(run, ["fact"], report) as ours:
        assert own and ours and looks and other[0].is_alive()


def test_one_of_another_process_that_lives_is_waited_for_while_this_one_holds_claims(tmp_path, monkeypatch):
    for name in ("BEAT_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(claims, name, 0.02)
    monkeypatch.setattr(claims, "STALLED_SECONDS", 6.0)
    begun, end = spawn.Event(), spawn.Event()
    process = spawn.Process(target=compute_beating, args=(tmp_path, begun, end))
    process.start()
    assert begun.wait(SECONDS)
    run, start = Store(tmp_path).open(question()), time.monotonic()

    def report(step: Progress) -> None:
        if time.monotonic() - start > 9.0:  # longer than one without a sign of life is waited for
            end.set()

    with claimed(run, ["another fact"], silent), claimed(run, ["fact"], report):
        assert end.is_set() and "fact" in run.rows(KnownFactCheck)
    process.join(SECONDS)


def test_one_that_lives_is_waited_for_though_its_row_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(claims, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(claims, "STALLED_SECONDS", 2.0)
    run, start, enough = Store(tmp_path).open(question()), time.monotonic(), threading.Event()

    def report(step: Progress) -> None:
        if time.monotonic() - start > 3.0:  # longer than one without a sign of life is waited for
            enough.set()

    def hold() -> None:
        with claimed(run, ["fact"], silent):
            begun.set()
            enough.wait(SECONDS)
            run.append("fact", check(1))

    begun = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(SECONDS)
    with claimed(run, ["fact"], report):
        assert enough.is_set() and "fact" in run.rows(KnownFactCheck)
    holder.join()


def contend(root, number) -> None:
    """Compute all rows of run after run that are left; each computed row is told beside the store."""
    for round_ in range(ROUNDS):
        run = Store(root).open(question(f"r{round_}"))
        names = [str((row + number) % ROWS) for row in range(ROWS)][: ROWS - number % 3]  # they overlap, and differ
        left = set(names)
        while left := left - run.rows(KnownFactCheck).keys():
            with claimed(run, left, silent) as ours:
                for name in ours - run.rows(KnownFactCheck).keys():
                    with open(root / f"r{round_}.computed", "a") as told:
                        told.write(f"{name}\n")
                    run.append(name, check(int(name)))
            left -= ours


def test_many_processes_compute_and_store_each_row_once(tmp_path, monkeypatch):
    processes = [spawn.Process(target=contend, args=(tmp_path, number)) for number in range(CONTENDERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
        assert process.exitcode == 0
    for round_ in range(ROUNDS):
        run = Store(tmp_path).open(question(f"r{round_}"))
        assert sorted((tmp_path / f"r{round_}.computed").read_text().split()) == [str(row) for row in range(ROWS)]
        assert lines(run) == run.notes.rows == ROWS


def lines(run: Run) -> int:
    return len((run.store.root / f"{run.provenance.key}.jsonl").read_bytes().splitlines())


def test_threads_of_one_process_are_kept_from_one_another(tmp_path):
    run, told = Store(tmp_path).open(question()), []

    def report(step: Progress) -> None:
        raise Cancelled("it waits")

    with claimed(run, ["fact"], told.append) as ours:
        with claimed(run, ["fact", "other"], told.append) as free:
            assert (ours, free, told) == ({"fact"}, {"other"}, [])
        with pytest.raises(Cancelled), claimed(run, ["fact"], report):
            pytest.fail("it did not wait")
    with claimed(run, ["fact"], told.append) as ours:
        assert ours and not told


@pytest.mark.skipif(not LOCKS.exists(), reason="this system does not list its locks")
def test_no_file_holds_many_of_the_locks_of_thousands_of_rows(tmp_path):
    """At each call the system goes through all of a file's: one file would take it the square of their number."""
    rows = 5000
    with claimed(Store(tmp_path).open(question()), [str(row) for row in range(rows)], silent) as ours:
        files = Counter(line.split()[5].rsplit(":", 1)[1] for line in LOCKS.read_text().splitlines())
        held = [files[str(file.stat().st_ino)] for file in (tmp_path / "claims").glob("*.lock")]
        assert len(ours) == sum(held) == rows and max(held) < 2 * rows / claims.FILES
        assert len(os.listdir("/proc/self/fd")) < 2 * claims.FILES


def test_what_is_given_back_is_free_for_other_processes_while_the_rest_is_held(tmp_path):
    run = Store(tmp_path).open(question())
    names = [str(row) for row in range(300)]
    with claimed(run, names[:200], silent):
        with claimed(run, names, silent) as rest:
            assert rest == set(names[200:])
            assert taken_elsewhere(tmp_path, names) == set()
        assert taken_elsewhere(tmp_path, names) == set(names[200:])
    assert taken_elsewhere(tmp_path, names) == set(names)


def taken_elsewhere(root, names: list[str]) -> set[str]:
    """What another process can claim at once."""
    with spawn.Pool(1) as pool:
        return pool.apply(take_now, (root, names))


def take_now(root, names: list[str]) -> set[str]:
    def report(step: Progress) -> None:
        raise Cancelled("it waits")

    with suppress(Cancelled), claimed(Store(root).open(question()), names, report) as ours:
        return set(ours)
    return set()


def test_a_row_that_is_there_is_not_stored_again(tmp_path):
    run = Store(tmp_path).open(question())
    run.append("fact", check(1))
    Store(tmp_path).open(question()).extend({"fact": check(2), "other": check(3)})
    assert run.rows(KnownFactCheck) == {"fact": check(1), "other": check(3)}
    assert lines(run) == run.notes.rows == 2
