"""The commits that names of hub data sets stand for, each asked for once in a while: keys of runs need them often."""

import functools
import time
from collections.abc import Callable

from lga_core.errors import LgaError

ASK_AGAIN_SECONDS = 300.0


def remembered_commit(repo: str, revision: str | None, ask: Callable[[], str | None]) -> str | None:
    """What `ask` says, or said a short while ago; where it fails, what it said last. Raises its LgaError at first."""
    answers = _answers()
    last = answers.get((repo, revision))
    if last is not None and time.monotonic() - last[1] < ASK_AGAIN_SECONDS:
        return last[0]
    try:
        commit = ask()
    except LgaError:
        if last is None:
            raise
        commit = last[0]  # a network that fails for a moment must not end hours of work
    answers[repo, revision] = commit, time.monotonic()
    return commit


@functools.cache
def _answers() -> dict[tuple[str, str | None], tuple[str | None, float]]:
    """Repository and revision -> the commit, and when it was asked for (time.monotonic())."""
    return {}
