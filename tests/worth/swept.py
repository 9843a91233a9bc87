"""Sweeps and scores made by hand or drawn at random, for the tests of what they are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from lga_core.results import METRICS, Cost, FactRow, LayerScores, Pick, Sweep, SweepCell
from lga_core.scores.methods import View, layer_scores
from lga_core.worth.racing import RaceSettings

Place = tuple[int, int]
QUIET = RaceSettings(draws=0)  # no bootstrap, where only the rounds are looked at
PARTS = [
    f"{part}/{scope}"
    for part in ("product", "norm-old", "norm-new")
    for scope in ("mlp", "mlp-down", "attention", "block")
]


def sweep_of(
    after: Mapping[str, Sequence[Sequence[float | None]]],
    layers: Sequence[int] | None = None,
    records: Sequence[int] | None = None,
    missing: Sequence[Place] = (),
    editor: str = "r-rome",
) -> Sweep:
    """A sweep with these values: metric -> facts × layers, None where a fact lacks it; a metric left out has none.

    `missing`: (fact, layer) places that are not measured.
    """
    n, width = np.shape(next(iter(after.values())))
    layers, records = layers or range(width), records or range(n)
    cells = [
        SweepCell(
            record=record,
            layer=layer,
            before=dict.fromkeys(METRICS, 0.0),
            after={name: after[name][i][j] if name in after else None for name in METRICS},
            probes=dict.fromkeys(METRICS, 1),
            nll=dict.fromkeys(METRICS, 1.0),
            target_error=0.0,
            delta_norm=1.0,
            clamped=False,
            losses=(2.0, 1.0),
            cost=Cost(seconds=0.5, forward_rows=3, backward_rows=1),
        )
        for i, record in enumerate(records)
        for j, layer in enumerate(layers)
        if (i, j) not in missing
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
    return sweep_of(
        {name: np.where(np.isnan(values), None, values)[list(facts)].tolist() for name, values in sweep.after.items()},
        sweep.layers,
        [sweep.records[i] for i in facts],
    )


def lga_scores(
    products: Sequence[Sequence[float]], view: View | None = None, unused: Sequence[int] = ()
) -> LayerScores:
    """LGA's scores of rows with these products (facts × layers) in every scope; without fences unless told."""
    rows = []
    for record, row in enumerate(np.asarray(products, dtype=float)):
        values = {part: row if part.startswith("product") else np.abs(row) + 1 for part in PARTS}
        used = record not in unused
        rows.append(
            FactRow(
                record=record,
                status="used" if used else "no old answer",
                old_answer="a",
                old_source="data",
                known=True,
                values=values if used else {},
                cost=Cost(seconds=0.1),
            )
        )
    return layer_scores("lga", rows, np.shape(products)[1], view or View(fences=None))


def ranking_of(layers, cost=None, reason=None) -> Pick:
    return Pick(
        selector="forecast",
        title="Forecast",
        layer=next(iter(layers), None),
        ranking=tuple(layers),
        layers=tuple(range(10)),
        scores=np.zeros(10),
        own_layer=None,
        n_facts=1,
        reason=reason,
        cost=cost or Cost(),
    )


def noisy(means, seed, facts=32, spread=20.0, coarse=None):
    """A sweep whose Overall is the layer's mean plus what the fact and the cell add; `coarse`: in steps of so much."""
    rng = np.random.default_rng([seed, 1])
    values = np.array(means) + rng.normal(0, spread, (facts, 1)) + rng.normal(0, spread, (facts, len(means)))
    return replace(
        flat(*values.shape),
        after={**flat(*values.shape).after, "rewrite": np.round(values / coarse) * coarse if coarse else values},
    )


@cache
def flat(facts, layers):
    """Making cells takes longer than racing them: they are made once."""
    return sweep_of({"rewrite": np.zeros((facts, layers)).tolist()})
