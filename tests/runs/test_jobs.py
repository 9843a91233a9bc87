"""Jobs: every way in which one can end, what its poller sees meanwhile, and joining instead of starting twice."""

import logging
import threading
import time

import pytest

from lga_core.errors import LgaError
from lga_core.results import Progress
from lga_core.runs.jobs import Job, JobRegistry


class StopScript(BaseException):
    """Like Streamlit's StopException: no Exception."""


class Steps:
    """A generator of `total` steps that records what happened to it; `gate` holds it before each step."""

    def __init__(self, total: int, *, fail_at: int | None = None, error: BaseException | None = None) -> None:
        self.total, self.fail_at, self.error = total, fail_at, error
        self.rows: list[int] = []
        self.closed = False
        self.gate = threading.Semaphore(0)

    def __call__(self):
        try:
            for step in range(self.total):
                assert self.gate.acquire(timeout=10)
                if step == self.fail_at:
                    raise self.error
                self.rows.append(step)
                yield Progress(label="rows", done=step + 1, total=self.total)
            return "answer"
        finally:
            self.closed = True

    def open(self, steps: int) -> None:
        self.gate.release(steps)


def until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_finished_job_has_its_result_and_a_full_bar():
    steps = Steps(3)
    steps.open(3)
    job = Job("Scoring", steps)
    assert job.wait(10)
    shot = job.snapshot()
    assert (job.result, job.error, shot.state, shot.fraction, shot.left) == ("answer", None, "finished", 1.0, None)
    assert (shot.title, shot.label, shot.done, shot.total) == ("Scoring", "rows", 3, 3)
    assert steps.closed and not job.alive


def test_elapsed_stops_with_the_job():
    steps = Steps(0)
    job = Job("Scoring", steps)
    assert job.wait(10)
    before = job.snapshot().elapsed
    time.sleep(0.02)
    assert job.snapshot().elapsed == before


def test_cancel_takes_effect_at_the_next_step_and_keeps_what_is_finished():
    steps = Steps(5)
    job = Job("Scoring", steps)
    steps.open(2)
    until(lambda: job.snapshot().done == 2)
    job.cancel()
    assert job.alive and job.cancelling
    steps.open(1)
    assert job.wait(10)
    assert (job.snapshot().state, steps.rows, steps.closed) == ("cancelled", [0, 1, 2], True)
    assert job.result is None and job.error is None


@pytest.mark.parametrize("fail_at", [0, 1, 3])
@pytest.mark.parametrize(
    ("error", "cause", "mend"),
    [
        pytest.param(LgaError("No layers.", mend="Name one."), "No layers.", "Name one.", id="known"),
        pytest.param(ValueError("odd"), "(ValueError: odd)", "log (lga_core.runs.jobs)", id="unexpected"),
        pytest.param(StopScript("stop"), "(StopScript: stop)", "log (lga_core.runs.jobs)", id="BaseException"),
        pytest.param(MemoryError(), "memory", "smaller model", id="memory"),
    ],
)
def test_a_failure_at_any_step_is_explained_and_closes_the_steps(fail_at, error, cause, mend):
    steps = Steps(4, fail_at=fail_at, error=error)
    steps.open(4)
    job = Job("Scoring", steps)
    assert job.wait(10)
    assert job.snapshot().state == "failed" and steps.closed and steps.rows == list(range(fail_at))
    assert cause in job.error.cause and mend in job.error.mend


def test_the_traceback_of_an_unexpected_failure_is_logged_and_that_of_a_known_one_is_not(caplog):
    with caplog.at_level(logging.ERROR):
        for error in (LgaError("known", mend="mend"), ZeroDivisionError("unexpected")):
            steps = Steps(1, fail_at=0, error=error)
            steps.open(1)
            assert Job("Scoring", steps).wait(10)
    assert "ZeroDivisionError" in caplog.text and "known" not in caplog.text


def test_steps_that_cannot_even_be_made_fail_the_job():
    def make():
        raise LgaError("Gone.", mend="Look again.")

    job = Job("Scoring", make)
    assert job.wait(10)
    assert job.snapshot().state == "failed" and job.error.cause == "Gone."


def test_an_abandoned_job_cancels_itself_and_a_watched_one_does_not():
    abandoned, watched, patient = Steps(3), Steps(3), Steps(3)
    jobs = [Job("a", abandoned, grace=0.05), Job("w", watched, grace=0.05), Job("p", patient, grace=None)]
    time.sleep(0.1)
    jobs[1].touch()
    for steps in (abandoned, watched, patient):
        steps.open(3)
    assert all(job.wait(10) for job in jobs)
    assert [job.snapshot().state for job in jobs] == ["cancelled", "finished", "finished"]
    assert abandoned.rows == [0] and abandoned.closed


def test_seconds_left_follow_the_step_rate_and_start_anew_with_each_phase():
    gate = threading.Semaphore(0)

    def steps():
        for label, done in (("survey", 9), ("scores", 20), ("scores", 21), ("scores", 22)):
            yield Progress(label=label, done=done, total=42)
            if done < 22:
                time.sleep(0.05)
        assert gate.acquire(timeout=10)

    job = Job("Scoring", steps)
    until(lambda: job.snapshot().label == "survey")
    assert job.snapshot().left is None                      # one sample is no rate
    until(lambda: job.snapshot().done == 22)
    left = job.snapshot().left
    assert 0.8 <= left <= 4.0                               # 20 more at about 0.05 s; 9 and 20 of others do not count
    time.sleep(0.3)
    assert job.snapshot().left > left + 1                   # a stalled step shows
    gate.release()
    assert job.wait(10)


def test_a_running_question_is_joined_and_an_ended_or_dying_one_is_started_again():
    registry, steps = JobRegistry(), Steps(2)
    first = registry.start("question", "Scoring", steps)
    assert registry.start("question", "Scoring", steps) is first
    other = registry.start("other", "Scoring", Steps(0))
    assert other is not first
    assert first in registry.running()
    first.cancel()
    second = registry.start("question", "Scoring", Steps(0))
    assert second is not first and registry.get("question") is second
    steps.open(2)
    assert first.wait(10) and second.wait(10)
    assert registry.start("question", "Scoring", Steps(0)) is not second


def test_the_registry_keeps_few_ended_jobs_and_every_running_one():
    registry, running = JobRegistry(), Steps(1)
    job = registry.start("running", "Scoring", running)
    for number in range(40):
        assert registry.start(number, "Scoring", Steps(0)).wait(10)
    kept = [number for number in range(40) if registry.get(number)]
    assert kept == list(range(40 - len(kept), 40)) and 10 <= len(kept) <= 20
    registry.forget("running")
    assert registry.get("running") is job
    running.open(1)
    assert job.wait(10)
    registry.forget("running")
    assert registry.get("running") is None
