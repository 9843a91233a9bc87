"""What a tab keeps: its jobs and its trial edits, and what is let go of."""

from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request
from pages._ui.session.state import TRIALS_KEPT, Kept


def made(number: int) -> Job:
    return Job(number, "Scoring", Request(model="tiny"))


def test_a_job_that_was_put_aside_is_let_go_of_once_it_has_ended():
    tab, first, second, third = Kept(), made(1), made(2), made(3)
    for job in (first, second):
        tab.keep_job("score", job)
    assert list(tab.jobs.values()) == [first, second], "the first one still runs"
    first.end("finished")
    second.end("finished")
    assert tab.jobs["score"] is second
    tab.keep_job("score", third)
    assert list(tab.jobs.values()) == [third]


def test_a_trial_that_is_opened_does_not_hide_the_one_that_runs_nor_what_it_says_at_its_end():
    tab, running, opened, later = Kept(), made(1), made(0), made(0)
    tab.add_trial(running)
    opened.end("finished")
    tab.add_trial(opened)
    assert tab.trials == [opened, running]
    running.end("finished")
    later.end("finished")
    tab.add_trial(later)
    assert tab.trials == [opened, running, later]


def test_only_the_last_trials_are_kept():
    tab = Kept()
    jobs = [made(number) for number in range(TRIALS_KEPT + 2)]
    for job in jobs:
        job.end("finished")
        tab.add_trial(job)
    assert tab.trials == jobs[2:]
