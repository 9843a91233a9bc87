"""What is recorded about a stored run beside its rows, and what a replay of one said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lga_core.results.base import Cost, Result


@dataclass(frozen=True, kw_only=True)
class Origin(Result):
    """Who asked for a run, so that it can be asked again."""

    question: Mapping[str, Any] = field(default_factory=dict)  # the sidebar's: model, facts, limit, seed, known_only, …
    command: str | None = None  # the command line; None: a page asked


@dataclass(frozen=True, kw_only=True)
class RunNotes(Result):
    """Kept beside a run's rows and changed as they come; runs of earlier versions have none."""

    title: str | None = None  # the name that a user gave it
    rows: int | None = None  # that were written; None: an earlier version wrote some, uncounted
    seconds: float | None = None  # of computing, summed over the rows
    origins: tuple[Origin, ...] = ()  # the last one first


@dataclass(frozen=True, kw_only=True)
class FactList(Result):
    """Facts in the order in which they were asked about."""

    facts: tuple[tuple[int, str], ...]  # (record, fingerprint)


@dataclass(frozen=True, kw_only=True)
class ReplayReport(Result):
    """A stored run beside the same run computed again."""

    run: str  # its key
    equal: bool  # no difference is larger than the tolerance, and no row is missing
    largest_difference: float  # 0: identical to the last digit
    where: str | None  # the row and the value with the largest difference; None: there is none
    tolerance: float  # of numbers, as a share of the largest value beside them; texts must be identical
    rows: int  # compared
    differing_texts: int  # texts, counts and missing values that are not the same
    machine: str  # on which the run was stored
    machine_now: str
    cost: Cost = Cost()  # of computing it again
    outdated: int = 0  # stored rows that were not compared: an earlier version measured them in another way
