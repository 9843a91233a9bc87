"""What measurements over facts share: rows batch by batch, what is reported, and the seconds that it took.

The count of the progress is of facts; what is done inside of one is the detail.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

import numpy as np

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.halving import Halving
from lga_core.progress import Phase, Progress, Reporter
from lga_core.results import Cost, FactRow, KnownFactCheck, OldSource

P = TypeVar("P")


def rows_in_batches(
    prepared: Sequence[P | FactRow],
    batches: Iterable[Sequence[P]],
    measure: Callable[[Sequence[P]], Iterable[FactRow]],
    size: Callable[[Sequence[P]], float],
    phase: Phase,
    done: int,
    total: int,
    report: Reporter,
) -> Iterator[FactRow]:
    """One row a fact: first of those that are not measured, then batch by batch, in halves where memory runs out.

    `prepared` has the row of a fact that is not measured. `size` is what a batch takes, in any unit. `done` of `total`
    facts had their row before these. Where the numbers of a fact are not finite each of its batch is measured alone: in
    a line of rows, masked ones times NaN are NaN.
    """
    halving = Halving(phase=phase)

    def measure_part(part: Sequence[P]) -> list[FactRow]:
        rows = list(measure(part))
        if len(part) > 1 and not all(row.used for row in rows):
            rows = [row for one in part for row in measure([one])]
        return rows

    unmeasured = [item for item in prepared if isinstance(item, FactRow)]
    yield from unmeasured
    done += len(unmeasured)
    for batch in batches:
        yield from halving.each(measure_part, batch, size, report=inside(report, phase, done, total))
        done += len(batch)


def inside(report: Reporter, phase: Phase, done: int, total: int, unit: str = "") -> Reporter:
    """A reporter for the steps inside of one fact, batch or `unit`: the count of these stays `done` of `total`."""

    def report_detail(step: Progress) -> None:
        report(Progress(phase=phase, done=done, total=total, detail=step.detail, unit=unit))

    return report_detail


def measured_row(
    model: LoadedModel,
    check: KnownFactCheck,
    answer: str | None,
    source: OldSource,
    values: Mapping[str, np.ndarray],
    cost: Cost,
    what: str,
) -> FactRow:
    """The fact's row. Values that are not finite would spoil the totals of all facts: they are not used.

    `what` they are, for the reason: "gradients".
    """
    if all(np.isfinite(value).all() for value in values.values()):
        return FactRow.measured(check, answer, source, values, cost)
    why = f"its {what} are not finite: an overflow in {str(model.dtype).removeprefix('torch.')}"
    return replace(FactRow.not_used(check, why, answer, source), cost=cost)


class Stopwatch:
    """Seconds that the computation took. A reporter's own are left out: other work may use the model meanwhile."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._begin = perf_counter()
        self._reporting = 0.0

    def report(self, step: Progress) -> None:
        """The reporter to use while this runs."""
        begin = perf_counter()
        self._report(step)
        self._reporting += perf_counter() - begin

    @property
    def seconds(self) -> float:
        return perf_counter() - self._begin - self._reporting
