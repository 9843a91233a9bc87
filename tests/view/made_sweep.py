"""A made-up but lifelike sweep, what its selectors pick, and what the picks are worth; the analysis is the real one."""

import numpy as np
from view.made import cma_scores, lga_scores

from lga_core.results import METRICS, Cost, LayerScores, Pick, Selection, Sweep, SweepCell, Worth
from lga_core.worth.judging import judge
from lga_core.worth.selectors import SELECTORS, pick_by_scores, pick_by_sweep


def cell(record: int, layer: int, after: dict[str, float | None], *, before: float = 10.0) -> SweepCell:
    return SweepCell(
        record=record,
        layer=layer,
        before={name: None if value is None else before for name, value in after.items()},
        after=after,
        probes={name: 0 if value is None else 2 for name, value in after.items()},
        nll=dict.fromkeys(after, 0.5),
        target_error=1e-6,
        delta_norm=1.0,
        clamped=False,
        losses=(5.0, 0.1),
        cost=Cost(seconds=1.5, forward_rows=12.0, backward_rows=8.0),
    )


def cells(n: int = 12, layers: int = 18, seed: int = 0, *, first: int = 0, best: float = 0.4) -> list[SweepCell]:
    """Rewrite is easy but at the end, rephrase peaks at the share `best` of the depth, every third fact has no
    portability."""
    generator = np.random.default_rng(seed)
    place = np.arange(layers) / max(layers - 1, 1)
    hill = np.exp(-((place - best) ** 2) / 0.05)
    means = {
        "rewrite": 100 - 70 * np.clip(place - 0.75, 0, 1) * 4,
        "rephrase": 20 + 65 * hill,
        "locality": 40 + 45 * place,
        "portability": 15 + 30 * hill,
    }
    made = []
    for layer in range(layers):
        for record in range(first, first + n):
            after = {name: float(np.clip(means[name][layer] + generator.normal(0, 14), 0, 100)) for name in METRICS}
            made.append(cell(record, layer, after | ({"portability": None} if record % 3 == 2 else {})))
    return made


def sweep(n: int = 12, layers: int = 18, seed: int = 0, *, of: int | None = None, first: int = 0) -> Sweep:
    """`of`: how many of its cells are measured, layer by layer."""
    return Sweep.of(
        cells(n, layers, seed, first=first)[:of], range(first, first + n), range(layers), "r-rome", {"steps": 20}
    )


def middle_scores(n: int, layers: int) -> LayerScores:
    lga, total = lga_scores(n, layers), -np.abs(np.arange(layers) - layers // 2).astype(float)
    ranking = tuple(int(layer) for layer in np.argsort(-total, kind="stable"))
    return LayerScores(
        method="middle",
        settings={},
        rows=lga.rows,
        per_fact=np.tile(total, (n, 1)),
        total=total,
        total_is="mean",
        bootstrap=None,
        cost=Cost(),
        selection=Selection(
            golden_layer=ranking[0], golden_layers=ranking[:3], ranking=ranking, excluded_layers={}, fences=None
        ),
    )


def picks(of: Sweep) -> list[Pick]:
    """LGA, CMA and the middle layer on as many facts, and the sweep itself."""
    n, layers = len(of.records), 1 + max(of.layers)
    scores = {"lga": lga_scores(n, layers), "cma-mlp": cma_scores(n, layers), "middle": middle_scores(n, layers)}
    return [*(pick_by_scores(SELECTORS[name], item, of.layers) for name, item in scores.items()), pick_by_sweep(of)]


def worth(of: Sweep) -> Worth:
    return judge(picks(of), of, in_sample=True, draws=100)
