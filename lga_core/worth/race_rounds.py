"""What a race's facts so far say: which layers are dropped after a round, and which one is named at the end.

Intervals are Student's t. A look counts only where so many facts all agreeing would be as unlikely by chance (2^−n) as
the error of one comparison: on very few facts t is not safe.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from lga_core.results import Cost, Estimate, RaceRound, Standing
from lga_core.worth.ground_truth import DIGITS, drawn_weights, estimate


def planned_looks(facts: int, layers: int, block: int, confidence: float) -> tuple[float, int, float]:
    """(one-sided error of one comparison, looks that can drop a layer, facts at the first of them).

    Looks too early for that error are not taken, so they cost the others nothing. Where none is late enough: (the
    error of a single look, 0, infinity).
    """
    sizes = [min(first + block, facts) for first in range(0, facts, block)]
    missed = (1 - confidence) / max(layers - 1, 1)
    for number, size in enumerate(sizes if layers > 1 else ()):
        looks = len(sizes) - number
        if 0.5**size <= missed / looks:
            return missed / looks, looks, size
    return missed, 0, np.inf


def judge_round(
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


def named_layer(
    overall: np.ndarray, left: Sequence[int], draws: int, seed: int
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
    weights = drawn_weights(n, draws, seed)
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
