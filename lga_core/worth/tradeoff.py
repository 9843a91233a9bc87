"""Regret against cost: what every way to name a layer is worth on held-out facts, and what it took (METHOD §7)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lga_core.errors import LgaError
from lga_core.results import Cost, CostPoint, Estimate, Pick, Sweep
from lga_core.worth.judging import DRAWS, regrets
from lga_core.worth.racing import RaceSettings, simulate
from lga_core.worth.truth import Truth, drawn_weights, estimate

SEEDS = 100


def regret_against_cost(
    picks: Iterable[Pick], races: Mapping[str, tuple[Pick, RaceSettings]], proxy: Sweep, test: Sweep, *,
    seeds: Sequence[int] = range(SEEDS), draws: int = DRAWS, seed: int = 0,
) -> tuple[CostPoint, ...]:
    """One point a pick, and one a race: title -> (whose ranking races, how). The races run on the proxy's stored cells.

    `picks` come from the proxy's facts too, the full sweep's as `pick_by_sweep(proxy)`. Intervals are a bootstrap
    over the test's facts; picks, races and the best layer of the facts as they are, are held fixed. Raises LgaError
    for a layer that the test did not sweep.
    """
    truth = Truth.of(test)
    weights = drawn_weights(len(truth.records), draws, seed)
    points = [
        _point(pick.selector, pick.title, Counter([pick.layer] if pick.layer is not None else []), pick.cost,
               float((proxy.measured == 1).sum()) if pick.selector == "brute-force" else 0.0, 1, truth, weights)
        for pick in picks
    ]
    for title, (ranking, settings) in races.items():
        run = simulate(proxy, ranking, settings, seeds)
        spent = sum((one.spent for one in run), Cost())
        mean = Cost(seconds=spent.seconds / len(run), forward_rows=spent.forward_rows / len(run),
                    backward_rows=spent.backward_rows / len(run))
        points.append(_point(f"{ranking.selector}-race", title, Counter(one.layer for one in run), mean,
                             float(np.mean([one.cells for one in run])), len(run), truth, weights))
    return tuple(points)


def _point(name: str, title: str, layers: Counter[int], cost: Cost, cells: float, seeds: int, truth: Truth,
           weights: np.ndarray) -> CostPoint:
    shares = {layer: times / layers.total() for layer, times in sorted(layers.items())}
    if unknown := [layer for layer in shares if layer not in truth.layers]:
        raise LgaError(f"{title} names layer {unknown[0]}, which the test did not sweep.",
                       mend="Sweep it on the test's facts, or pick among the swept layers.")
    regret = overall = Estimate()
    n = len(truth.records)
    if shares and n:
        means = truth.mean("overall", weights)
        regret = estimate(sum(share * regrets(truth, layer, weights) for layer, share in shares.items()), n)
        overall = estimate(sum(share * means[:, truth.layers.index(layer)] for layer, share in shares.items()), n)
    return CostPoint(name=name, title=title, layers=shares, regret=regret, overall=overall, cost=cost, cells=cells,
                     seeds=seeds)
