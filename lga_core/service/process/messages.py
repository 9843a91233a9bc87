"""What the server's process and the engine's process tell each other: plain frozen objects over one pipe."""

from dataclasses import dataclass
from typing import Any, Literal

from lga_core.errors import LgaError
from lga_core.progress import Progress
from lga_core.service.requests import Request


@dataclass(frozen=True, kw_only=True)
class Submit:
    """Server to engine: run this."""

    job: int
    title: str
    request: Request


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Server to engine: end this job at its next step."""

    job: int


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Engine to server, once: torch is there, and this is what models run on by default."""

    device: str  # in words, as in a result's provenance
    dtype: str  # "torch.float32"


@dataclass(frozen=True, kw_only=True)
class InMemory:
    """Engine to server: this model is in memory now; None: none is."""

    model: str | None


@dataclass(frozen=True, kw_only=True)
class Alive:
    """Engine to server, every second: the process answers."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """Engine to server: a job finished a step."""

    job: int
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Engine to server: a job waits until another one lets it compute."""

    job: int
    behind: str  # title of that other job


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Engine to server: something to show while the job goes on (texts as they grow, a ledger after each edit)."""

    job: int
    value: Any


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Engine to server: the job's last word."""

    job: int
    state: Literal["finished", "cancelled", "failed"]
    result: Any = None
    error: LgaError | None = None
