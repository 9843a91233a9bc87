"""Racing: the real sweep on few layers and few facts, until one layer is left or the budget is spent (METHOD.md §7).

A blocked race (Moore & Lee 1994): every layer left is measured on the same block of facts, and one is dropped when the
interval of its paired differences to the leader lies above 0. The intervals are Student's t, each at the error
(1 − confidence) / (rivals × looks): Bonferroni over all rivals and all planned looks, as in Hoeffding races (Maron &
Moore 1994). So the best of the layers that race is dropped in at most 1 − confidence of all races, whichever layers
lead in between, as far as t holds for these differences. They have few values, so t is not safe on very few facts: a
look counts only where so many facts all agreeing would be as unlikely by chance (2^−n).

The facts are taken for a sample of facts like them: an interval does not shrink to 0 when all of them were used.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pydantic.dataclasses
from scipy.special import stdtrit

from lga_core.errors import LgaError
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Cost, Ending, Estimate, Pick, Race, RaceRound, Standing, Sweep
from lga_core.settings import Settings, setting
from lga_core.worth.ground_truth import DIGITS, drawn_weights, estimate


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True)
class RaceSettings(Settings):
    """How a race is run. The budget holds the ranking's cost too, and what its cells took whenever they were measured,
    so that a race that is stopped and asked again, or whose cells are in the store, ends as it would have."""

    candidates: int = setting(5, "Layers", "How many of the ranking race, from its best on.", ge=1)
    block: int = setting(4, "Facts a round", "Measured at every layer left before the next look.", ge=1)
    confidence: float = setting(0.95, "Confidence", "That the best of the layers is not dropped.", gt=0, le=0.999)
    seconds: float | None = setting(None, "Seconds", "The budget of time.", gt=0, none_means="no limit")
    rows: float | None = setting(None, "Rows", "The budget of rows, forward and backward.", gt=0, none_means="no limit")
    draws: int = setting(1000, "Draws", "Of the bootstrap over facts that says how sure the layer is.", ge=0)
    seed: int = setting(0, "Seed", "For the order of the facts, and for the draws.", ge=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class RaceBlock:
    """What facts measured at some layers say: Overall (facts, layers), percent, NaN where there is none."""

    overall: np.ndarray
    cost: Cost

    @classmethod
    def of(cls, sweep: Sweep, records: Sequence[int], layers: Sequence[int]) -> "RaceBlock":
        """These facts and layers of a sweep, in this order."""
        place = np.ix_(
            [sweep.records.index(record) for record in records], [sweep.layers.index(layer) for layer in layers]
        )
        return cls(
            overall=sweep.overall[place],
            cost=Cost(**{name: float(np.nansum(values[place])) for name, values in sweep.costs.items()}),
        )


Measure = Callable[[Sequence[int], Sequence[int], Reporter], RaceBlock]
"""measure(records, layers, report): a block; it reports on the way as a sweep does, which counts its cells."""


def race(
    records: Iterable[int], ranking: Pick, measure: Measure, settings: RaceSettings, *, report: Reporter = silent
) -> Race:
    """Race the best layers of a ranking on these facts. Progress counts cells, of the most that there can still be.

    The facts come in an order drawn by the seed from their records. A block starts while there is budget for it, by
    what the cells before it took, the first while there is any. Raises LgaError for a ranking without layers.
    """
    if not ranking.ranking:
        raise LgaError(
            f"{ranking.title} ranks no layer: {ranking.reason or 'it has none'}.",
            hint="Race by the ranking of another method.",
        )
    layers = ranking.ranking[: settings.candidates]
    # drawn by the seed, whatever order they came in
    order = np.random.default_rng(settings.seed).permutation(sorted(records)).tolist()
    error, looks, first = _looks(len(order), len(layers), settings)
    overall = np.empty((0, len(layers)))
    left = list(range(len(layers)))
    rounds: list[RaceRound] = []
    cells = 0
    cost = Cost()

    def cells_possible() -> int:
        """How many more there can be, by what those before took; 0 ends the race."""
        return _cells_possible(len(order) - len(overall), len(left), cells, ranking.cost + cost, cost, settings)

    while more := cells_possible():
        facts = order[len(overall) : len(overall) + settings.block]
        block = measure(facts, [layers[i] for i in left], _as_of_the_race(report, cells, cells + more))
        cells += block.overall.size
        cost += block.cost
        added = np.full((len(facts), len(layers)), np.nan)
        added[:, left] = block.overall
        overall = np.concatenate([overall, added])
        rounds.append(_judge(overall, left, layers, error, first, cells, cost))
        left = [i for i in left if layers[i] not in rounds[-1].dropped]
        report(Progress(phase=Phase.RACE, done=cells, total=cells + cells_possible()))
    ending: Ending = "one layer left" if len(left) == 1 else "no facts left" if len(overall) == len(order) else "budget"
    best, share, runner_up, lead = _verdict(overall, left, settings)
    return Race(
        method=ranking.selector,
        title=ranking.title,
        settings=asdict(settings),
        candidates=layers,
        layer=layers[best],
        ending=ending,
        left=tuple(layers[i] for i in left),
        error=error,
        looks=looks,
        share=share,
        runner_up=None if runner_up is None else layers[runner_up],
        lead=lead,
        rounds=tuple(rounds),
        records=tuple(order[: len(overall)]),
        most_cells=len(order) * len(layers),
        ranking_cost=ranking.cost,
        cost=cost,
    )


def _looks(facts: int, layers: int, settings: RaceSettings) -> tuple[float, int, float]:
    """(one-sided error of one comparison, looks that can drop a layer, facts at the first of them).

    Looks too early for that error are not taken, so they cost the others nothing. Where none is late enough: (the
    error of a single look, 0, infinity).
    """
    sizes = [min(first + settings.block, facts) for first in range(0, facts, settings.block)]
    missed = (1 - settings.confidence) / max(layers - 1, 1)
    for number, size in enumerate(sizes if layers > 1 else ()):
        looks = len(sizes) - number
        if 0.5**size <= missed / looks:
            return missed / looks, looks, size
    return missed, 0, np.inf


def _cells_possible(facts: int, layers: int, cells: int, spent: Cost, cost: Cost, settings: RaceSettings) -> int:
    """Cells that there can be with `facts` not used yet: what the budget holds at `cost` for the `cells` so far."""
    block = min(settings.block, facts) * layers
    if layers == 1 or not block:
        return 0
    affordable = np.inf
    for limit, used, took in ((settings.seconds, spent.seconds, cost.seconds), (settings.rows, spent.rows, cost.rows)):
        if limit is None:
            continue
        if cells == 0 or took == 0:
            affordable = affordable if used < limit else 0
        else:
            affordable = min(affordable, round((limit - used) * cells / took, DIGITS))
    if affordable < (block if cells else 1):
        return 0
    return int(min(max(affordable, block), facts * layers))


def _as_of_the_race(report: Reporter, before: int, total: int) -> Reporter:
    """Reports a block's cells as cells of the race; other steps, as of a text that is read, as they are."""

    def count_cells(step: Progress) -> None:
        of_the_sweep = step.phase is Phase.SWEEP
        report(replace(step, phase=Phase.RACE, done=before + step.done, total=total) if of_the_sweep else step)

    return count_cells


def _judge(
    overall: np.ndarray, left: Sequence[int], layers: Sequence[int], error: float, first: float, cells: int, cost: Cost
) -> RaceRound:
    """A round's standings, and who is dropped; `overall` (facts so far, candidates)."""
    compared = overall[:, left]
    compared = compared[~np.isnan(compared).any(1)]
    n = len(compared)
    leader = int(np.round(compared.mean(0), DIGITS).argmax()) if n else None  # ties to the better rank
    could_drop = len(overall) >= first and 0.5**n <= error
    behind = compared[:, [leader]] - compared if n else compared
    standings: list[Standing] = []
    dropped: dict[int, str] = {}
    means, gaps = _intervals(compared, error), _intervals(behind, error)
    for place, own, (value, low, high) in zip(left, means, gaps, strict=True):
        standings.append(
            Standing(
                layer=layers[place],
                mean=own[0],
                low=_percent(own[1]),
                high=_percent(own[2]),
                behind=value,
                behind_low=low,
                behind_high=high,
            )
        )
        if could_drop and low is not None and low > 0:
            dropped[layers[place]] = (
                f"{value:.1f} points below layer {layers[left[leader]]} on {n} facts, at least "
                f"{low:.1f} with an error of {error:.2g}"
            )
    return RaceRound(
        facts=len(overall),
        compared=n,
        standings=tuple(standings),
        could_drop=could_drop,
        dropped=dropped,
        leader=None if leader is None else layers[left[leader]],
        cells=cells,
        cost=cost,
    )


def _intervals(values: np.ndarray, error: float) -> list[tuple[float | None, float | None, float | None]]:
    """Each column's mean, and what it is above and below with probability 1 − `error` each (Student's t)."""
    n, columns = values.shape
    if not n:
        return [(None, None, None)] * columns
    means = np.round(values.mean(0), DIGITS)
    if n < 2:
        return [(mean, None, None) for mean in means.tolist()]
    half = -stdtrit(n - 1, error) * values.std(0, ddof=1) / n**0.5
    ends = (np.round(means + side * half, DIGITS).tolist() for side in (-1, 1))
    return list(zip(means.tolist(), *ends, strict=True))


def _percent(bound: float | None) -> float | None:
    """A mean of percentages lies within 0 and 100, where t's interval need not end."""
    return None if bound is None else min(max(bound, 0.0), 100.0)


def _verdict(
    overall: np.ndarray, left: Sequence[int], settings: RaceSettings
) -> tuple[int, float | None, int | None, Estimate]:
    """(the layer named, its share of the draws, the runner-up, the lead over it); layers by their place.

    A dropped layer is compared on the facts that it had, so it too can beat the one named in a draw.
    """
    n, candidates = overall.shape
    whole = overall[~np.isnan(overall[:, left]).any(1)][:, left]
    best = left[int(np.round(whole.mean(0), DIGITS).argmax())] if len(whole) else left[0]
    others = [i for i in range(candidates) if i != best]
    if not others or not len(whole):
        return best, None, None, Estimate()
    weights = drawn_weights(n, settings.draws, settings.seed)
    leads: dict[int, np.ndarray] = {}
    sizes: dict[int, int] = {}
    for i in others:
        differences = overall[:, best] - overall[:, i]
        both = ~np.isnan(differences)
        count = weights[:, both].sum(1)
        total = weights[:, both] @ differences[both]
        leads[i] = np.round(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0), DIGITS)
        sizes[i] = int(both.sum())
    beaten = np.any([lead[1:] < 0 for lead in leads.values()], axis=0)
    runner_up = min([i for i in others if i in left] or others, key=lambda i: leads[i][0])
    return (
        best,
        float(1 - beaten.mean()) if len(beaten) else None,
        runner_up,
        estimate(leads[runner_up], sizes[runner_up]),
    )
