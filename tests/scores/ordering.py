"""Rows of a measurement, which hands them out batch by batch, in the order of the facts."""

from collections.abc import Iterable, Sequence

from lga_core.data.facts import Fact
from lga_core.results import FactRow


def in_order(rows: Iterable[FactRow], facts: Sequence[Fact]) -> list[FactRow]:
    """Each row once; a fact without one is left out."""
    given = list(rows)
    by_record = {row.record: row for row in given}
    assert len(by_record) == len(given)
    return [by_record[fact.record] for fact in facts if fact.record in by_record]
