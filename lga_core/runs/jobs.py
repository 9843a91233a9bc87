"""Long work in a background thread: progress to poll, time left, cancel, and one job for one question.

A job drains a generator that yields a Progress after each finished step. It knows nothing of models or of any UI.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from lga_core.errors import LgaError
from lga_core.results import Progress

State = Literal["running", "finished", "cancelled", "failed"]
Steps = Generator[Progress, None, Any]
GRACE_SECONDS = 120.0
RATE_SECONDS = 30.0
FINISHED_JOBS_KEPT = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a job looks like at one moment."""

    title: str
    state: State
    label: str                    # of the phase: "LGA", "v* at layer 11", …
    done: int
    total: int
    elapsed: float                # seconds since the start, until the end where it has ended
    left: float | None            # seconds for the rest of this phase; None while no rate is known

    @property
    def fraction(self) -> float:
        return min(self.done / self.total, 1.0) if self.total > 0 else 0.0


class Job:
    """One generator drained in a daemon thread, from construction on.

    `grace`: seconds after the last `touch()` from which on the job counts as abandoned and cancels itself at its
    next step; None: never.
    """

    def __init__(self, title: str, make_steps: Callable[[], Steps], *, grace: float | None = GRACE_SECONDS) -> None:
        self.title = title
        self.result: Any = None
        self.error: LgaError | None = None
        self._make_steps = make_steps
        self._grace = grace
        self._state: State = "running"
        self._progress = Progress(label="", done=0, total=0)
        self._recent: deque[tuple[float, int]] = deque()  # (time, steps done) of this phase's last RATE_SECONDS
        self._started = self._touched = time.monotonic()
        self._ended: float | None = None
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"job: {title}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._state == "running"

    @property
    def cancelling(self) -> bool:
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Stop at the next step; what earlier steps finished stays finished."""
        self._cancel.set()

    def touch(self) -> None:
        """Somebody still looks at this job."""
        self._touched = time.monotonic()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the job has ended; False when `timeout` seconds were not enough."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def snapshot(self) -> Snapshot:
        """Never blocks on a step."""
        with self._lock:
            now = self._ended or time.monotonic()
            progress, left = self._progress, self._seconds_left(now)
            return Snapshot(
                title=self.title, state=self._state, label=progress.label, done=progress.done, total=progress.total,
                elapsed=now - self._started, left=left,
            )

    def _seconds_left(self, now: float) -> float | None:
        if not self.alive or not self._recent:
            return None
        since, already = self._recent[0]
        gained = self._progress.done - already
        if gained <= 0:
            return None
        # up to now, not to the last step: steps of one batch end together, and a stalled step lets the estimate grow
        return max(self._progress.total - self._progress.done, 0) * (now - since) / gained

    def _run(self) -> None:
        state: State = "failed"
        try:
            state = self._drain()
        except LgaError as error:
            self.error = error
        except BaseException as error:  # a UI's stop signal is a BaseException; a thread's end is the job's end
            log.exception("The job %r failed.", self.title)
            self.error = explained(self.title, error, mend=f"The full traceback is in the program's log ({__name__}); "
                                                           "finished rows are kept, so start again.")
        finally:
            with self._lock:
                self._ended = time.monotonic()
                self._state = state

    def _drain(self) -> State:
        with closing(self._make_steps()) as steps:  # so that the steps' own finally blocks run, whatever ends this
            while True:
                try:
                    progress = next(steps)
                except StopIteration as end:
                    self.result = end.value
                    return "finished"
                self._note(progress)
                if self.cancelling or self._abandoned():
                    return "cancelled"

    def _abandoned(self) -> bool:
        return self._grace is not None and time.monotonic() - self._touched > self._grace

    def _note(self, progress: Progress) -> None:
        now = time.monotonic()
        with self._lock:
            before, self._progress = self._progress, progress
            if (before.label, before.total) != (progress.label, progress.total) or progress.done < before.done:
                self._recent.clear()
            self._recent.append((now, progress.done))
            while len(self._recent) > 2 and now - self._recent[1][0] > RATE_SECONDS:
                self._recent.popleft()


class JobRegistry:
    """The jobs of one app, by question: what already runs is joined, not started twice."""

    def __init__(self) -> None:
        self._jobs: dict[Hashable, Job] = {}
        self._lock = threading.Lock()

    def start(
        self, key: Hashable, title: str, make_steps: Callable[[], Steps], *, grace: float | None = GRACE_SECONDS
    ) -> Job:
        """The running job with this key, or a new one."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.alive and not job.cancelling:
                job.touch()
                return job
            self._jobs.pop(key, None)  # the newest goes to the end
            job = self._jobs[key] = Job(title, make_steps, grace=grace)
            ended = [key for key, job in self._jobs.items() if not job.alive]
            for old in ended[: max(len(ended) - FINISHED_JOBS_KEPT, 0)]:
                del self._jobs[old]
            return job

    def get(self, key: Hashable) -> Job | None:
        """The last job started with this key, running or ended."""
        return self._jobs.get(key)

    def running(self) -> tuple[Job, ...]:
        with self._lock:
            return tuple(job for job in self._jobs.values() if job.alive)

    def forget(self, key: Hashable) -> None:
        """Drop an ended job and its result; a running one stays."""
        with self._lock:
            if key in self._jobs and not self._jobs[key].alive:
                del self._jobs[key]


def explained(title: str, error: BaseException, *, mend: str) -> LgaError:
    """Any error as one that a user can be shown; `mend` is for those whose cause is not known."""
    if isinstance(error, LgaError):
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, without torch
        return LgaError(
            f"{title}: the memory of the machine was not enough.",
            mend="Take fewer facts or a smaller model, or close other work, then start again; finished rows are kept.",
        )
    what = f"{type(error).__name__}: {error}".strip().rstrip(":.")
    return LgaError(f"{title} stopped on an unexpected error ({what}).", mend=mend)
