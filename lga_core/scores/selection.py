"""From a score of every layer to a pick: fences, ranking, bootstrap over facts, signs and agreement (METHOD.md §1)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lga_core.results import Bootstrap, LayerScores, Selection, Signs

Rank = Literal["signed", "magnitude"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How layers are picked from their totals. `fences` is κ of the Tukey fences, None for none.

    `digits`: the decimals to which totals are rounded first, None: not at all. Sums of the same values in another order
    differ in the last bits; rounded they are tied.
    """

    fences: float | None = 1.0
    rank: Rank = "signed"
    top: int = 3
    digits: int | None = None

    def rounded(self, total: np.ndarray) -> np.ndarray:
        return total if self.digits is None else np.round(total, self.digits)


def fence_bounds(total: np.ndarray, kappa: float) -> tuple[np.ndarray, np.ndarray]:
    """[Q1 − κ·IQR, Q3 + κ·IQR] over the last axis, numpy's `linear` quantiles; bounds are inside."""
    first, third = np.quantile(total, [0.25, 0.75], axis=-1)
    return first - kappa * (third - first), third + kappa * (third - first)


def _merit(total: np.ndarray, rule: Rule) -> np.ndarray:
    """What is ranked, (…, L): the total or its size; −inf outside the fences, and where the total is not finite.

    Fences need all totals: where one is not finite there are none, and no layer is inside.
    """
    finite = np.isfinite(total)
    merit = np.where(finite, np.abs(total) if rule.rank == "magnitude" else total, -np.inf)
    if rule.fences is None:
        return merit
    with np.errstate(invalid="ignore"):  # infinite less infinite
        low, high = fence_bounds(total, rule.fences)
    inside = (total >= low[..., None]) & (total <= high[..., None])
    return np.where(inside & finite.all(-1, keepdims=True), merit, -np.inf)


def select(total: np.ndarray, rule: Rule) -> Selection:
    """Rank the layers inside the fences by `total` (L,) descending, ties to the lower index.

    A layer whose total is not finite has no rank. Where no layer has one, there is no pick, and the reason is given.
    """
    total = rule.rounded(total)
    merit = _merit(total, rule)
    ranking = tuple(int(layer) for layer in np.argsort(-merit, kind="stable") if merit[layer] > -np.inf)
    overflown = [int(layer) for layer in np.flatnonzero(~np.isfinite(total))]
    fences: tuple[float, float] | None = None
    excluded = {layer: "its total is not finite" for layer in overflown}
    if rule.fences is not None and not overflown:
        low, high = (float(bound) for bound in fence_bounds(total, rule.fences))
        fences = (low, high)
        excluded = {
            int(layer): f"{total[layer]:.4g} is {'below' if total[layer] < low else 'above'} the fence "
            f"{low if total[layer] < low else high:.4g}"
            for layer in np.flatnonzero(~((total >= low) & (total <= high)))
        }
    reason = None
    if not ranking:
        reason = f"the total of layer {overflown[0]} is not finite" if overflown else "no layer lies within the fences"
    return Selection(
        golden_layer=ranking[0] if ranking else None,
        golden_layers=ranking[: rule.top],
        ranking=ranking,
        excluded_layers=excluded,
        fences=fences,
        reason=reason,
    )


def no_pick(reason: str) -> Selection:
    """A selection without a pick, and why."""
    return Selection(golden_layer=None, golden_layers=(), ranking=(), excluded_layers={}, fences=None, reason=reason)


def bootstrap(per_fact: np.ndarray, rule: Rule, *, mean: bool, draws: int, seed: int) -> Bootstrap | None:
    """Pick again from facts drawn with replacement; `per_fact` (n, L) without unused facts.

    The margin is the gap between the first and second layer of the whole set in standard deviations of that gap
    over the draws. A draw without a pick counts for no layer: shares are of all draws, the interval is of the picks.
    None where the whole set or every draw has no pick.
    """
    n, layers = per_fact.shape
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    totals = rule.rounded(counts @ per_fact / (n if mean else 1))
    merits = _merit(totals, rule)
    picks = merits.argmax(-1)[merits.max(-1) > -np.inf]
    summed = rule.rounded(per_fact.sum(0) / (n if mean else 1))
    ranking = select(summed, rule).ranking
    if not ranking or not len(picks):
        return None
    best, *others = ranking
    margin = np.inf
    if others:
        size = np.abs if rule.rank == "magnitude" else np.asarray
        gaps = size(totals[:, best]) - size(totals[:, others[0]])
        gap = size(summed[best]) - size(summed[others[0]])
        spread = gaps.std(ddof=1)
        margin = float(gap / spread) if spread > 0 else np.inf
    return Bootstrap(
        draws=draws,
        seed=seed,
        share=np.bincount(picks, minlength=layers) / draws,
        low=int(np.quantile(picks, 0.025, method="lower")),
        high=int(np.quantile(picks, 0.975, method="higher")),
        margin=margin if np.isfinite(margin) else None,
    )


def signs(scores: LayerScores) -> Signs:
    """The share of negative cells, and the totals of known and unknown facts apart (METHOD.md §1)."""
    used = np.array([row.used for row in scores.rows], dtype=bool)
    known = np.array([row.known is True for row in scores.rows], dtype=bool)
    unknown = np.array([row.known is False for row in scores.rows], dtype=bool)

    def total(members: np.ndarray) -> np.ndarray:
        return scores.per_fact[members].sum(0) if members.any() else np.full(scores.layers, np.nan)

    return Signs(
        negative_share=float((scores.per_fact[used] < 0).mean()) if used.any() else None,
        all_negative=bool(used.any() and (scores.total < 0).all()),
        n_known=int((used & known).sum()),
        n_unknown=int((used & unknown).sum()),
        known=total(used & known),
        unknown=total(used & unknown),
    )


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Rank correlation of two scores over layers, ties averaged; None where one of them is constant or missing."""
    (correlation,) = rank_correlations(first, np.asarray(second, dtype=float)[None])
    return None if np.isnan(correlation) else float(correlation)


def rank_correlations(scores: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(draws,) Spearman's correlation of `scores` (layers,) with each row of `means` (draws, layers), ties averaged.

    NaN where one of them is constant or a score is missing.
    """
    import pandas as pd  # takes a third of a second, and the first view needs none

    first = pd.Series(np.asarray(scores, dtype=float)).rank().to_numpy()
    second = pd.DataFrame(means).rank(axis=1).to_numpy()
    first = first - first.mean()
    second = second - second.mean(1, keepdims=True)
    size = np.sqrt((first**2).sum() * (second**2).sum(1))
    return np.divide(second @ first, size, out=np.full(len(second), np.nan), where=size > 0)
