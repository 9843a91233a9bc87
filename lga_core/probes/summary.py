"""From probe results to a fact's metrics: mean within a probe group, then over groups (METHOD.md §5)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from lga_core.results import METRICS, Metric, ProbeResult


class Grouped(Protocol):
    """What belongs to a metric and to one of its groups: a probe, a question or a result."""

    @property
    def metric(self) -> str: ...

    @property
    def group(self) -> str: ...


def mean_of_present(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are there; None where none is."""
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def mean_over_groups(probes: Sequence[Grouped], values: Sequence[float], metric: str) -> float | None:
    """One metric of one fact: mean within a probe group, then over groups; None where it has no probe."""
    groups: dict[str, list[float]] = {}
    for probe, value in zip(probes, values, strict=True):
        if probe.metric == metric:
            groups.setdefault(probe.group, []).append(value)
    return mean_of_present(mean_of_present(group) for group in groups.values())


def summarize(results: Sequence[ProbeResult]) -> tuple[Mapping[str, Metric], Mapping[str, Metric]]:
    """Every metric of one fact before and after the edit; None where it has no probe, free also before the texts."""
    before = {name: _metric(results, name, "before") for name in METRICS}
    after = {name: _metric(results, name, "after") for name in METRICS}
    return before, after


def overall(metrics: Mapping[str, Metric]) -> tuple[float | None, tuple[str, ...]]:
    """Arithmetic mean of the teacher-forced metrics that the fact has, and which those are."""
    present = tuple(name for name in METRICS if metrics[name].teacher_forced is not None)
    return mean_of_present(metrics[name].teacher_forced for name in present), present


def _metric(results: Sequence[ProbeResult], name: str, side: str) -> Metric:
    forced = [getattr(result, side) for result in results]
    free = [getattr(result, f"free_{side}") for result in results]
    return Metric(
        teacher_forced=mean_over_groups(results, forced, name),
        free=None if None in free else mean_over_groups(results, [100.0 * named for named in free], name),
        n=sum(result.metric == name for result in results),
    )
