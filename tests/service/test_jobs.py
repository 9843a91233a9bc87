"""A job as pages see it: waiting for a phase that is about to end."""

import pytest

from lga_core.progress import Phase, Progress
from lga_core.service.process.jobs import Job, phase_ended
from lga_core.service.requests import LoadRequest

LONG = 60.0  # seconds; more than any of these waits takes


def at(*steps: int, total: int) -> Job:
    """A job that has told these steps of its first phase, one right after the other."""
    job = Job(1, "It", LoadRequest(model="tiny"))
    for done in steps:
        job.report(Progress(phase=Phase.LGA, done=done, total=total))
    return job


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda job: job.report(Progress(phase=Phase.FORECAST, done=0, total=3)), id="the next phase"),
        pytest.param(lambda job: job.end("finished"), id="the end"),
        pytest.param(lambda job: job.end("cancelled"), id="cancelled"),
    ],
)
def test_a_phase_that_is_about_to_end_is_waited_for(end):
    job = at(1, 9, total=10)
    assert phase_ended([job], LONG, lambda: end(job))


def test_one_of_several_jobs_is_enough():
    first, second = at(1, 9, total=10), at(1, 9, total=10)
    assert phase_ended([first, second], LONG, lambda: second.end("finished"))


@pytest.mark.parametrize(
    ("jobs", "seconds"),
    [
        pytest.param([], LONG, id="no job"),
        pytest.param([at(1, total=10)], LONG, id="its rate is not known"),
        pytest.param([at(1, 2, total=10**12)], 0.5, id="it takes longer"),
        pytest.param([Job(1, "It", LoadRequest(model="tiny"))], LONG, id="it has not begun"),
    ],
)
def test_nothing_else_is_waited_for(jobs: list[Job], seconds: float):
    assert not phase_ended(jobs, seconds, lambda: pytest.fail("it was waited for"))


def test_the_wait_is_given_up_and_gives_way():
    assert not phase_ended([at(1, 9, total=10)], 0.1, lambda: None)
    with pytest.raises(InterruptedError):
        phase_ended([at(1, 9, total=10)], LONG, _click)


def _click() -> None:
    raise InterruptedError
