"""Two processes with one store: an equal question is computed by one of them at a time, and nothing waits for ever."""

import multiprocessing
from collections.abc import Iterator

import pytest

from lga_core.progress import Cancelled, Phase, Progress, silent
from lga_core.results import KnownFactCheck
from lga_core.runs import claims
from lga_core.runs.claims import claimed
from lga_core.runs.storage.store import Store
from tests.runs.writing import check, question

SECONDS = 60
spawn = multiprocessing.get_context("spawn")


def compute(root, begun, end) -> None:
    """Another process that holds the claim until it may store its row."""
    run = Store(root).open(question())
    with claimed(run, ["fact"], silent):
        begun.set()
        end.wait(SECONDS)
        run.append("fact", check(1))


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
    with claimed(run, ["another fact"], told.append):
        assert not told, "another question waits for nobody"

    def report(step: Progress) -> None:
        told.append(step.phase)
        other[1].set()

    with claimed(run, ["fact"], report):
        assert set(told) == {Phase.ELSEWHERE}
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
    with claimed(Store(tmp_path).open(question()), ["fact"], told.append):
        assert not told


def test_nobody_waits_for_one_that_stores_nothing(tmp_path, other, monkeypatch):
    monkeypatch.setattr(claims, "STALLED_SECONDS", 0.3)
    told = []
    with claimed(Store(tmp_path).open(question()), ["fact"], told.append):
        assert told and other[0].is_alive()


def test_threads_of_one_process_do_not_wait_for_each_other(tmp_path):
    run, told = Store(tmp_path).open(question()), []
    with claimed(run, ["fact"], told.append), claimed(run, ["fact"], told.append):
        assert not told
    assert not list((tmp_path / "claims").iterdir()), "nothing is left behind"
