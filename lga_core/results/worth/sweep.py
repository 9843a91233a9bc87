"""The ground truth: every fact edited at every layer alone, and what each edit did (METHOD.md §6)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from lga_core.results.base import Answers, Array, Cost, LeftOut, Result, ShownResult

METRICS = ("rewrite", "rephrase", "locality", "portability")


@dataclass(frozen=True, kw_only=True)
class SweepCell(Result):
    """One fact edited at one layer alone; metrics by the teacher-forced protocol, percent, None where it has none."""

    record: int
    layer: int
    before: Mapping[str, float | None]  # metric -> percent on the unedited model
    after: Mapping[str, float | None]
    probes: Mapping[str, int]  # metric -> how many were asked
    nll: Mapping[str, float | None]  # metric -> nats a token of the expected answers after the edit
    target_error: float | None  # ‖W'k − v*‖ / ‖v*‖; None for editors without a v*
    delta_norm: float  # ‖ΔW‖, Frobenius
    clamped: bool | None  # δ reached its norm bound; None for editors without a δ
    losses: tuple[float, ...]  # nll of the new answer at each step of the editor's search
    cost: Cost = Cost()  # its share of the batch that it was measured in


@dataclass(frozen=True, kw_only=True)
class Sweep(ShownResult):
    """Facts × layers, complete or as far as it got; NaN where a cell is missing or the fact lacks the metric."""

    editor: str
    settings: Mapping[str, Any]
    records: tuple[int, ...]
    layers: tuple[int, ...]
    before: Mapping[str, Array]  # metric -> (facts,)
    after: Mapping[str, Array]  # metric -> (facts, layers)
    nll: Mapping[str, Array]  # metric -> (facts, layers)
    probes: Mapping[str, Array]  # metric -> (facts,)
    target_error: Array  # (facts, layers)
    delta_norm: Array  # (facts, layers)
    clamped: Array  # (facts, layers) 0 or 1
    steps: Array  # (facts, layers) of the editor's search
    measured: Array  # (facts, layers) 1 where the cell is there
    costs: Mapping[str, Array]  # field of Cost -> (facts, layers)
    cost: Cost
    answers: Answers = "best"  # which counted; earlier versions, which did not record it, took the best
    left_out: LeftOut = field(default_factory=dict)
    dropped_locality: int | None = None  # probes whose gold is the new answer, which are never asked; None: unknown

    @classmethod
    def of(
        cls,
        cells: Iterable[SweepCell],
        records: Sequence[int],
        layers: Sequence[int],
        editor: str,
        settings: Mapping[str, Any],
        *,
        answers: Answers = "first",
        left_out: LeftOut | None = None,
        dropped_locality: int | None = None,
    ) -> "Sweep":
        """The sweep that these cells make; cells of other facts or layers are left out.

        Its layers are in order, however they were asked for: among equal means the first one is the lower layer.
        """
        layers = tuple(sorted(set(layers)))
        row, column = ({name: i for i, name in enumerate(names)} for names in (records, layers))
        placed = {
            (row[cell.record], column[cell.layer]): cell
            for cell in cells
            if cell.record in row and cell.layer in column
        }

        def grid(value) -> np.ndarray:
            values = np.full((len(row), len(column)), np.nan)
            for place, cell in placed.items():
                values[place] = value(cell)  # None becomes NaN
            return values

        def by_fact(value) -> np.ndarray:
            values = np.full(len(row), np.nan)
            for (fact, _layer), cell in placed.items():
                values[fact] = value(cell)  # the same in every cell of a fact
            return values

        return cls(
            editor=editor,
            settings=settings,
            records=tuple(records),
            layers=layers,
            before={name: by_fact(lambda cell, name=name: cell.before[name]) for name in METRICS},
            after={name: grid(lambda cell, name=name: cell.after[name]) for name in METRICS},
            nll={name: grid(lambda cell, name=name: cell.nll[name]) for name in METRICS},
            probes={name: by_fact(lambda cell, name=name: cell.probes[name]) for name in METRICS},
            target_error=grid(lambda cell: cell.target_error),
            delta_norm=grid(lambda cell: cell.delta_norm),
            clamped=grid(lambda cell: cell.clamped),
            steps=grid(lambda cell: max(len(cell.losses) - 1, 0)),
            measured=grid(lambda _cell: 1.0),
            costs={item.name: grid(lambda cell, name=item.name: getattr(cell.cost, name)) for item in fields(Cost)},
            cost=sum((cell.cost for cell in placed.values()), Cost()),
            answers=answers,
            left_out=left_out or {},
            dropped_locality=dropped_locality,
        )

    @property
    def complete(self) -> bool:
        return bool((self.measured == 1).all())

    @property
    def has(self) -> tuple[str, ...]:
        """The metrics that at least one fact has: what Overall is made of."""
        return tuple(name for name in METRICS if not np.isnan(self.after[name]).all())

    @property
    def overall(self) -> np.ndarray:
        """A (facts, layers): the arithmetic mean of the metrics that a fact has, percent (METHOD.md §5)."""
        return mean_present(np.stack([self.after[name] for name in METRICS]), axis=0)

    def mean(self, metric: str) -> np.ndarray:
        """(layers,) mean over the facts that have the metric (or "overall"), percent; NaN where none has."""
        return mean_present(self.overall if metric == "overall" else self.after[metric], axis=0)


def mean_present(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over the entries that are there (not NaN); NaN where none is."""
    present = ~np.isnan(values)
    count = present.sum(axis)
    total = np.where(present, values, 0.0).sum(axis)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
