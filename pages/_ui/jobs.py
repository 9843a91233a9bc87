"""Long work: starts jobs, and shows in the sidebar how far they are, how long they take and how to stop them."""

from collections.abc import Callable, Hashable

import streamlit as st

from lga_core.runs.jobs import Job, JobRegistry, Snapshot, Steps
from lga_core.view.names import METHOD_TITLES
from lga_core.view.text import count
from lga_core.view.words import time_left
from pages._ui.state import session
from pages._ui.text import safe

POLL_SECONDS = 0.5
MANY = 100_000                               # steps: those are bytes
_PHASES = {
    "": "Starting",
    "survey": "Asking the model",
    "known facts": "Looking for known facts",
    "gradients": "LGA",
    "trace-mlp": METHOD_TITLES["cma-mlp"],
    "trace-hidden": METHOD_TITLES["cma-hidden"],
    "trace-attn": METHOD_TITLES["cma-attn"],
    "gradxact": METHOD_TITLES["gradxact"],
    "ig": METHOD_TITLES["ig"],
    "forecast": METHOD_TITLES["forecast"],
    "sweep": "Sweep",
}
_COUNTED = {*_PHASES} - {"", "sweep"}        # phases whose steps are facts; a sweep's are edits


@st.cache_resource(show_spinner=False)
def registry() -> JobRegistry:
    """All jobs of this server: two sessions with one question share one job."""
    return JobRegistry()


def start(area: str, key: Hashable, title: str, make_steps: Callable[[], Steps]) -> None:
    """Start a job for a part of the app ("score", "trace", "edit"), or join the one that runs with that key."""
    memory = session()
    memory.jobs[area] = registry().start((area, key), title, make_steps)
    memory.labels.pop(area, None)


def last_job(area: str) -> Job | None:
    """The job that this session started last for that part of the app."""
    return session().jobs.get(area)


def is_running(area: str) -> bool:
    job = last_job(area)
    return job is not None and job.alive


def progress_panel() -> None:
    """Every running job of this session. Polls itself; the whole page runs again when a phase or a job ends."""
    memory = session()
    for area, job in memory.jobs.items():
        memory.labels[area] = job.snapshot().label
        job.touch()
    live = any(job.alive for job in memory.jobs.values())

    @st.fragment(run_every=POLL_SECONDS if live else None, key="job_poll")
    def poll() -> None:
        running = {area: job for area, job in memory.jobs.items() if job.alive}
        for area, job in running.items():
            job.touch()
            _show(area, job)
        turned = any(job.snapshot().label != memory.labels.get(area) for area, job in running.items())
        if (live and len(running) < sum(area in shown for area in memory.jobs)) or turned:
            st.rerun()

    shown = {area for area, job in memory.jobs.items() if job.alive}
    poll()


def _show(area: str, job: Job) -> None:
    snapshot = job.snapshot()
    with st.container(key=f"job_{area}", gap="xsmall"):
        st.progress(snapshot.fraction, text=f"**{safe(job.title)}**  \n{safe(_phase(snapshot))}")
        words = "Stopping after this step" if job.cancelling else "Cancel"
        st.button(words, key=f"cancel_{area}", on_click=job.cancel, disabled=job.cancelling, icon=":material/close:",
                  help="Finished steps are kept; the same question goes on from there.")


def _phase(snapshot: Snapshot) -> str:
    """ "CMA, MLP · 21 of 32 facts · 9 s left". """
    parts = [_PHASES.get(snapshot.label, snapshot.label)]
    if snapshot.total >= MANY:
        parts.append(f"{snapshot.done / 1e6:,.0f} of {snapshot.total / 1e6:,.0f} MB")
    elif snapshot.label in _COUNTED:
        parts.append(f"{snapshot.done} of {count(snapshot.total, 'fact')}")
    elif snapshot.label.startswith(("sweep", "race")):
        parts.append(f"{snapshot.done:,} of {count(snapshot.total, 'edit')}")
    elif snapshot.total > 1:
        parts.append(f"{snapshot.done} of {snapshot.total}")
    return " · ".join(filter(None, [*parts, time_left(snapshot.left)]))
