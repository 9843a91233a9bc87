"""What the best layer is worth, without the flattery of a maximum over noise: named on facts, measured on others.

The largest of many means is too high: the layer is best on these facts also by chance. So the facts are cut in two
halves, the layer that is best on one half is measured on the other, and the other way round: each fact is measured at
the layer that the half without it names. That is averaged over many cuts. The result is unbiased for the Overall of
the layer that half of the facts name, which is at most that of the layer that is truly best.
"""

import numpy as np

from lga_core.worth.ground_truth import DIGITS, Truth

SPLITS = 200  # cuts in two halves: with 20 the cuts alone move a regret by 0.3 to 0.9 points (one SD)
DRAWN_SPLITS = 20  # of them for the bootstrap: which cuts they are moves all of its draws together, and is shifted away
FEWEST = 4  # facts: two a half


def halves(n: int, splits: int = SPLITS, seed: int = 0) -> np.ndarray:
    """(splits, n) which facts are in the first half of each cut: n // 2 of them."""
    places = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (splits, 1)), axis=1)
    return places < n // 2


def best_overall(truth: Truth, weights: np.ndarray, *, in_sample: bool) -> np.ndarray:
    """(draws,) Overall of the best layer, percent; the first draw is the facts as they are.

    In sample it is the layer that is best on all of these facts, at which brute force on them loses nothing. On facts
    held out from the picks it is `held_out_best`; NaN of fewer than `FEWEST` facts, which have no halves.
    """
    n = len(truth.records)
    if n == 0 or (n < FEWEST and not in_sample):
        return np.full(len(weights), np.nan)
    if in_sample:
        means = truth.mean("overall", weights)
        return means[:, means[0].argmax()]
    first = halves(n)
    value = held_out_best(truth.overall, weights[:1], first)
    drawn = held_out_best(truth.overall, weights, first[:DRAWN_SPLITS])
    return np.append(value, drawn[1:] + (value - drawn[0]))


def held_out_best(overall: np.ndarray, weights: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(draws,) mean over facts, drawn by `weights` (draws, facts), of the layer named by the half without them.

    `overall` (facts, layers); `first` (splits, facts) the first halves. Layers are named anew in each draw, ties to the
    lower layer; a half that nobody was drawn from names as it does undrawn. A draw has fewer distinct facts, so it
    names worse; the draws are shifted so that their mean is the value, and the interval is theirs around it.
    """
    total = np.zeros(len(weights))
    for half in (*first, *~first):
        naming = np.where(half, weights, 0.0)  # (draws, facts)
        naming[~naming.any(1)] = half
        named = np.round(naming @ overall / naming.sum(1, keepdims=True), DIGITS).argmax(1)
        measured = np.where(half, 0.0, weights) @ overall  # (draws, layers)
        total += np.take_along_axis(measured, named[:, None], axis=1)[:, 0]
    values = np.round(total / weights.sum(1) / len(first), DIGITS)
    if len(values) > 1:
        values[1:] += values[0] - values[1:].mean()
    return values
