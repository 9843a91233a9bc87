"""What a selector's layer is worth against the ground truth: picks, verdicts, transfer between sets, stability."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lga_core.results.base import Array, Cost, Result, ShownResult


@dataclass(frozen=True, kw_only=True)
class Estimate(Result):
    """A quantity over facts with its bootstrap 95 % interval; null where it cannot be had."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0  # facts that it is a mean over


@dataclass(frozen=True, kw_only=True)
class Pick(Result):
    """What a selector says about the layers that were swept, from its own (proxy) facts."""

    selector: str
    title: str
    layer: int | None  # first of the ranking
    ranking: tuple[int, ...]  # swept layers only, best first; those outside the fences are not in it
    layers: tuple[int, ...]  # that were swept
    scores: Array  # (swept layers,) what it ranks by; NaN where it has none
    own_layer: int | None  # its pick among all of the model's layers
    n_facts: int  # facts behind it
    reason: str | None = None  # why there is no pick
    cost: Cost = Cost()

    @property
    def restricted(self) -> bool:
        """Whether its own pick was not swept, so that another layer stands for it."""
        return self.own_layer is not None and self.own_layer != self.layer


@dataclass(frozen=True, kw_only=True)
class SelectorWorth(Result):
    """One selector's pick on the facts of a sweep (METHOD.md §6); all null where it has no pick."""

    pick: Pick
    overall: Estimate = Estimate()  # percent, at the pick
    metrics: Mapping[str, Estimate]  # metric -> percent at the pick
    harmonic: Estimate = Estimate()  # harmonic mean of the metrics' means (ROME's score), percent
    regret: Estimate = Estimate()  # points below the best layer (METHOD.md §6); below 0 where the pick is better
    below_optimum: Estimate = Estimate()  # points below the sample-wise optimum
    spearman: Estimate = Estimate()  # of its scores and the mean Overall, over layers
    hits: Mapping[int, bool | None]  # k -> a best layer is among its first k
    hit_shares: Mapping[int, float | None]  # k -> share of the draws in which that is so


@dataclass(frozen=True, kw_only=True)
class Worth(ShownResult):
    """What a sweep says about layers, and about every selector's pick."""

    editor: str
    settings: Mapping[str, Any]
    layers: tuple[int, ...]
    records: tuple[int, ...]  # the facts judged on: measured at every swept layer
    unfinished: int  # facts of the sweep that are not
    makeup: tuple[str, ...]  # the metrics that Overall is made of
    in_sample: bool  # the picks were made on these very facts
    mean: Mapping[str, Array]  # metric and "overall" -> (layers,) percent
    n: Mapping[str, int]  # metric and "overall" -> facts that have it
    best_layer: int | None  # ties to the lower index
    best: Estimate  # Overall there
    any_layer: Estimate  # Overall of a layer drawn at random: the mean over layers
    any_regret: Estimate  # its regret
    optimum: Estimate  # sample-wise: mean over facts of each fact's best; optimistic
    gap: Estimate  # golden gap, the optimum less the best layer as regret is to it; none where there is no regret
    histogram: Array  # (layers,) facts whose best layer it is, ties shared
    selectors: tuple[SelectorWorth, ...]
    draws: int  # of the bootstrap over facts; every pick is held fixed
    seed: int

    @property
    def n_facts(self) -> int:
        return len(self.records)


@dataclass(frozen=True, kw_only=True)
class Transfer(Result):
    """A selector's picks on some fact sets, judged on others; NaN where there is no pick or it was not swept."""

    selector: str
    title: str
    sources: tuple[str, ...]  # sets that the picks are from
    targets: tuple[str, ...]  # sets that they are judged on
    layers: tuple[int | None, ...]  # (sources,) the picks
    n: tuple[int, ...]  # (targets,) facts
    overall: Array  # (sources, targets) percent
    regret: Array  # (sources, targets) points
    low: Array  # (sources, targets) of the regret's 95 % interval
    high: Array


@dataclass(frozen=True, kw_only=True)
class Stability(Result):
    """How a selector's pick holds when it sees fewer facts."""

    selector: str
    title: str
    layer: int | None  # its pick from all facts
    sizes: tuple[int, ...]
    share: Array  # (sizes,) of the draws that pick that layer; NaN without such a layer
    silent: Array  # (sizes,) of the draws without a pick
    regret: Array  # (sizes,) points on the test sweep, mean over the draws with a pick
    overall: Array  # (sizes,) percent there
    draws: int
    seed: int
    near: Array | None = None  # (sizes,) of the draws that pick that layer or one beside it; None: not recorded
    picks: tuple[int | None, ...] = ()  # (sizes,) what most draws pick, ties to the lower layer; None: no pick
    firm: float | None = None  # share of bootstrap proxies (all facts drawn again) that pick that layer or beside it
