"""Whether a pick transfers to another fact set, and whether few facts of the proxy give it (METHOD.md §6)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lga_core.errors import LgaError
from lga_core.results import LayerScores, Pick, Stability, Sweep, Transfer
from lga_core.scores.methods import layer_scores
from lga_core.worth.ground_truth import Truth, drawn_weights, estimate
from lga_core.worth.held_out import best_overall
from lga_core.worth.judging import DRAWS
from lga_core.worth.selectors import Selector, pick_by_scores, pick_by_sweep

SUBSETS = 100  # draws a size


def transfer(
    picks: Mapping[str, Pick],
    sweeps: Mapping[str, Sweep],
    *,
    held_out: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Transfer:
    """One selector's picks on the sets of `picks`, judged on those of `sweeps`: one model, editor and settings.

    The brute force's picks are `pick_by_sweep` of the sweeps themselves; a proxy and its test set are two sets.
    `held_out`: the sweep of a set is of other facts than the pick of that name; else that one is judged in sample.
    Raises LgaError where the picks are of several selectors, or the sweeps of several editors or settings.
    """
    if not picks or len({pick.selector for pick in picks.values()}) > 1:
        raise LgaError("The picks are not those of one selector.", hint="Compare the sets selector by selector.")
    if any(
        (sweep.editor, sweep.settings) != (first.editor, first.settings)
        for first in sweeps.values()
        for sweep in sweeps.values()
    ):
        raise LgaError("The sweeps are of several editors or settings.", hint="Compare sweeps of one editor.")
    truths = [Truth.of(sweep) for sweep in sweeps.values()]
    weights = [drawn_weights(len(truth.records), draws, seed) for truth in truths]
    cells = [
        [
            _carried(pick.layer, truth, drawn, in_sample=source == target and not held_out)
            for target, truth, drawn in zip(sweeps, truths, weights, strict=True)
        ]
        for source, pick in picks.items()
    ]
    # (picks, sweeps, 4) -> one (picks, sweeps) each
    overall, regret, low, high = np.array(cells, dtype=float).reshape(len(picks), len(sweeps), 4).transpose(2, 0, 1)
    pick = next(iter(picks.values()))
    return Transfer(
        selector=pick.selector,
        title=pick.title,
        sources=tuple(picks),
        targets=tuple(sweeps),
        layers=tuple(pick.layer for pick in picks.values()),
        n=tuple(len(truth.records) for truth in truths),
        overall=overall,
        regret=regret,
        low=low,
        high=high,
    )


def stability_of_scores(
    selector: Selector,
    scores: LayerScores,
    test: Sweep,
    *,
    in_sample: bool = False,
    sizes: Sequence[int] | None = None,
    draws: int = SUBSETS,
    seed: int = 0,
    editor: Any = None,
) -> Stability:
    """How the pick holds when its scores are made from fewer of the proxy's facts, used or not, as they were asked.

    `in_sample`: `test` is of these very facts. `editor`: the settings of the editor whose layer is named.
    """
    rows = sorted(scores.rows, key=lambda row: row.record)
    view = replace(selector.choices(seed, editor), bootstrap=0)

    def pick(facts: Sequence[int]) -> int | None:
        fewer = layer_scores(scores.method, [rows[fact] for fact in facts], scores.layers, view)
        return pick_by_scores(selector, fewer, test.layers).layer

    return _stability(selector.name, selector.title, pick, len(rows), Truth.of(test), in_sample, sizes, draws, seed)


def stability_of_sweep(
    proxy: Sweep,
    test: Sweep,
    *,
    in_sample: bool = False,
    sizes: Sequence[int] | None = None,
    draws: int = SUBSETS,
    seed: int = 0,
) -> Stability:
    """The same for the brute force, over the facts of the proxy that are measured at every layer."""
    truth = Truth.of(proxy)
    whole = pick_by_sweep(proxy, test.layers)
    columns = [column for column, layer in enumerate(truth.layers) if layer in whole.ranking]

    def pick(facts: Sequence[int]) -> int | None:
        weights = np.bincount(facts, minlength=len(truth.records))[None].astype(float)
        means = truth.mean("overall", weights)[0, columns]
        return min(
            (truth.layers[column] for column, mean in zip(columns, means, strict=True) if mean == means.max()),
            default=None,
        )

    return _stability(
        whole.selector, whole.title, pick, len(truth.records), Truth.of(test), in_sample, sizes, draws, seed
    )


def default_sizes(n: int) -> tuple[int, ...]:
    """1, 2, 4, 8, … and all n."""
    return tuple(dict.fromkeys((*(size for size in (2**i for i in range(n.bit_length())) if size < n), n))) if n else ()


def _carried(layer: int | None, truth: Truth, weights: np.ndarray, *, in_sample: bool) -> tuple[float | None, ...]:
    """(Overall, regret, its low, its high) of a layer on a set; None where they cannot be had."""
    if layer not in truth.layers or not truth.records:
        return None, None, None, None
    at_layer = truth.mean("overall", weights)[:, truth.layers.index(layer)]
    regret = estimate(best_overall(truth, weights, in_sample=in_sample) - at_layer, len(truth.records))
    return at_layer[0], regret.value, regret.low, regret.high


def _stability(
    name: str,
    title: str,
    pick: Callable[[Sequence[int]], int | None],
    n: int,
    truth: Truth,
    in_sample: bool,
    sizes: Sequence[int] | None,
    draws: int,
    seed: int,
) -> Stability:
    """Draw facts without replacement, `draws` times a size; the same facts for every selector with as many.

    How firm the pick is, is from as many proxies of n facts drawn with replacement. Raises LgaError for a size that
    the proxy does not have.
    """
    sizes = tuple(default_sizes(n) if sizes is None else sizes)
    if wrong := [size for size in sizes if not 1 <= size <= n]:
        raise LgaError(f"{wrong[0]} facts cannot be drawn from {n}.", hint=f"Draw 1 to {n} facts.")

    def draw(size: int, *seeds: int, replace: bool) -> _Drawn:
        rng = np.random.default_rng(seeds)
        return _Drawn([pick(sorted(rng.choice(n, size, replace=replace).tolist())) for _draw in range(draws)])

    whole = pick(range(n)) if n else None
    drawn = [draw(size, seed, size, replace=False) for size in sizes]
    overall = np.array([item.mean_overall(truth) for item in drawn])
    return Stability(
        selector=name,
        title=title,
        layer=whole,
        sizes=sizes,
        share=np.array([item.share(whole) for item in drawn]),
        silent=np.array([item.silent for item in drawn]),
        regret=best_overall(truth, np.ones((1, len(truth.records))), in_sample=in_sample)[0] - overall,
        overall=overall,
        draws=draws,
        seed=seed,
        near=np.array([item.near(whole) for item in drawn]),
        picks=tuple(item.most_frequent for item in drawn),
        firm=None if whole is None else draw(n, seed, replace=True).near(whole),
    )


@dataclass(frozen=True)
class _Drawn:
    """What was picked from each of as many draws of facts; None where there was no pick."""

    picked: Sequence[int | None]

    @property
    def silent(self) -> float:
        """The share of draws without a pick."""
        return self.picked.count(None) / len(self.picked)

    @property
    def most_frequent(self) -> int | None:
        """Ties to the lower layer; None where nothing is picked."""
        layers = [layer for layer in self.picked if layer is not None]
        return min(layers, key=lambda layer: (-layers.count(layer), layer), default=None)

    def share(self, whole: int | None) -> float:
        """The share of picks that are what all facts pick; NaN where that is nothing."""
        return np.nan if whole is None else self.picked.count(whole) / len(self.picked)

    def near(self, whole: int | None) -> float:
        """The share of picks that are it or a layer beside it."""
        if whole is None:
            return np.nan
        return sum(layer is not None and abs(layer - whole) <= 1 for layer in self.picked) / len(self.picked)

    def mean_overall(self, truth: Truth) -> float:
        """Overall at the picked layers, their mean; NaN where nothing is picked or measured."""
        means = truth.mean("overall")
        at = [means[truth.layers.index(layer)] for layer in self.picked if layer is not None]
        return float(np.mean(at)) if at and truth.records else np.nan
