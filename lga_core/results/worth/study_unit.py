"""One unit of the reproduction study: what every selector picked on a proxy, and the truth on proxy and test facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lga_core.results.base import Provenance, Result, ShownResult
from lga_core.results.worth.picks import Estimate, Pick, Stability
from lga_core.results.worth.sweep import Sweep


@dataclass(frozen=True, kw_only=True)
class StudyUnit(ShownResult):
    """One model, fact set and editor (METHOD.md §6); small enough to be kept with the code."""

    model: str
    fact_set: str
    editor: str
    title: str  # of the fact set
    settings: Mapping[str, Any]  # of the study: facts, probes, steps, contexts, seed
    provenance: Provenance  # of the sweep
    command: str
    proxy: Sweep  # the two share no subject
    test: Sweep
    picks: tuple[Pick, ...]  # from the proxy
    stability: tuple[Stability, ...]  # of the main picks against the proxy's size
    fluency: Mapping[int, Estimate]  # layer -> of the test facts edited there
    fluency_before: Estimate


@dataclass(frozen=True, kw_only=True)
class Across(Result):
    """A selector over several units; those where it has no pick are left out."""

    selector: str
    title: str
    units: int
    measures: Mapping[str, Estimate]  # means of the metrics, "overall", and "regret" and "below-optimum" (points)
    highest: int  # units in which none of those compared has a higher Overall, so a lower regret
    fewer_rows: float | None  # median: rows of the proxy's sweep over its own; None where it costs none
    faster: float | None  # the same of seconds
    firm: float | None = None  # share of bootstrap proxies that pick its layer or one beside it: mean over the units


@dataclass(frozen=True, kw_only=True)
class Difference(Result):
    """A metric at one selector's layer less that at another's, over the units where both have one; points."""

    first: str
    second: str
    metric: str
    units: int
    above: int  # units in which the first one’s is higher
    below: int
    least: float | None
    most: float | None
    mean: Estimate


@dataclass(frozen=True, kw_only=True)
class Summary(Result):
    """What several units say together (METHOD.md §6)."""

    units: int
    facts: int  # test facts of all units, each unit's counted
    different: int  # those that are not the same: units of one set are mostly judged on the same
    with_regret: int  # units with enough facts for halves
    selectors: tuple[Across, ...]
    any_layer: Mapping[str, Estimate]  # the measures of a layer drawn at random: means over all layers
    best: Estimate  # Overall at the layer that is best for half of each unit's test facts, on the other half
    optimum: Estimate  # Overall with each fact at its own best layer; optimistic
    gap: Estimate  # golden gap: points from the former to the latter
    differences: tuple[Difference, ...]
    same_layer: int  # units whose proxy's best layer is the test's best
    draws: int
    seed: int

    def difference(self, first: str, second: str, metric: str = "overall") -> Difference:
        """That of two selectors. Raises KeyError where they were not compared."""
        compared = {(item.first, item.second, item.metric): item for item in self.differences}
        return compared[first, second, metric]

    @property
    def recommended(self) -> Across | None:
        """The selector with the lowest mean regret of those that picked in every unit and do not sweep all layers."""
        able = [
            item
            for item in self.selectors
            if item.units == self.units and item.selector != "brute-force" and item.measures["regret"].value is not None
        ]
        return min(able, key=lambda item: item.measures["regret"].value, default=None)
