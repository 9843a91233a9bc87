"""What became of every record: kept, with probes dropped or skipped, with the reasons; on the page and as CSV."""

from collections.abc import Sequence

import streamlit as st

from lga_core.data.checking.report import KINDS, RecordReport, by_record
from lga_core.data.facts import FactSet, Problem
from lga_core.service.page_parts.fact_report import outcomes_sentence, report_csv, report_rows
from lga_core.view.words.text import count
from pages._ui.facts import sets
from pages._ui.shell.elements import choice, download, hint, table
from pages._ui.shell.text import safe


@st.cache_resource(max_entries=4, show_spinner=False)
def _reports(mark: str, _fact_set: FactSet) -> tuple[RecordReport, ...]:
    return by_record(_fact_set)


def report(fact_set: FactSet) -> None:
    """Totals in words, the table, its download."""
    reports = _reports(fact_set.mark, fact_set)
    chosen = choice("Show", list(KINDS), "report_shown", "with a note")
    st.markdown(f"**{count(fact_set.n_records, 'record')}**: {outcomes_sentence(reports)}")
    shown = list(filter(KINDS[chosen], reports))
    if shown:
        event = table(
            report_rows(shown),
            most=460,
            key=f"report_table_{fact_set.mark}_{hash(tuple(item.record for item in shown)):x}",
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


def problem_table(problems: Sequence[Problem]) -> None:
    """What is wrong with each record and what was done about it."""
    if problems:
        rows = [{"record": item.record, "action": item.action, "problem": item.problem} for item in problems]
        table(rows, most=280, widths={"action": 110, "problem": 640})
