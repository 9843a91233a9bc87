"""The answer to "which layer?": what each way to pick says, how firm that is, and what such picks were worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lga_core.results.base import Cost, Result
from lga_core.results.worth.picks import Estimate


@dataclass(frozen=True, kw_only=True)
class Obstacle(Result):
    """Why an edit at a layer cannot act on most of the facts."""

    layer: int
    why: Literal["no path", "no gain"]  # from the edited token to the answer; expected by the forecast
    facts: int  # for which that is so; of "no gain", those that the forecast's mean is over
    of: int


@dataclass(frozen=True, kw_only=True)
class PastWorth(Result):
    """What a selector's picks were worth on the held-out facts of the study."""

    regret: Estimate  # points of Overall below the best layer; n counts each unit's test facts
    like: Literal["this", "this model", "any"]  # the unit of this very model, set and editor; else a mean over units
    units: tuple[str, ...]  # in which it has a pick, as "model/set"
    facts: int  # different ones: units of one set may be judged on the same
    models: tuple[str, ...]
    sets: tuple[str, ...]  # their titles
    editor: str  # of the units
    proxy_facts: int  # that the fewest of the picks were made from; 0 where a pick needs none
    drawn_from: tuple[int, ...] = ()  # facts of the picks, where they were drawn again from fewer than the study's
    developed_on: str | None = None  # title of the set, if it is among these, that the selector was developed on


@dataclass(frozen=True, kw_only=True)
class Candidate(Result):
    """One way to pick a layer, and what it picks."""

    selector: str
    title: str
    settings: Mapping[str, Any]  # of its scores
    ranking: tuple[int, ...]  # best first
    share: float | None  # of the bootstrap's draws that pick the first of them; None: not drawn
    n_facts: int
    cost: Cost
    reason: str | None = None  # why there is no pick
    obstacle: Obstacle | None = None  # at its pick
    past: PastWorth | None = None  # None: there is no pick, or the study has none like it
    studied: bool = True  # whether its options are those of the study

    @property
    def layer(self) -> int | None:
        return self.ranking[0] if self.ranking else None

    @property
    def fewer_facts(self) -> bool:
        """Whether it is from under half of the facts of the study's picks, so that they say less about this one."""
        return self.past is not None and 2 * self.n_facts < self.past.proxy_facts


@dataclass(frozen=True, kw_only=True)
class Answer(Result):
    """All of them, and the one to follow."""

    candidates: tuple[Candidate, ...]
    recommended: Candidate | None  # None: nothing has a pick at which an edit can act
    any_layer: PastWorth | None = None  # of a layer drawn at random, over the same units
    layer: int | None  # to edit at: the pick of the recommended one, or the next of its ranking where an edit can act
