"""The engine's process and the pipe to it, as the server's side has them."""

import logging
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Protocol

import psutil

from lga_core.resources import IMPORT_ROOT
from lga_core.service.process.messages import Alive

CHECK_SECONDS = 0.25
EXIT_SECONDS = 2.0  # a process whose pipe has closed is given to end
LEAST_SHARE, MOST_SHARE = 0.001, 0.5  # of a processor: what a process uses that is given too little time to speak

log = logging.getLogger(__name__)


class Listener(Protocol):
    """What a link tells, in its own thread."""

    def receive(self, link: "Link", message: Any) -> None:
        """The engine has said something."""

    def look_after(self, link: "Link") -> None:
        """Every `CHECK_SECONDS`, whether it has said something or not."""

    def lost(self, link: "Link", what: str) -> None:
        """The process is gone: how it ended, in words."""


class Link:
    """A process and the pipe to it, with the thread that listens and the one that sends.

    Both end when the process does. A process that does not read keeps only the sending thread waiting.

    Not multiprocessing's own process: that would run the server's main script, the dashboard, in the child.
    Raises OSError or RuntimeError where there is no room for the process or for its threads.
    """

    def __init__(self, listener: Listener) -> None:
        self._pipe, other = multiprocessing.Pipe()
        path = os.pathsep.join(filter(None, [str(IMPORT_ROOT), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lga_core.service.process.engine", str(other.fileno())],
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        other.close()  # so that the pipe ends when the process does
        self.jobs: set[int] = set()  # numbers of the work that this process was given
        self.heard = time.monotonic()
        self._used = 0.0  # seconds of processor time when it was last heard
        self.checked = self.heard
        self.open = True
        self._listener = listener
        self._unsent: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()  # None: the last one
        try:
            threading.Thread(target=self._send_all, args=(self._pipe,), name="engine sender", daemon=True).start()
            threading.Thread(target=self._listen, args=(self._pipe,), name="engine link", daemon=True).start()
        except RuntimeError:  # no room for a thread: a process that nobody listens to would live on
            self._unsent.put(None)
            self.kill()
            self._pipe.close()
            raise

    def send(self, message: Any) -> None:
        """Put a message behind those that are being sent; returns at once."""
        self._unsent.put(ForkingPickler.dumps(message))  # here: one that cannot be sent is its sender's error

    def kill(self) -> None:
        self.open = False
        self.process.kill()

    def is_starved(self) -> bool:
        """Whether a silent process only gets too little processor time to speak: it is then listened to anew.

        While it imports torch it speaks only between two libraries, which on a machine under load takes minutes. One
        that waits for ever uses no time, and one in an endless step as much as it can get.
        """
        used = _processor_seconds(self.process.pid)
        spent, silent = used - self._used, time.monotonic() - self.heard
        if not LEAST_SHARE < spent / silent < MOST_SHARE:
            return False
        self._heard()
        return True

    def _heard(self) -> None:
        self.heard = time.monotonic()
        self._used = _processor_seconds(self.process.pid)

    def _send_all(self, pipe: Connection) -> None:
        try:
            while (content := self._unsent.get()) is not None:
                pipe.send_bytes(content)
        except OSError:
            log.info("The engine is gone.")  # the listening thread says so to the jobs

    def _listen(self, pipe: Connection) -> None:
        try:
            while True:
                if pipe.poll(CHECK_SECONDS):
                    message = pipe.recv()
                    self._heard()
                    if not isinstance(message, Alive):
                        self._listener.receive(self, message)
                self._listener.look_after(self)
        except (EOFError, OSError):
            log.info("The engine's connection is closed.")
        finally:  # whatever it was: a job that nobody listens to would never end
            self.open = False
            self._unsent.put(None)
            self._listener.lost(self, self._how_it_ended())

    def _how_it_ended(self) -> str:
        try:
            code = self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "closed its connection"
        if code >= 0:
            return f"ended by itself (exit code {code})"
        return f"was ended by signal {-code}" + (", often for want of memory" if code == -9 else "")


def _processor_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:  # it has ended
        return 0.0
    return times.user + times.system
