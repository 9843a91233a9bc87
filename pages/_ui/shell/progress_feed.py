"""How far jobs are, told over HTTP: a page follows a job without a run of its script.

Each such run, however small, costs the browser a sixth of a second of a core, which is the engine's too.
"""

import asyncio
import time
from typing import Any
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lga_core.progress import IN_BYTES
from lga_core.service.process.jobs import Job, Snapshot
from lga_core.view.words.sentences import time_left
from lga_core.view.words.text import count
from pages._ui.shell.engine import engine

LONGEST_SECONDS = 1.0  # after it an unchanged stage is told too, with how far it is
LOOK_SECONDS = 0.1
OVER = "over"
MEGABYTE = 1e6
_followed: WeakValueDictionary[str, Job] = WeakValueDictionary()


def follow(job: Job) -> dict[str, Any]:
    """How far this job is now, with the ticket by which the browser asks for more. Nobody can guess a ticket."""
    _followed[job.ticket] = job
    return {"ticket": job.ticket, "title": job.title, **state_of(job)}


def state_of(job: Job) -> dict[str, Any]:
    """How far it is.

    `mark` is another one for each stage, and `shown` each time that there is something new to show; both are OVER in
    the end.
    """
    snapshot = job.snapshot()
    phase, shown = job.stage
    return {
        "mark": f"{'' if phase is None else phase.name} {shown}" if job.alive else OVER,
        "shown": str(shown) if job.alive else OVER,
        "fraction": snapshot.fraction,
        "words": how_far(snapshot),
    }


async def answer(request: Request) -> Response:
    """The state of a job, as soon as it is at another stage than the one that the browser has heard of."""
    job = _followed.get(request.path_params["ticket"])
    if job is None:
        return Response(status_code=404)
    heard = request.query_params.get("heard")
    job.touch()
    until = time.monotonic() + LONGEST_SECONDS
    while state_of(job)["mark"] == heard and time.monotonic() < until:
        await asyncio.sleep(LOOK_SECONDS)
    return JSONResponse(state_of(job), headers={"cache-control": "no-store"})


# Under any path: where the server has a base path, Streamlit's own addresses have it and this one is asked beside them.
ROUTE = Route("/{base:path}job-progress/{ticket}", answer)


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
