"""What became of every record: kept, with probes dropped or skipped, with the reasons; on the page and as CSV."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lga_core.data.checks import PROBES_PER_GROUP
from lga_core.data.facts import FactSet, Problem
from lga_core.data.report import RecordReport, by_record
from lga_core.view.export import table_csv
from lga_core.view.text import count
from pages._ui import facts_sets
from pages._ui.text import safe

_SHOWN = {
    "all": "all records", "noted": "with a note", "dropped": "probe dropped", "skipped": "skipped",
    "duplicate": "duplicate", "no-op": "no-op", "capped": "over the cap",
}


@st.cache_resource(max_entries=4, show_spinner=False)
def _reports(mark: str, _found: FactSet) -> tuple[RecordReport, ...]:
    return by_record(_found)


def report(found: FactSet) -> None:
    """Totals in words, the table, its download."""
    reports = _reports(facts_sets.mark(found), found)
    chosen = st.segmented_control("Show", list(_SHOWN), key="report_shown", default="noted", required=True,
                                  format_func=_SHOWN.get, persist_state="session")
    st.markdown(totals(found, reports))
    shown = [item for item in reports if _passes(item, chosen)]
    if shown:
        table = pd.DataFrame([(item.record, item.outcome, ", ".join(_flags(item)), item.prompt,
                               " · ".join(item.problems)) for item in shown],
                             columns=["record", "outcome", "flags", "prompt", "notes"])
        column = st.column_config
        event = st.dataframe(
            table, hide_index=True, width="stretch", height=min(38 + 35 * len(table), 460),
            key=f"report_table_{hash(tuple(item.record for item in shown)):x}", on_select="rerun",
            selection_mode="single-row",
            column_config={"record": column.NumberColumn("#", width=50),
                           "outcome": column.TextColumn(width=110), "flags": column.TextColumn(width=110),
                           "prompt": column.TextColumn(width=240), "notes": column.TextColumn(width="large")})
        _in_full([shown[at] for at in event.selection.rows if at < len(shown)])
    else:
        st.info("No record of this kind.", icon=":material/check_circle:")
    st.download_button("Download the report", lambda: report_csv(reports), key="download_report", mime="text/csv",
                       file_name=facts_sets.file_name(found.name, "-report.csv"), icon=":material/download:",
                       on_click="ignore", help="Every record, as CSV.")


def _in_full(ticked: list[RecordReport]) -> None:
    """Every note of the record that is ticked."""
    if not ticked:
        st.caption("Tick a row to read its notes in full.")
    for item in ticked:
        with st.container(border=True):
            st.markdown(f"**{item.record}** · {item.outcome}" + (f" · {safe(item.prompt)}" if item.prompt else ""))
            st.markdown("\n".join(f"- {safe(problem)}" for problem in item.problems) or "Nothing to note.")


def totals(found: FactSet, reports: tuple[RecordReport, ...]) -> str:
    """The counts, and where the cap applied."""
    def having(shown: str) -> int:
        return sum(_passes(item, shown) for item in reports)

    whole = len(reports) - having("dropped") - having("skipped")
    parts = [f"**{count(found.n_records, 'record')}**: {whole:,} kept whole, {having('dropped'):,} with a probe "
             f"dropped, {having('skipped'):,} skipped. Among them {having('duplicate'):,} with the prompt of an "
             f"earlier record and {having('no-op'):,} whose edit would change nothing."]
    parts.append(f"A record keeps its first {PROBES_PER_GROUP} probes of a group; "
                 + (f"{count(having('capped'), 'record')} had more." if having("capped") else "none had more."))
    return " ".join(parts)


def report_csv(reports: tuple[RecordReport, ...]) -> str:
    """One line a record; its notes in one cell."""
    return table_csv(
        ("record", "outcome", "duplicate", "no_op", "over_cap", "prompt", "notes"),
        ((item.record, item.outcome, item.duplicate, item.no_op, item.capped, item.prompt, " ".join(item.problems))
         for item in reports))


def _passes(item: RecordReport, shown: str) -> bool:
    return {"all": True, "noted": bool(item.problems), "dropped": item.outcome == "probe dropped",
            "skipped": item.outcome == "record skipped", "duplicate": item.duplicate, "no-op": item.no_op,
            "capped": item.capped}[shown]


def _flags(item: RecordReport) -> list[str]:
    flags = (("duplicate", item.duplicate), ("no-op", item.no_op), ("over the cap", item.capped))
    return [word for word, holds in flags if holds]


def problem_table(problems: Sequence[Problem]) -> None:
    """What is wrong with each record and what was done about it."""
    if problems:
        table = pd.DataFrame([(item.record, item.action, item.problem) for item in problems],
                             columns=["record", "action", "problem"])
        st.dataframe(table, hide_index=True, width="stretch", height=min(38 + 35 * len(table), 280),
                     column_config={"record": st.column_config.NumberColumn("#", width=50),
                                    "action": st.column_config.TextColumn(width=110),
                                    "problem": st.column_config.TextColumn(width=640)})
