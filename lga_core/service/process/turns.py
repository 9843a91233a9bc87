"""Which job computes now: one at a time, short interactive ones first, long ones in turn.

A job computes while it has the turn, and may lose it between two steps. Two jobs at once would slow each other down
many times over on the same cores.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SLICE_SECONDS = 2.0  # a job keeps the turn this long while others of its kind wait
CHECK_SECONDS = 0.05


@dataclass(eq=False, kw_only=True)
class Turn:
    """One job's place in the queue."""

    title: str
    interactive: bool
    since: float = field(default_factory=time.monotonic)  # when it began to wait, or to compute


class Turns:
    """The queue. `check` is called while a job waits and may raise, which takes the job out of it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._current: Turn | None = None
        self._waiting: list[Turn] = []

    def take(self, turn: Turn, check: Callable[[], None], on_wait: Callable[[str], None]) -> None:
        """Wait for the turn. `on_wait(title)`: the title of the job that is computing, told once."""
        with self._changed:
            turn.since = time.monotonic()
            self._waiting.append(turn)
            announced = False
            try:
                while self._current is not None or self._next() is not turn:
                    if not announced and self._current is not None:
                        on_wait(self._current.title)
                        announced = True
                    self._changed.wait(CHECK_SECONDS)
                    check()
            finally:
                self._waiting.remove(turn)
            self._current = turn
            turn.since = time.monotonic()

    def give(self, turn: Turn) -> None:
        """End the turn, where this job has it."""
        with self._changed:
            if self._current is turn:
                self._current = None
                self._changed.notify_all()

    def is_due(self, turn: Turn) -> bool:
        """Whether the job that computes should let another one go on: a more urgent one, or one of its kind in turn."""
        with self._changed:
            if any(other.interactive and not turn.interactive for other in self._waiting):
                return True
            equal = any(other.interactive == turn.interactive for other in self._waiting)
            return equal and time.monotonic() - turn.since > SLICE_SECONDS

    def _next(self) -> Turn:
        """The waiting job that goes first: interactive before long, then the one that waits longest."""
        return min(self._waiting, key=lambda turn: (not turn.interactive, turn.since))
