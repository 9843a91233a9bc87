"""A race between a few layers: what every round saw, the layer that it names, how sure that is, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lga_core.results.base import Cost, Result, ShownResult
from lga_core.results.worth.picks import Estimate

Ending = Literal["one layer left", "no facts left", "budget"]


@dataclass(frozen=True, kw_only=True)
class Standing(Result):
    """One layer after a round, over the facts so far; percent and points, intervals at the race's error a comparison.

    Null where it cannot be had: an interval needs two facts.
    """

    layer: int
    mean: float | None  # Overall
    low: float | None
    high: float | None
    behind: float | None  # the leader's Overall − its own, fact by fact; 0 for the leader
    behind_low: float | None  # above 0: it is dropped, where the round could drop
    behind_high: float | None


@dataclass(frozen=True, kw_only=True)
class RaceRound(Result):
    """One block of facts at every layer that was left, and what came of it."""

    facts: int  # so far
    compared: int  # of them, the facts with an Overall at every layer left
    standings: tuple[Standing, ...]  # of the layers that ran in it, in the order of the ranking
    leader: int | None  # None: no fact has an Overall
    could_drop: bool  # enough facts for a layer to be dropped
    dropped: Mapping[int, str]  # layer -> why
    cells: int  # so far, of the whole race
    cost: Cost  # so far; what its cells took whenever they were measured

    @property
    def layers(self) -> tuple[int, ...]:
        return tuple(standing.layer for standing in self.standings)


@dataclass(frozen=True, kw_only=True)
class Race(ShownResult):
    """A race of the best layers of a ranking (METHOD.md §7)."""

    method: str  # whose ranking it is
    title: str
    settings: Mapping[str, Any]  # of the race
    candidates: tuple[int, ...]  # that raced, best of the ranking first
    layer: int  # named: the best mean of the layers left; without a fact the ranking's
    ending: Ending  # why it stopped
    left: tuple[int, ...]  # layers never dropped
    error: float  # of one comparison at one look: all of them together miss `confidence`
    looks: int  # planned rounds in which a layer can be dropped
    share: float | None  # of the bootstrap draws in which no layer beats the one named
    runner_up: int | None  # the nearest of the layers left, or of all where it is the only one
    lead: Estimate  # over the runner-up, points, on the facts that both have
    rounds: tuple[RaceRound, ...]
    records: tuple[int, ...]  # the facts used, in the order in which they came
    most_cells: int  # candidates × facts that there were
    ranking_cost: Cost  # within the budget, as the race's is
    cost: Cost  # of the race alone

    @property
    def cells(self) -> int:
        return self.rounds[-1].cells if self.rounds else 0

    @property
    def spent(self) -> Cost:
        """The ranking and the race: what is held against the budget."""
        return self.ranking_cost + self.cost

    @property
    def certain(self) -> bool:
        """Whether every other layer was dropped, each at the race's confidence."""
        return len(self.left) == 1 < len(self.candidates)
