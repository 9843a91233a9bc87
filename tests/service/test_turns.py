"""Who computes when: one at a time, short work first, long work in turn, and a cancelled job leaves the queue."""

import threading
import time

import pytest

from lga_core.progress import Cancelled
from lga_core.service.process import turns as module
from lga_core.service.process.turns import Turn, Turns

SECONDS = 120.0


class Worker:
    """A thread that computes `steps` steps, each while it has the turn, and notes them in a shared list."""

    def __init__(self, turns: Turns, title: str, steps: int, log: list[str], *, interactive: bool = False) -> None:
        self._turns = turns
        self._turn = Turn(title=title, interactive=interactive)
        self._steps = steps
        self._log = log
        self.cancel = threading.Event()
        self.waited_for: list[str] = []
        self.cancelled = False
        self.begun = threading.Event()
        self.go_on = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Worker":
        self._thread.start()
        return self

    def join(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def _check(self) -> None:
        if self.cancel.is_set():
            raise Cancelled

    def _take(self) -> None:
        self._turns.take(self._turn, self._check, self.waited_for.append)

    def _run(self) -> None:
        try:
            self._take()
            self.begun.set()
            for _ in range(self._steps):
                assert self.go_on.acquire(timeout=SECONDS)
                self._log.append(self._turn.title)
                if self._turns.is_due(self._turn):
                    self._turns.give(self._turn)
                    self._take()
        except Cancelled:
            self.cancelled = True
        finally:
            self._turns.give(self._turn)


def wait_until(holds) -> None:
    limit = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_short_work_goes_ahead_of_long_work_which_goes_on_afterwards():
    turns, log = Turns(), []
    long = Worker(turns, "long", 3, log).start()
    assert long.begun.wait(SECONDS)
    short = Worker(turns, "short", 1, log, interactive=True).start()
    wait_until(lambda: short.waited_for)
    assert short.waited_for == ["long"] and not short.begun.is_set()
    long.go_on.release()
    assert short.begun.wait(SECONDS)
    short.go_on.release()
    short.join()
    long.go_on.release(2)
    long.join()
    assert log == ["long", "short", "long", "long"]


def test_long_work_never_takes_the_turn_from_short_work():
    turns, log = Turns(), []
    short = Worker(turns, "short", 2, log, interactive=True).start()
    assert short.begun.wait(SECONDS)
    long = Worker(turns, "long", 1, log).start()
    wait_until(lambda: long.waited_for)
    short.go_on.release(2)
    short.join()
    long.go_on.release()
    long.join()
    assert log == ["short", "short", "long"]


def test_equal_work_takes_turns_when_a_slice_is_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    turns, log = Turns(), []
    first = Worker(turns, "first", 2, log).start()
    assert first.begun.wait(SECONDS)
    second = Worker(turns, "second", 2, log).start()
    wait_until(lambda: second.waited_for)
    for number, worker in enumerate((first, second, first, second), start=1):
        worker.go_on.release()
        wait_until(lambda number=number: len(log) == number)
    first.join()
    second.join()
    assert log == ["first", "second", "first", "second"]


def test_a_job_that_is_cancelled_while_it_waits_leaves_the_queue():
    turns, log = Turns(), []
    first = Worker(turns, "first", 1, log).start()
    assert first.begun.wait(SECONDS)
    second = Worker(turns, "second", 1, log).start()
    wait_until(lambda: second.waited_for)
    second.cancel.set()
    second.join()
    assert second.cancelled
    third = Worker(turns, "third", 1, log).start()
    first.go_on.release()
    assert third.begun.wait(SECONDS)
    third.go_on.release()
    third.join()
    first.join()
    assert log == ["first", "third"]
