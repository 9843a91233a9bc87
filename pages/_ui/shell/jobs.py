"""The jobs of this tab: what runs now, how far it is, how long it takes and how to stop it.

The bars follow their jobs by themselves. The whole page runs again when a job has ended, or when something came that
the page waits for.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import streamlit as st

from lga_core.results import Origin
from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request
from pages._ui.session.state import Question, kept, session
from pages._ui.shell.elements import act_button, button
from pages._ui.shell.engine import engine
from pages._ui.shell.progress_bar import progress_bar


def start(area: str, request: Request, title: str, question: Question | None = None) -> Job:
    """Start a job for a part of the app ("score", "trace", "edit"), or join the work that another tab has asked for.

    `question`: what asks for it, where that is not what the sidebar asks now.
    """
    question = question or session().question
    if question is not None:
        request = replace(request, origin=Origin(question=asdict(question)))
    tab = kept()
    job = engine().start(request, title, tab.id)
    tab.keep_job(area, job)  # nothing of Streamlit's in between, which may end this run of the page
    return job


def start_once(area: str, request: Request, title: str) -> Job | None:
    """Start the job; None where one of this area runs: a second click was faster than the page."""
    return None if is_running(area) else start(area, request, title)


def start_button(
    label: str, icon: str, area: str, request: Request, title: str, *, key: str, disabled: bool = False, **look: Any
) -> None:
    """Starts `request` under `title`; disabled while a job of this `area` runs."""
    off = disabled or is_running(area)
    act_button(label, key, start_once, area, request, title, icon=icon, disabled=off, **look)


def last_job(area: str, model: str | None = None) -> Job | None:
    """The job that this tab started last for that part of the app. `model`: where it is about that one."""
    job = kept().jobs.get(area)
    return None if job is None or model not in (None, job.request.model) else job


def last_job_of(area: str, request: Request) -> Job | None:
    """The same, where it is of this very request: what is told of another one does not belong on its page."""
    job = last_job(area)
    return job if job is not None and job.request == request else None


def started_last(*areas: str) -> str | None:
    """Which of these parts of the app this tab has started a job for last."""
    return next((area for area in reversed(kept().jobs) if area in areas), None)


def is_running(area: str) -> bool:
    job = last_job(area)
    return job is not None and job.alive


def redraw_when(holds: Callable[[], bool]) -> None:
    """Run the whole page again once this holds. Looked at when a job begins another phase or shows something."""
    session().redraw_when.append(holds)


def progress_panel() -> None:
    """Every running job of this tab. Drawn before the page, which then says what it waits for."""
    session().redraw_when.clear()
    jobs = kept().jobs
    shown = {area: job for area, job in jobs.items() if job.alive}
    heard = [job.stage for job in shown.values()]

    def news() -> bool:
        """Whether there is something new for the page."""
        nonlocal heard
        if any(not job.alive for job in shown.values()):
            return True
        before, heard = heard, [job.stage for job in shown.values()]
        return heard != before and any(holds() for holds in session().redraw_when)

    whole_page = True

    @st.fragment(key="job_bars")
    def bars() -> None:
        """Runs again when a bar has heard of another stage."""
        nonlocal whole_page
        for area in sorted(shown):
            shown[area].touch()
            _show(area, shown[area])
        if not whole_page and news():
            st.rerun()
        whole_page = False  # from now on

    bars()


def _show(area: str, job: Job) -> None:
    with st.container(key=f"job_{area}", gap="xsmall"):
        progress_bar(job, f"bar_{area}_{job.number}")
        words = "Stopping" if job.cancelling else "Cancel"
        about = "Finished steps are kept; the same question goes on from there."
        cancel = engine().cancel
        button(words, f"cancel_{area}", cancel, job, icon="close", disabled=job.cancelling, help=about)
