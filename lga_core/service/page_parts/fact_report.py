"""The report of a fact set in words and rows: what became of every record, on the page and as CSV."""

from collections.abc import Sequence

from lga_core.data.checking.report import KINDS, RecordReport
from lga_core.view.export.frames.table import TEXT, TRUTH, WHOLE, table, to_csv


def outcomes_sentence(reports: Sequence[RecordReport]) -> str:
    """How many records were kept whole, kept with fewer probes and skipped, and how many have a flag."""
    having = {kind: sum(map(passes, reports)) for kind, passes in KINDS.items()}
    whole = len(reports) - having["probe dropped"] - having["skipped"]
    return (
        f"{whole:,} kept whole, {having['probe dropped']:,} with a probe dropped, {having['skipped']:,} skipped. Among "
        f"them {having['duplicate']:,} with the prompt of an earlier record and {having['no-op']:,} whose edit would "
        "change nothing."
    )


def report_rows(reports: Sequence[RecordReport]) -> list[dict[str, object]]:
    """One row a record."""
    return [
        {
            "record": item.record,
            "outcome": item.outcome,
            "flags": ", ".join(item.flags),
            "prompt": item.prompt,
            "notes": " · ".join(item.problems),
        }
        for item in reports
    ]


def report_csv(reports: Sequence[RecordReport]) -> str:
    """One line a record, each flag in a column of its own; its notes in one cell."""
    columns = {"record": WHOLE, "outcome": TEXT, "duplicate": TRUTH, "no_op": TRUTH, "prompt": TEXT, "notes": TEXT}
    lines = [
        (
            item.record,
            item.outcome,
            "duplicate" in item.flags,
            "no-op" in item.flags,
            item.prompt,
            " ".join(item.problems),
        )
        for item in reports
    ]
    return to_csv(table(columns, lines))
