"""The jobs of this tab: what runs now, how far it is, how long it takes and how to stop it.

Every few seconds the bar alone is drawn again. The whole page runs again when a job has ended, or when something came
that the page waits for.
"""

from collections.abc import Callable
from dataclasses import asdict, replace

import streamlit as st

from lga_core.progress import IN_BYTES
from lga_core.results import Origin
from lga_core.service.process.jobs import Job, Snapshot, came
from lga_core.service.requests import Request
from lga_core.view.words.sentences import time_left
from lga_core.view.words.text import count
from pages._ui.session.state import kept, session
from pages._ui.shell.engine import engine
from pages._ui.shell.text import safe

# Each step of the bar takes the browser a sixth of a second of the engine's cores, a whole page more than two seconds.
POLL_SECONDS = 2.0  # while short work is waited for
LONG_POLL_SECONDS = 3.0
WAIT_SECONDS = 1.5  # of them for what the page waits for; a click on Cancel is answered after it
# An animation wakes the browser 60 times a second. On the engine's own cores each time stops a thread that the others
# then wait for: with Streamlit's animations a trial edit took 34 s, without them 28 s (2 cores, SmolLM2).
CALM = "<style>* { animation: none !important; transition: none !important; }</style>"
MEGABYTE = 1e6


def start(area: str, request: Request, title: str) -> Job:
    """Start a job for a part of the app ("score", "trace", "edit"), or join the work that another tab has asked for."""
    question = session().question
    if question is not None:
        request = replace(request, origin=Origin(question=asdict(question)))
    job = engine().start(request, title, kept().id)
    kept().keep_job(area, job)
    return job


def last_job(area: str, model: str | None = None) -> Job | None:
    """The job that this tab started last for that part of the app. `model`: where it is about that one."""
    job = kept().jobs.get(area)
    return None if job is None or model not in (None, job.request.model) else job


def last_job_of(area: str, request: Request) -> Job | None:
    """The same, where it is of this very request: what is told of another one does not belong on its page."""
    job = last_job(area)
    return job if job is not None and job.request == request else None


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
    if shown:
        st.html(CALM)
    short = any(job.request.interactive for job in shown.values())
    seconds = POLL_SECONDS if short else LONG_POLL_SECONDS

    heard = [job.stage for job in shown.values()]

    def news() -> bool:
        """Whether there is something new for the page."""
        nonlocal heard
        if any(not job.alive for job in shown.values()):
            return True
        before, heard = heard, [job.stage for job in shown.values()]
        return heard != before and any(holds() for holds in session().redraw_when)

    looked = 0

    @st.fragment(run_every=seconds if shown else None, key="job_poll")
    def poll() -> None:
        nonlocal looked
        looked += 1
        for area in sorted(shown):
            shown[area].touch()
            _show(area, shown[area])
        whole_page = looked == 1  # it is being drawn: nothing is new to it
        # Reading the session lets Streamlit end this run for a click elsewhere.
        if not whole_page and came(news, WAIT_SECONDS, session):
            st.rerun()

    poll()


def _show(area: str, job: Job) -> None:
    snapshot = job.snapshot()
    with st.container(key=f"job_{area}", gap="xsmall"):
        st.progress(snapshot.fraction, text=f"**{safe(job.title)}**  \n{safe(how_far(snapshot))}")
        words = "Stopping" if job.cancelling else "Cancel"
        st.button(
            words,
            key=f"cancel_{area}",
            on_click=engine().cancel,
            args=(job,),
            disabled=job.cancelling,
            icon=":material/close:",
            help="Finished steps are kept; the same question goes on from there.",
        )


def how_far(snapshot: Snapshot) -> str:
    """How far a job is, in one line: "CMA, MLP · 21 of 32 facts · 9 s left"."""
    progress = snapshot.progress
    if snapshot.state == "waiting":
        return f"Waiting for “{snapshot.behind}”"
    if progress is None:
        return "Starting the engine" if engine().model is None else "Starting"
    parts: list[str | None] = [progress.phase.value]
    if progress.phase in IN_BYTES:
        if progress.total >= MEGABYTE:
            parts.append(f"{progress.done / MEGABYTE:,.0f} of {progress.total / MEGABYTE:,.0f} MB")
    elif progress.counted:
        parts.append(f"{progress.done:,} of {count(progress.total, progress.counted)}")
    elif progress.total > 1:
        parts.append(f"{progress.done:,} of {progress.total:,}")
    return " · ".join(filter(None, [*parts, progress.detail, time_left(snapshot.left)]))
