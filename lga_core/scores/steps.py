"""What measurements over facts share: rows in the facts' order, what is reported, and the seconds that it took.

The count of the progress is of facts; what is done inside of one is the detail.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Protocol, TypeVar

from lga_core.data.facts import Fact
from lga_core.models.running.halving import Halving
from lga_core.progress import Phase, Progress, Reporter
from lga_core.results import FactRow


class Prepared(Protocol):
    """A fact that is ready to be measured."""

    @property
    def fact(self) -> Fact: ...


P = TypeVar("P", bound=Prepared)


def rows_in_order(
    prepared: Sequence[P | FactRow],
    batches: Iterable[Sequence[P]],
    measure: Callable[[Sequence[P], int], Iterable[FactRow]],
) -> Iterator[FactRow]:
    """One row a fact, in order; a batch is measured when its first fact is due.

    `prepared` has the row of a fact that is not measured. `measure` is given a batch and how many rows came before.
    """
    batch_of = {item.fact.record: batch for batch in batches for item in batch}
    measured: dict[int, FactRow] = {}
    for number, item in enumerate(prepared):
        if isinstance(item, FactRow):
            yield item
            continue
        record = item.fact.record
        if record not in measured:
            measured.update((row.record, row) for row in measure(batch_of[record], number))
        yield measured.pop(record)


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
    """`rows_in_order` of batches that are measured in halves where memory runs out, which is reported.

    `size` is what a batch takes, in any unit. `done` of `total` facts had their row before these.
    """
    halving = Halving(phase=phase)

    def measure_batch(batch: Sequence[P], rows_before: int) -> list[FactRow]:
        return halving.run(measure, batch, size, report=inside(report, phase, done + rows_before, total))

    yield from rows_in_order(prepared, batches, measure_batch)


def inside(report: Reporter, phase: Phase, done: int, total: int, unit: str = "") -> Reporter:
    """A reporter for the steps inside of one fact, batch or `unit`: the count of these stays `done` of `total`."""

    def report_detail(step: Progress) -> None:
        report(Progress(phase=phase, done=done, total=total, detail=step.detail, unit=unit))

    return report_detail


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
