"""The report of a fact set in words, in rows and as CSV."""

import csv
import io

from lga_core.data.checking.report import RecordReport
from lga_core.service.page_parts.fact_report import outcomes_sentence, report_csv, report_rows


def record(number, outcome="kept", prompt="A is", flags=(), problems=()):
    return RecordReport(record=number, outcome=outcome, prompt=prompt, flags=flags, problems=problems)


REPORTS = (
    record(0),
    record(1, flags=("duplicate", "no-op"), problems=("The prompt is that of record 0.", "Nothing would change.")),
    record(2, "probe dropped", problems=("A probe has no answer.",)),
    record(3, "record skipped", prompt=None, problems=("There is no subject, or two.",)),
)


def test_the_totals_add_up():
    assert outcomes_sentence(REPORTS) == (
        "2 kept whole, 1 with a probe dropped, 1 skipped. Among them 1 with the prompt of an earlier record and 1 "
        "whose edit would change nothing."
    )


def test_a_row_has_the_flags_and_every_note():
    rows = report_rows(REPORTS)
    assert [row["outcome"] for row in rows] == ["kept", "kept", "probe dropped", "record skipped"]
    assert rows[1]["flags"] == "duplicate, no-op"
    assert rows[1]["notes"] == "The prompt is that of record 0. · Nothing would change."
    assert rows[3]["prompt"] is None


def test_the_csv_has_a_column_for_each_flag():
    lines = list(csv.DictReader(io.StringIO(report_csv(REPORTS))))
    assert [line["record"] for line in lines] == ["0", "1", "2", "3"]
    assert [(line["duplicate"], line["no_op"]) for line in lines[:2]] == [("false", "false"), ("true", "true")]
    assert lines[3]["prompt"] == "" and lines[3]["notes"] == "There is no subject, or two."
