"""Sweeps and scores made by hand or drawn at random, for the tests of what they are worth."""

from collections.abc import Mapping, Sequence

import numpy as np

from lga_core.results import METRICS, Cost, FactRow, LayerScores, Sweep, SweepCell
from lga_core.scores.methods import View, layer_scores

Place = tuple[int, int]
PARTS = [f"{part}/{scope}" for part in ("product", "norm-old", "norm-new")
         for scope in ("mlp", "mlp-down", "attention", "block")]


def sweep_of(after: Mapping[str, Sequence[Sequence[float | None]]], layers: Sequence[int] | None = None,
             records: Sequence[int] | None = None, missing: Sequence[Place] = (), editor: str = "r-rome") -> Sweep:
    """A sweep with these values: metric -> facts × layers, None where a fact lacks it; a metric left out has none.

    `missing`: (fact, layer) places that are not measured.
    """
    n, width = np.shape(next(iter(after.values())))
    layers, records = layers or range(width), records or range(n)
    cells = [
        SweepCell(
            record=record, layer=layer, before=dict.fromkeys(METRICS, 0.0),
            after={name: after[name][i][j] if name in after else None for name in METRICS},
            probes=dict.fromkeys(METRICS, 1), nll=dict.fromkeys(METRICS, 1.0), target_error=0.0, delta_norm=1.0,
            clamped=False, losses=(2.0, 1.0), cost=Cost(seconds=0.5, forward_rows=3, backward_rows=1),
        )
        for i, record in enumerate(records) for j, layer in enumerate(layers) if (i, j) not in missing
    ]
    return Sweep.of(cells, records, layers, editor, {"seed": 0})


def random_sweep(seed: int, facts: int = 6, layers: int = 5, first: int = 0, missing: Sequence[Place] = ()) -> Sweep:
    """Coarse percentages, so that ties are common; every third fact lacks portability, and none has rephrases."""
    rng = np.random.default_rng(seed)
    after = {name: (rng.integers(0, 5, (facts, layers)) * 25.0).tolist() for name in METRICS if name != "rephrase"}
    after["portability"] = [[None] * layers if i % 3 == 2 else row for i, row in enumerate(after["portability"])]
    return sweep_of(after, records=range(first, first + facts), missing=missing)


def facts_of(sweep: Sweep, facts: Sequence[int]) -> Sweep:
    """The facts at these places, in this order."""
    return sweep_of({name: np.where(np.isnan(values), None, values)[list(facts)].tolist()
                     for name, values in sweep.after.items()}, sweep.layers, [sweep.records[i] for i in facts])


def lga_scores(products: Sequence[Sequence[float]], view: View | None = None,
               unused: Sequence[int] = ()) -> LayerScores:
    """LGA's scores of rows with these products (facts × layers) in every scope; without fences unless told."""
    rows = []
    for record, row in enumerate(np.asarray(products, dtype=float)):
        values = {part: row if part.startswith("product") else np.abs(row) + 1 for part in PARTS}
        used = record not in unused
        rows.append(FactRow(
            record=record, status="used" if used else "no old answer", old_answer="a", old_source="data", known=True,
            values=values if used else {}, cost=Cost(seconds=0.1)))
    return layer_scores("lga", rows, np.shape(products)[1], view or View(fences=None))
