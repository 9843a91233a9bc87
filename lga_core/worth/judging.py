"""What every selector's pick is worth on the facts of a sweep, and how far any one layer is from each fact's best.

Regret is to the best layer, which on held-out facts is named on other facts than it is measured on (`held_out`).
Intervals are a bootstrap over the facts of the sweep that judges, paired; the picks, which came from other facts or
from these, are held fixed. METHOD.md §6.
"""

from collections.abc import Iterable

import numpy as np

from lga_core.errors import LgaError
from lga_core.results import METRICS, Estimate, Pick, SelectorWorth, Sweep, Worth
from lga_core.scores.selection import rank_correlations
from lga_core.worth.ground_truth import DIGITS, Truth, drawn_weights, estimate
from lga_core.worth.held_out import best_overall

FIRST = (1, 3, 5)  # k of hit@k
DRAWS = 1000


def judge(picks: Iterable[Pick], test: Sweep, *, in_sample: bool, draws: int = DRAWS, seed: int = 0) -> Worth:
    """Judge picks by the ground truth of `test`. `in_sample`: they were made on these very facts.

    Only facts that are measured at every swept layer enter. Raises LgaError for a pick among other layers.
    """
    truth = Truth.of(test)
    n = len(truth.records)
    weights = drawn_weights(n, draws, seed)
    means = truth.mean("overall", weights)  # (1 + draws, layers)
    best = int(means[0].argmax()) if n else None
    at_best = means[:, best] if n else np.full(1, np.nan)
    optimum = _optimum(truth, weights)
    reference = best_overall(truth, weights, in_sample=in_sample)
    return Worth(
        editor=test.editor,
        settings=test.settings,
        layers=test.layers,
        records=truth.records,
        unfinished=truth.unfinished,
        makeup=truth.makeup,
        in_sample=in_sample,
        mean={metric: truth.mean(metric) for metric in (*METRICS, "overall")},
        n={metric: truth.n(metric) for metric in (*METRICS, "overall")},
        best_layer=None if best is None else test.layers[best],
        best=estimate(at_best, n),
        any_layer=estimate(means.mean(1), n) if n else Estimate(),
        any_regret=estimate(reference - means.mean(1), n) if n else Estimate(),
        optimum=estimate(optimum, n),
        gap=estimate(optimum - reference, n),
        histogram=best_layers(truth),
        selectors=tuple(_judged(pick, truth, weights, means, optimum, reference) for pick in picks),
        draws=draws,
        seed=seed,
    )


def best_layers(truth: Truth) -> np.ndarray:
    """(layers,) how many facts have their best Overall there; a fact whose best is shared counts in equal parts."""
    values = np.round(truth.overall, DIGITS)
    if not values.size:
        return np.zeros(len(truth.layers))
    best = values == values.max(1, keepdims=True)
    return (best / best.sum(1, keepdims=True)).sum(0)


def harmonic_mean(values: np.ndarray) -> np.ndarray:
    """Over the last axis, of values from 0 on; 0 where one is 0, NaN where one is missing."""
    size = values.shape[-1]
    with np.errstate(divide="ignore"):
        return size / (1 / values).sum(-1) if size else np.full(values.shape[:-1], np.nan)


def _optimum(truth: Truth, weights: np.ndarray) -> np.ndarray:
    """(draws,) mean over facts of each fact's best Overall: a maximum over noise, so optimistic."""
    if not truth.records:
        return np.full(1, np.nan)
    return np.round(weights @ truth.overall.max(1) / weights.sum(1), DIGITS)


def _judged(
    pick: Pick, truth: Truth, weights: np.ndarray, means: np.ndarray, optimum: np.ndarray, reference: np.ndarray
) -> SelectorWorth:
    """One pick; `means` (draws, layers) of Overall, `optimum` and the best layer's `reference` (draws,) are shared."""
    if pick.layers != truth.layers:
        raise LgaError(f"{pick.title} picked among other layers than the sweep's.", hint="Pick among the swept layers.")
    n = len(truth.records)
    if pick.layer is None or n == 0:
        nothing = dict.fromkeys(FIRST)
        return SelectorWorth(pick=pick, metrics=dict.fromkeys(METRICS, Estimate()), hits=nothing, hit_shares=nothing)
    column = truth.layers.index(pick.layer)
    at_pick = {metric: truth.mean(metric, weights)[:, column] for metric in METRICS}
    present = np.stack([at_pick[metric] for metric in truth.makeup], axis=-1)
    best = means == means.max(1, keepdims=True)  # ties are all best
    correlations = rank_correlations(pick.scores, means)
    if np.array_equal(pick.scores, means[0]):
        correlations = correlations[:1]  # 1 by construction, the draws are below it: they say nothing of its noise
    hits = {k: best[:, [truth.layers.index(layer) for layer in pick.ranking[:k]]].any(1) for k in FIRST}
    return SelectorWorth(
        pick=pick,
        overall=estimate(means[:, column], n),
        metrics={metric: estimate(at_pick[metric], truth.n(metric)) for metric in METRICS},
        harmonic=estimate(harmonic_mean(present), n),
        regret=estimate(reference - means[:, column], n),
        below_optimum=estimate(optimum - means[:, column], n),
        spearman=estimate(correlations, n),
        hits={k: bool(hit[0]) for k, hit in hits.items()},
        hit_shares={k: float(hit[1:].mean()) if len(hit) > 1 else None for k, hit in hits.items()},
    )
