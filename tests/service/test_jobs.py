"""A job as pages see it: its stages."""

from lga_core.progress import Phase, Progress
from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request


def test_a_stage_is_a_phase_or_something_shown():
    job = Job(1, "It", Request(model="tiny"))
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
