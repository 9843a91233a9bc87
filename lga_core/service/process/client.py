"""The server's side of the engine: starts the process when it is first needed, hands it requests, keeps the jobs.

Where the engine dies or no longer answers, each of its jobs ends with one message; the next request starts a new one.
"""

import itertools
import logging
import subprocess
import threading
import time
from typing import Any

from lga_core.errors import LgaError
from lga_core.service.process import machine
from lga_core.service.process.jobs import Job
from lga_core.service.process.link import Link
from lga_core.service.process.messages import Cancel, Ended, InMemory, Machine, Reported, Shown, Submit, Waiting
from lga_core.service.requests import Request

CANCEL_SECONDS = 1.5  # a step that takes longer is left behind: a job that only stores counts as cancelled
SILENT_SECONDS = 60.0  # without a sign of life the engine counts as hung and is killed
GRACE_SECONDS = 120.0  # a job that nobody has looked at for so long is cancelled
PAUSE_SECONDS = 5.0
NO_ROOM = "Close other programs, or choose a smaller model: the machine may have no memory or no process left."

log = logging.getLogger(__name__)


class EngineClient:
    """One engine process for this server, and the jobs that were given to it. Thread-safe.

    `grace`: seconds after which a job that no page looks at is cancelled; None: never. `silent`: seconds without a sign
    of life after which the engine counts as hung.
    """

    def __init__(self, *, grace: float | None = GRACE_SECONDS, silent: float = SILENT_SECONDS) -> None:
        self._grace = grace
        self.silent = silent
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._jobs: list[Job] = []  # live ones; those of one number are one piece of work that several have asked for
        self._link: Link | None = None
        self.model: str | None = None  # name of the one that the engine has in memory

    @property
    def process(self) -> subprocess.Popen | None:
        """The engine's process, where one is running."""
        link = self._link
        return link.process if link is not None and link.process.poll() is None else None

    def warm_up(self) -> None:
        """Start the process, so that torch is imported by the time it is needed."""
        with self._lock:
            self._linked()

    def start(self, request: Request, title: str, asker: str = "") -> Job:
        """Hand a request to the engine. Where an equal one is being worked on, nothing is done twice.

        The same asker gets the same job then, another one a job of its own, which it can cancel for itself.
        """
        with self._lock:
            same = [job for job in self.running() if job.request == request and not job.cancelling]
            own = next((job for job in same if job.asker == asker), None)
            if own is not None:
                own.touch()
                return own
            number = same[0].number if same else next(self._numbers)
            job = Job(number, title, request, asker)
            self._jobs.append(job)
            if same:
                job.catch_up(same[0])
                return job
            try:
                link = self._linked()
            except (OSError, RuntimeError) as error:  # no room for a process, or for a thread
                job.end("failed", error=LgaError(f"{title}: no engine process can be started: {error}.", hint=NO_ROOM))
                return job
            link.jobs.add(number)
            link.send(Submit(job=number, title=title, request=request))
            return job

    def find(self, request: Request) -> Job | None:
        """A live job of an equal request, if there is one."""
        return next((job for job in self.running() if job.request == request and not job.cancelling), None)

    def cancel(self, job: Job) -> None:
        """End it at its next step; what earlier steps finished stays finished. Others who asked the same go on."""
        with self._lock:
            if not job.alive or job.cancelling:
                return
            job.cancelled_at = time.monotonic()
            if any(other.number == job.number and not other.cancelling for other in self.running()):
                job.end("cancelled")
            elif self._link is not None and job.number in self._link.jobs:  # else its process is dead, and it ends
                self._link.send(Cancel(job=job.number))

    def running(self) -> tuple[Job, ...]:
        """The live jobs. One that has ended is let go here: its result is for those who asked."""
        with self._lock:
            self._jobs = [job for job in self._jobs if job.alive]
            return tuple(self._jobs)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._link is not None:
                self._link.kill()

    def _linked(self) -> Link:
        if self._link is None or not self._link.open:
            self._link = Link(self)
        return self._link

    # What the link's thread calls.

    def receive(self, link: Link, message: Any) -> None:
        """Put what an engine says into the jobs that it is about."""
        if isinstance(message, Machine):
            machine.remember(message)
            return
        if isinstance(message, InMemory):
            with self._lock:
                if self._link is link:
                    self.model = message.model
            return
        with self._lock:  # who joins the work meanwhile must not miss its end
            for job in self.running():
                if job.number == message.job:
                    _tell(job, message)

    def look_after(self, link: Link) -> None:
        """Cancel what nobody looks at, let go of steps that do not end, kill an engine that gives no sign of life."""
        now = time.monotonic()
        if now - link.checked > PAUSE_SECONDS:  # this process itself was stopped meanwhile: the engine is not to blame
            link.heard = now
            for job in self.running():  # and nobody who looks at a job is away
                job.touch()
        link.checked = now
        for job in self.running():
            if self._grace is not None and job.untouched > self._grace:
                self.cancel(job)
            overdue = job.cancelled_at is not None and now - job.cancelled_at > CANCEL_SECONDS
            if overdue and job.request.only_stores:
                job.end("cancelled")
        if now - link.heard > self.silent and not link.is_starved():
            log.error("The engine gave no sign of life for %.0f seconds and is stopped.", self.silent)
            link.kill()
            self.lost(link, f"did not answer for {self.silent:.0f} seconds and was stopped")

    def lost(self, link: Link, what: str) -> None:
        """The process is gone: its jobs end, each with the same message. Another one may have been started by now."""
        with self._lock:
            if self._link is link:
                self._link = None
                self.model = None
            for job in self.running():
                if job.number not in link.jobs:
                    continue
                if job.cancelled_at is not None:
                    job.end("cancelled")
                    continue
                job.end(
                    "failed",
                    error=LgaError(
                        f"{job.title}: the engine process {what}.",
                        hint="Finished steps are kept: start it again and it goes on from there. If that happens "
                        "again, take a smaller model or fewer facts: the memory may not be enough.",
                    ),
                )


def _tell(job: Job, message: Any) -> None:
    if isinstance(message, Reported):
        job.report(message.progress)
    elif isinstance(message, Waiting):
        job.waits(message.behind)
    elif isinstance(message, Shown):
        job.show(message.value)
    elif isinstance(message, Ended):
        job.end(message.state, result=message.result, error=message.error)
