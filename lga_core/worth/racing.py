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
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pydantic.dataclasses

from lga_core.errors import LgaError
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Cost, Ending, Pick, Race, RaceRound, Sweep
from lga_core.settings import Settings, setting
from lga_core.worth.ground_truth import DIGITS
from lga_core.worth.race_rounds import judge_round, named_layer, planned_looks


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


@dataclass(kw_only=True)
class _State:
    """A race so far. Layers that are left are counted by their place among those that race."""

    layers: Sequence[int]
    error: float  # of one comparison, one-sided
    first: float  # facts at the first look that can drop a layer
    overall: np.ndarray = field(init=False)  # (facts so far, layers) percent, NaN once a layer is dropped
    left: list[int] = field(init=False)
    rounds: list[RaceRound] = field(default_factory=list)
    cells: int = 0
    cost: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        self.overall = np.empty((0, len(self.layers)))
        self.left = list(range(len(self.layers)))

    def add(self, block: RaceBlock) -> None:
        """Take in what one more block of facts says of the layers that are left, and drop those that are behind."""
        self.cells += block.overall.size
        self.cost += block.cost
        added = np.full((len(block.overall), len(self.layers)), np.nan)
        added[:, self.left] = block.overall
        self.overall = np.concatenate([self.overall, added])
        done = judge_round(self.overall, self.left, self.layers, self.error, self.first, self.cells, self.cost)
        self.rounds.append(done)
        self.left = [i for i in self.left if self.layers[i] not in done.dropped]

    def ending(self, facts: int) -> Ending:
        """What ended it, of so many facts."""
        if len(self.left) == 1:
            return "one layer left"
        return "no facts left" if len(self.overall) == facts else "budget"


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
    error, looks, first = planned_looks(len(order), len(layers), settings.block, settings.confidence)
    state = _State(layers=layers, error=error, first=first)

    def cells_possible() -> int:
        """How many more there can be, by what those before took; 0 ends the race."""
        unused = len(order) - len(state.overall)
        spent = ranking.cost + state.cost
        return _cells_possible(unused, len(state.left), state.cells, spent, state.cost, settings)

    while more := cells_possible():
        used = len(state.overall)
        facts = order[used : used + settings.block]
        in_race = [layers[i] for i in state.left]
        state.add(measure(facts, in_race, _within_race(report, state.cells, state.cells + more)))
        report(Progress(phase=Phase.RACE, done=state.cells, total=state.cells + cells_possible()))
    best, share, runner_up, lead = named_layer(state.overall, state.left, settings.draws, settings.seed)
    return Race(
        method=ranking.selector,
        title=ranking.title,
        settings=asdict(settings),
        candidates=layers,
        layer=layers[best],
        ending=state.ending(len(order)),
        left=tuple(layers[i] for i in state.left),
        error=error,
        looks=looks,
        share=share,
        runner_up=None if runner_up is None else layers[runner_up],
        lead=lead,
        rounds=tuple(state.rounds),
        records=tuple(order[: len(state.overall)]),
        most_cells=len(order) * len(layers),
        ranking_cost=ranking.cost,
        cost=state.cost,
    )


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


def _within_race(report: Reporter, before: int, total: int) -> Reporter:
    """Reports a block's cells as cells of the race; other steps, as of a text that is read, as they are."""

    def count_cells(step: Progress) -> None:
        of_the_sweep = step.phase is Phase.SWEEP
        report(replace(step, phase=Phase.RACE, done=before + step.done, total=total) if of_the_sweep else step)

    return count_cells
