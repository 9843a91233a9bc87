"""How the facts of a ledger fare: means before and now, each fact, and what each change did to them."""

import pandas as pd
import streamlit as st

from lga_core.evaluation.metrics import METRICS
from lga_core.results import FactMean, LedgerFact, LedgerReport
from lga_core.view.ledger import ledger_history
from lga_core.view.text import count
from pages._ui import jobs, ledger_jobs
from pages._ui.book import Book
from pages._ui.layers import chart, theme_name
from pages._ui.text import safe


def means(book: Book) -> None:
    """Means over the facts of the edits that are on, before and now, by both protocols."""
    report = book.report
    if report is None:
        return
    if not book.current:
        st.caption("Being measured; these numbers are from before the change." if
                   jobs.is_running(ledger_jobs.MEASURING) or jobs.is_running(ledger_jobs.WRITING) else
                   ":orange[These numbers are from before the last change.]")
    for column, name in zip(st.columns(len(METRICS), gap="small"), METRICS, strict=True):
        before, now = report.before[name], report.now[name]
        column.metric(f"{name.capitalize()}, n {now.n}", _span(before, now, "teacher_forced"),
                      f"free {_span(before, now, 'free')}", delta_color="off", delta_arrow="off", border=True)
    st.caption("Percent, unedited model → now; means over the n facts of edits that are on. Large: teacher-forced "
               "token accuracy. Below: free generation, exact prefix match.")


def history(book: Book) -> None:
    """One metric of each fact after each change: whether later edits damage earlier ones."""
    if not book.changes:
        return
    metric = st.segmented_control("Metric", METRICS, key="history_metric", default="rewrite", required=True,
                                  format_func=str.capitalize, persist_state="session", label_visibility="collapsed")
    figure = ledger_history([(change.words, change.report) for change in book.changes], metric,
                            theme_name=theme_name())
    chart(figure, "ledger_history", f"Heatmap: {metric} of each fact after each of {len(book.changes)} changes.")


def facts(report: LedgerReport) -> None:
    """Each fact with all four metrics before and now."""
    rows = [_row(number, fact) for number, fact in enumerate(report.facts, start=1)]
    column = st.column_config
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, width="stretch", height=min(38 + 35 * len(rows), 420),
        key="ledger_facts", alt="Table of the facts before and now", placeholder="n/a",
        column_config={"#": column.NumberColumn(width=40), "on": column.TextColumn(width=45),
                       "prompt": column.TextColumn(width=260)}
        | {name: column.TextColumn(width=105, alignment="right") for name in METRICS})
    st.caption("Teacher-forced, percent, unedited model → now.")
    for number, fact in enumerate(report.facts, start=1):
        for dropped in fact.dropped_probes:
            st.caption(safe(f"Fact {number}, dropped: {dropped}"))


def probes(report: LedgerReport) -> None:
    """The texts of one fact's probes."""
    names = {number: f"{number} · {fact.subject} → {fact.target_new}"
             for number, fact in enumerate(report.facts, start=1)}
    chosen = st.selectbox("Texts of", names, format_func=names.get, key=f"probes_of_{len(names)}")
    fact = report.facts[chosen - 1]
    st.dataframe(pd.DataFrame([
        {"metric": probe.metric, "prompt": probe.prompt, "expected": probe.expected, "unedited": probe.text_before,
         "now": probe.text_after, "forced %": f"{probe.before:.0f} → {probe.after:.0f}"} for probe in fact.probes
    ]), hide_index=True, width="stretch", alt=f"Table of {count(len(fact.probes), 'probe')}")


def _row(number: int, fact: LedgerFact) -> dict[str, object]:
    cells = {name: _span(fact.before[name], fact.now[name], "teacher_forced") for name in METRICS}
    return {"#": number, "on": "yes" if fact.enabled else "no", "prompt": fact.prompt, "new answer": fact.target_new,
            **cells}


def _span(before: FactMean, now: FactMean, protocol: str) -> str:
    return f"{_whole(getattr(before, protocol))} → {_whole(getattr(now, protocol))}" if now.n else "n/a"


def _whole(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0f}"
