"""The engine's process: it holds the models, runs the jobs, and writes what they finish to the store.

Each job is a thread; they take turns between steps (`turns`). The process ends when the server's end of the pipe does.
Started as `python -m lga_core.service.process.engine FILE_DESCRIPTOR` by `link.Link`.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from lga_core.errors import LgaError, explained
from lga_core.progress import Cancelled, Phase, Progress
from lga_core.service.process.freed_memory import FreedMemory
from lga_core.service.process.messages import Alive, Cancel, Ended, InMemory, Reported, Shown, Submit, Waiting
from lga_core.service.process.turns import Turn, Turns

ALIVE_SECONDS = 1.0
LAST_SECONDS = 10.0  # jobs are given to remove what they have half written, when the server is gone
LAST_CHECK_SECONDS = 0.02
REPORT_SECONDS = 0.1  # progress of the same phase is told at most that often
IN_LOG = "The full traceback is in the program's log; finished rows are kept, so start again."

log = logging.getLogger(__name__)


def main(connection: Connection) -> None:
    """Serve one server process until its end of the pipe closes; then leave soon, whatever the jobs are doing."""
    for name in ("SIGINT", "SIGHUP"):  # Ctrl-C in the terminal and its end are the server's: the pipe closes with it
        if hasattr(signal, name):  # Windows has no terminal that hangs up
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    engine = Engine(connection)
    engine.serve()
    engine.end_jobs(LAST_SECONDS)
    os._exit(0)  # a job thread may be inside torch for longer: the store bears it


class Engine:
    """Receives requests, runs each in a thread, sends what it has to tell."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self.turns = Turns()
        self._jobs: dict[int, RunningJob] = {}
        self.freed_memory = FreedMemory()
        self._ready = threading.Event()
        self._desk: Any = None  # work.desk.Desk, once torch is imported
        self.failure: BaseException | None = None  # why no job can be done here

    def serve(self) -> None:
        """The process's main loop."""
        threading.Thread(target=self._tell_alive, name="alive", daemon=True).start()
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):  # the server is gone
                return
            if isinstance(message, Submit):
                job = self._jobs[message.job] = RunningJob(message, self)
                job.start()
            elif isinstance(message, Cancel) and message.job in self._jobs:
                self._jobs[message.job].cancel()

    def end_jobs(self, seconds: float) -> None:
        """Cancel all jobs, and wait that long at most until they have cleaned up: no half-written folder is left."""
        limit = time.monotonic() + seconds
        for job in list(self._jobs.values()):
            job.cancel()
        while self._jobs and time.monotonic() < limit:
            time.sleep(LAST_CHECK_SECONDS)

    def send(self, message: Any) -> None:
        """Tell the server. One that is gone needs to hear nothing: the main loop ends the process."""
        with self._sending:
            try:
                self._connection.send(message)
            except OSError:
                log.info("The server is gone.")

    def desk(self) -> Any:
        """The models in memory, once torch is imported. Raises what kept it from being so."""
        self._ready.wait()
        if self.failure is not None:
            raise self.failure
        return self._desk

    def note_failure(self, error: BaseException) -> None:
        """Where a card is lost to this process, the jobs after this one fail at once, and the process ends."""
        if self.failure is None and self._desk is not None:
            from lga_core.models.running.halving import lost_device  # with torch, which is imported by now

            self.failure = error if lost_device(error) else None

    def forget(self, job: int) -> bool:
        """The job has told its end; whether it was the last one."""
        self._jobs.pop(job, None)
        return not self._jobs

    def _prepare(self) -> None:
        """Import torch, which takes seconds, while the first page is read."""
        try:
            from lga_core.service.work.desk import Desk, machine

            self.send(machine())
            self._desk = Desk(on_model=lambda name: self.send(InMemory(model=name)))
        except BaseException as error:  # each job says so, else none would ever end
            log.exception("The engine cannot begin.")
            self.failure = error
        self._ready.set()

    def _tell_alive(self) -> None:
        while True:
            self.send(Alive())
            time.sleep(ALIVE_SECONDS)


class RunningJob:
    """One request in a thread of its own."""

    def __init__(self, submitted: Submit, engine: Engine) -> None:
        self._id = submitted.job
        self._title = submitted.title
        self._request = submitted.request
        self._engine = engine
        self._turn = Turn(title=submitted.title, interactive=submitted.request.interactive)
        self._cancel = threading.Event()
        self._last: tuple[Progress, float] | None = None
        self._holds = False
        self._away = False
        self._outside = False  # in `without_turn`

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"job {self._id}: {self._title}", daemon=True).start()

    def cancel(self) -> None:
        self._cancel.set()

    def report(self, progress: Progress) -> None:
        """The reporter of this job: tells the server, and lets other jobs compute when it is their turn.

        A job that waits for what is computed elsewhere has no turn: another job of this engine may compute just that.
        """
        self.check()
        if self._worth_telling(progress):
            self._engine.send(Reported(job=self._id, progress=progress))
        if self._outside:
            return
        if progress.phase is Phase.ELSEWHERE and progress.done < progress.total:
            self._engine.turns.give(self._turn)
            self._away = True
        elif self._away:
            self._away = False
            self._take_turn()
        elif not self._holds and self._engine.turns.is_due(self._turn):
            self._engine.turns.give(self._turn)
            self._engine.freed_memory.give_back_now_and_then()
            self._take_turn()

    def check(self) -> None:
        """Raise Cancelled where this job has been cancelled."""
        if self._cancel.is_set():
            raise Cancelled(self._title)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep the turn, whatever waits: while a model is being loaded, no other one is."""
        self._holds = True
        try:
            yield
        finally:
            self._holds = False

    @contextmanager
    def without_turn(self, *, last: bool = False) -> Iterator[None]:
        """Let the others compute meanwhile, as during a download; afterwards this job waits for its turn.

        `last`: it does not, for nothing is left to compute.
        """
        self._engine.turns.give(self._turn)
        self._outside = True
        try:
            yield
        finally:
            self._outside = last
        if not last:
            self._take_turn()

    def publish(self, value: Any) -> None:
        """Show something before the job's end."""
        self._engine.send(Shown(job=self._id, value=value))

    def _run(self) -> None:
        try:
            result = self._perform()
            ended = Ended(job=self._id, state="finished", result=result)
        except Cancelled:
            ended = Ended(job=self._id, state="cancelled")
        except BaseException as error:  # a thread's end is the job's end, whatever it was
            log.exception("The job %r failed.", self._title)
            ended = self._failed(error)
            self._engine.note_failure(error)
        finally:
            self._engine.turns.give(self._turn)
        try:
            self._engine.send(ended)
        except Exception as error:  # a result that cannot be sent must not leave the job without an end
            log.exception("The end of the job %r cannot be told.", self._title)
            self._engine.send(self._failed(error))
        self._engine.freed_memory.give_back()
        if self._engine.forget(self._id) and self._engine.failure is not None:
            os._exit(1)  # the next request starts another process

    def _failed(self, error: BaseException) -> Ended:
        told = explained(self._title, error, hint=IN_LOG)
        # A new one: the error's traceback holds this thread's tensors for as long as the error is held.
        return Ended(job=self._id, state="failed", error=LgaError(told.cause, hint=told.hint))

    def _perform(self) -> Any:
        from lga_core.service.work import perform

        desk = self._engine.desk()
        self._take_turn()
        return perform(desk, self._request, self)

    def _take_turn(self) -> None:
        self._engine.turns.take(
            self._turn, self.check, lambda behind: self._engine.send(Waiting(job=self._id, behind=behind))
        )

    def _worth_telling(self, progress: Progress) -> bool:
        now = time.monotonic()
        if self._last is not None:
            before, when = self._last
            same = (before.phase, before.detail) == (progress.phase, progress.detail)
            if same and now - when < REPORT_SECONDS and progress.done < progress.total:
                return False
        self._last = progress, now
        return True


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
