"""The commits that names of hub data sets stand for, each asked for once in a while: keys of runs need them often."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

from lga_core.errors import LgaError

ASK_AGAIN_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class _Answer:
    commit: str | None
    asked: float  # time.monotonic()


def remembered_commit(repo: str, revision: str | None, ask: Callable[[], str | None]) -> str | None:
    """What `ask` says, or said a short while ago; where it fails, what it said last. Raises its LgaError at first."""
    answers = _answers()
    last = answers.get((repo, revision))
    if last is not None and time.monotonic() - last.asked < ASK_AGAIN_SECONDS:
        return last.commit
    try:
        commit = ask()
    except LgaError:
        if last is None:
            raise
        commit = last.commit  # a network that fails for a moment must not end hours of work
    answers[repo, revision] = _Answer(commit=commit, asked=time.monotonic())
    return commit


@functools.cache
def _answers() -> dict[tuple[str, str | None], _Answer]:
    return {}
