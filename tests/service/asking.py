"""What the tests of the engine ask for, and how they wait."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from made_facts import make_fact

from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.progress import Phase
from lga_core.scores.methods import MEASUREMENTS
from lga_core.service.process.jobs import Job
from lga_core.service.requests import Need, ProxySet, ScoreRequest, SweepRequest

SECONDS = 900.0  # for what ends at once, on a machine that has much else to do
SUBJECTS = ("Space Needle", "Eiffel Tower", "Angela Merkel", "LeBron James", "Toyota", "Brazil", "Rome", "London")
EDIT = RRomeSettings(value=ValueSettings(steps=3), contexts=1, covariance="identity")


def proxy(count: int = 4, tag: str = "") -> ProxySet:
    facts = tuple(
        make_fact(number, f"The {subject} is in{tag}", subject, "Boston", "Seattle")
        for number, subject in enumerate(SUBJECTS[:count])
    )
    return ProxySet(name="eight", candidates=facts, limit=count)


def questions(folder: str) -> tuple[ScoreRequest, SweepRequest]:
    """Scores and a sweep of the same facts."""
    score = ScoreRequest(model=folder, proxy=proxy(8), needs=needs("gradients", "trace-mlp", "gradxact"))
    sweep = SweepRequest(model=folder, proxy=proxy(8), test=None, layers=(0, 1, 2, 3), editor="r-rome", settings=EDIT)
    return score, sweep


def needs(*names: str) -> tuple[Need, ...]:
    return tuple(Need(measurement=name, settings=MEASUREMENTS[name].settings()) for name in names)


def done(job: Job) -> Any:
    assert job.wait(SECONDS), f"{job.title} did not end: {job.snapshot()}"
    assert job.error is None, job.error
    assert job.snapshot().state == "finished"
    return job.result


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.01)


def long_request(folder: Path, tag: str = "", steps: int = 2000) -> SweepRequest:
    """Minutes of work on this model: a sweep of edits whose search does not stop early."""
    slow = dataclasses.replace(EDIT, value=dataclasses.replace(EDIT.value, steps=steps, stop_loss=0.0))
    return SweepRequest(
        model=str(folder), proxy=proxy(8, tag), test=None, layers=(0, 1, 2), editor="r-rome", settings=slow
    )


def working(job: Job, phase: Phase) -> None:
    """Waits until the job tells of this phase."""

    def there() -> bool:
        progress = job.snapshot().progress
        if progress is not None and progress.phase is phase:
            return True
        assert job.alive, f"{job.title} ended before it came to {phase}: {job.snapshot()}"
        return False

    until(there)
