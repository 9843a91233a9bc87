"""Two sets of a run's rows side by side: how far their numbers are apart, and which texts differ."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lga_core.results import Cost, Provenance, ReplayReport, Result
from lga_core.results.base import adapter
from lga_core.runs.storage.provenance import recorded_dtype

TOLERANCE = 1e-4  # float32 on other hardware, or in batches of another size, differs by less
HALF_TOLERANCES = {"float16": 5e-3, "bfloat16": 3e-2}  # the same of these: LGA in another batch, 0.008 in bfloat16
SMALLEST = 0.01  # a number that stands alone is compared with at least this: below it, rounding is all there is
SHARES = ("target_errors",)  # shares already (of ‖v*‖), and nothing but rounding: compared as they are
# What it took, a fact's place in its file, and what earlier versions did not keep: tokens, whose text is compared, and
# how many probes the file had that are never asked.
NOT_COMPARED = ("cost", "edit_cost", "record", "greedy_ids", "dropped_locality")


def compared(
    asked: Provenance, stored: Mapping[str, Result], again: Mapping[str, Result], machine_now: str
) -> ReplayReport:
    """Two sets of rows, value by value."""
    largest = 0.0
    where: str | None = None
    texts = 0
    tolerance = HALF_TOLERANCES.get(recorded_dtype(asked), TOLERANCE)
    for name, row in stored.items():
        if name not in again:
            texts += 1
            continue
        for place, difference in _differences(_plain(row), _plain(again[name])):
            if difference is None:
                texts += 1
            elif difference > largest:
                largest = difference
                where = f"{name[:12]}: {place}"
    return ReplayReport(
        run=asked.key,
        equal=largest <= tolerance and not texts,
        largest_difference=largest,
        where=where,
        tolerance=tolerance,
        rows=len(stored),
        differing_texts=texts,
        machine=asked.machine,
        machine_now=machine_now,
        cost=sum((getattr(row, "cost", Cost()) for row in again.values()), Cost()),
    )


def _plain(row: Result) -> Any:
    return adapter(type(row)).dump_python(row, mode="json", warnings=False)


def _differences(then: Any, now: Any, place: str = "") -> Iterator[tuple[str, float | None]]:
    """Every place at which two plain values differ; numbers by how much, as a share; None for anything else."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in (then.keys() | now.keys()) - set(NOT_COMPARED):
            yield from _differences(then.get(name), now.get(name), f"{place}.{name}".strip("."))
    elif _numeric(then) and _numeric(now):
        alone = SMALLEST if np.ndim(then) == 0 else 0.0
        least = 1.0 if place.rsplit(".", 1)[-1] in SHARES else alone
        yield place, _share(np.array(then, dtype=float), np.array(now, dtype=float), least)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for index, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]")
    elif then != now:
        yield place, None


def _numeric(value: Any) -> bool:
    """A number, or nested lists of numbers and missing ones."""
    if isinstance(value, list):
        return bool(value) and all(item is None or _numeric(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(then: np.ndarray, now: np.ndarray, least: float) -> float:
    """The largest difference as a share of the largest value, which counts as `least` at least.

    Infinite where shapes or missing values differ.
    """
    if then.shape != now.shape or (np.isnan(then) != np.isnan(now)).any():
        return math.inf
    difference = np.nan_to_num(np.abs(then - now)).max()
    largest = np.nan_to_num(np.abs(then)).max()
    return float(difference / (max(largest, least) or 1.0))
