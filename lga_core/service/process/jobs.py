"""A job as the server's process sees it: how far it is, how long it takes, what came out. It runs in the engine."""

import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from lga_core.errors import LgaError
from lga_core.progress import Phase, Progress
from lga_core.service.requests import Request

State = Literal["starting", "waiting", "running", "finished", "cancelled", "failed"]
RATE_SECONDS = 30.0  # the time left is told from the steps of the last half minute


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a job looks like at one moment."""

    state: State
    progress: Progress | None  # None until the first step is finished
    behind: str  # while it waits: the title of the job that computes
    left: float | None  # seconds for the rest of this phase; None while no rate is known

    @property
    def fraction(self) -> float:
        if self.progress is None or self.progress.total <= 0:
            return 0.0
        return min(self.progress.done / self.progress.total, 1.0)


class Job:
    """One request that was given to the engine. Filled by the client's receiving thread, read by pages.

    `number`: of the engine's work; `asker`: who asked, so that each of several can let go of it.
    """

    def __init__(self, number: int, title: str, request: Request, asker: str = "") -> None:
        self.number = number
        self.title = title
        self.request = request
        self.asker = asker
        self.ticket = secrets.token_urlsafe(24)  # by which its progress is asked for
        self.result: Any = None
        self.published: Any = None  # the last thing that it showed before its end
        self.error: LgaError | None = None
        self.cancelled_at: float | None = None
        self._state: State = "starting"
        self._behind = ""
        self._progress: Progress | None = None
        self._shown = 0  # how often it has shown something
        self._recent: deque[tuple[float, int]] = deque()  # (time, steps done) of this phase's last RATE_SECONDS
        self._touched = time.monotonic()
        self._ended: float | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()

    @classmethod
    def answered(cls, title: str, request: Request, result: Any) -> "Job":
        """A job that needed no engine: its result was stored."""
        job = cls(0, title, request)
        job.end("finished", result=result)
        return job

    @property
    def alive(self) -> bool:
        return not self._over.is_set()

    @property
    def cancelling(self) -> bool:
        return self.alive and self.cancelled_at is not None

    @property
    def untouched(self) -> float:
        """Seconds since somebody last looked at this job."""
        return time.monotonic() - self._touched

    @property
    def stage(self) -> tuple[Phase | None, int]:
        """Another one each time that it begins a phase, or has shown something."""
        progress = self._progress
        return (None if progress is None else progress.phase), self._shown

    def touch(self) -> None:
        """Somebody still looks at this job."""
        self._touched = time.monotonic()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the job has ended; False where `timeout` seconds were not enough."""
        return self._over.wait(timeout)

    def snapshot(self) -> Snapshot:
        with self._lock:
            now = self._ended or time.monotonic()
            return Snapshot(
                state=self._state,
                progress=self._progress,
                behind=self._behind,
                left=self._seconds_left(now),
            )

    def catch_up(self, other: "Job") -> None:
        """Begin where another job of the same work is."""
        with other._lock:
            self._state = other._state
            self._behind = other._behind
            self._progress = other._progress
            self.published = other.published

    def report(self, progress: Progress) -> None:
        """The engine has finished a step of it."""
        now = time.monotonic()
        with self._lock:
            before = self._progress
            self._progress = progress
            self._state = "running"
            same = before is not None and (before.phase, before.total) == (progress.phase, progress.total)
            if not same or progress.done < before.done:
                self._recent.clear()
            self._recent.append((now, progress.done))
            while len(self._recent) > 2 and now - self._recent[1][0] > RATE_SECONDS:
                self._recent.popleft()

    def show(self, value: Any) -> None:
        """The engine has something to show before the end."""
        with self._lock:
            self.published = value
            self._shown += 1

    def waits(self, behind: str) -> None:
        """The engine lets another job go first."""
        with self._lock:
            self._state = "waiting"
            self._behind = behind

    def end(self, state: State, *, result: Any = None, error: LgaError | None = None) -> None:
        """The first end counts."""
        with self._lock:
            if self._over.is_set():
                return
            self.result = result
            self.error = error
            self._state = state
            self._ended = time.monotonic()
            self._over.set()

    def _seconds_left(self, now: float) -> float | None:
        if not self.alive or not self._recent or self._progress is None:
            return None
        since, already = self._recent[0]
        gained = self._progress.done - already
        if gained <= 0:
            return None
        # up to now, not to the last step: steps of one batch end together, and a stalled step lets the estimate grow
        return max(self._progress.total - self._progress.done, 0) * (now - since) / gained
