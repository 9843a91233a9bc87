"""Waiting for news of a job, as the page's poll does between two steps of the bar."""

import pytest

from lga_core.progress import Phase, Progress
from lga_core.service.process.jobs import Job, came
from lga_core.service.requests import LoadRequest

LONG = 60.0  # seconds; more than any of these waits takes


def test_the_wait_ends_with_the_news():
    job = Job(1, "It", LoadRequest(model="tiny"))
    assert came(lambda: not job.alive, LONG, lambda: job.end("finished"))


def test_a_stage_is_a_phase_or_something_shown():
    job = Job(1, "It", LoadRequest(model="tiny"))
    stages = [job.stage]
    for done in (0, 1):
        job.report(Progress(phase=Phase.LGA, done=done, total=2))
        stages.append(job.stage)
    job.report(Progress(phase=Phase.FORECAST, done=0, total=2))
    stages.append(job.stage)
    for shown in ("the first numbers", "the texts"):
        job.show(shown)
        stages.append(job.stage)
    assert stages[1] == stages[2] and len(set(stages)) == 5


def test_news_that_is_there_is_not_waited_for():
    assert came(lambda: True, LONG, lambda: pytest.fail("it was waited for"))


def test_the_wait_is_given_up():
    looks = []
    assert not came(lambda: looks.append("a look"), 0.3, lambda: None)
    assert len(looks) > 1


def test_the_wait_gives_way():
    with pytest.raises(InterruptedError):
        came(lambda: False, LONG, _click)


def _click() -> None:
    raise InterruptedError
