"""One number with what it says about itself: what stands in a row of cards, on a page and in a report."""

from collections.abc import Mapping
from dataclasses import dataclass

from lga_core.results import METRICS, FactMean, Metric
from lga_core.view.words.edits.sentences import before_after
from lga_core.view.words.text import fixed


@dataclass(frozen=True, kw_only=True)
class Card:
    """A number, what it is, what stands below it, and what explains it. Untrusted text is not escaped."""

    label: str
    value: str
    below: str = ""
    help: str | None = None


def unedited_cards(before: Mapping[str, Metric]) -> list[Card]:
    """Every metric before the edit, teacher-forced, while there is none after it yet."""
    return [
        Card(label=f"{name.capitalize()}, n {before[name].n}", value=f"{fixed(before[name].teacher_forced)} → …")
        for name in METRICS
        if name in before
    ]


def metric_cards(
    before: Mapping[str, Metric | FactMean], after: Mapping[str, Metric | FactMean], pending: str | None = None
) -> list[Card]:
    """Every metric before and after edits, by both protocols. `pending`: in place of free answers not there yet."""
    return [
        Card(
            label=f"{name.capitalize()}, n {after[name].n}",
            value=before_after(before[name], after[name], "teacher_forced"),
            below=f"free {pending or before_after(before[name], after[name], 'free')}",
        )
        for name in METRICS
        if name in after
    ]
