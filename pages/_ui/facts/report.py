"""What became of every record: kept, with probes dropped or skipped, with the reasons; on the page and as CSV."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lga_core.data.checking.report import KINDS, RecordReport, by_record
from lga_core.data.facts import FactSet, Problem
from lga_core.view.export.frames.table import TEXT, TRUTH, WHOLE, to_csv
from lga_core.view.export.frames.table import table as frame
from lga_core.view.words.text import count
from pages._ui.facts import sets
from pages._ui.shell.elements import choice, download, hint, table
from pages._ui.shell.text import safe


@st.cache_resource(max_entries=4, show_spinner=False)
def _reports(mark: str, _fact_set: FactSet) -> tuple[RecordReport, ...]:
    return by_record(_fact_set)


def report(fact_set: FactSet) -> None:
    """Totals in words, the table, its download."""
    mark = sets.mark(fact_set)
    reports = _reports(mark, fact_set)
    chosen = choice("Show", list(KINDS), "report_shown", "with a note")
    st.markdown(totals(fact_set, reports))
    shown = list(filter(KINDS[chosen], reports))
    if shown:
        rows = pd.DataFrame(
            [
                (item.record, item.outcome, ", ".join(item.flags), item.prompt, " · ".join(item.problems))
                for item in shown
            ],
            columns=["record", "outcome", "flags", "prompt", "notes"],
        )
        event = table(
            rows,
            most=460,
            key=f"report_table_{mark}_{hash(tuple(item.record for item in shown)):x}",
            on_select="rerun",
            selection_mode="single-row",
            widths={"outcome": 110, "flags": 110, "prompt": 240, "notes": 400},
        )
        _in_full([shown[at] for at in event.selection.rows if at < len(shown)])
    else:
        hint("No record of this kind.", "check_circle")
    download(
        "Download the report",
        lambda: report_csv(reports),
        sets.file_name(fact_set.name, "-report.csv"),
        "text/csv",
        key="download_report",
        help="Every record, as CSV.",
    )


def _in_full(ticked: list[RecordReport]) -> None:
    """Every note of the record that is ticked."""
    if not ticked:
        st.caption("Tick a row to read its notes in full.")
    for item in ticked:
        with st.container(border=True):
            st.markdown(f"**{item.record}** · {item.outcome}" + (f" · {safe(item.prompt)}" if item.prompt else ""))
            st.markdown("\n".join(f"- {safe(problem)}" for problem in item.problems) or "Nothing to note.")


def totals(fact_set: FactSet, reports: tuple[RecordReport, ...]) -> str:
    """The counts."""
    having = {kind: sum(map(passes, reports)) for kind, passes in KINDS.items()}
    whole = len(reports) - having["probe dropped"] - having["skipped"]
    return (
        f"**{count(fact_set.n_records, 'record')}**: {whole:,} kept whole, {having['probe dropped']:,} with a "
        f"probe dropped, {having['skipped']:,} skipped. Among them {having['duplicate']:,} with the prompt of an "
        f"earlier record and {having['no-op']:,} whose edit would change nothing."
    )


def report_csv(reports: tuple[RecordReport, ...]) -> str:
    """One line a record; its notes in one cell."""
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
    return to_csv(frame(columns, lines))


def problem_table(problems: Sequence[Problem]) -> None:
    """What is wrong with each record and what was done about it."""
    if problems:
        rows = [{"record": item.record, "action": item.action, "problem": item.problem} for item in problems]
        table(rows, most=280, widths={"action": 110, "problem": 640})
