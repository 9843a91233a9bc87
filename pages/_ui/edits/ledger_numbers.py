"""How the facts of a ledger fare: means before and now, each fact, and what each change did to them."""

import streamlit as st

from lga_core.results import METRICS, LedgerReport
from lga_core.service.ledger_view import LedgerView
from lga_core.view.figures.edits.ledger_history import ledger_history
from lga_core.view.words.cards import metric_cards
from lga_core.view.words.edits.rows import ledger_probe_rows, ledger_rows
from lga_core.view.words.protocol import ledger_note
from lga_core.view.words.text import count
from pages._ui.edits.ledger_jobs import LEDGER
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import cards, choice, table
from pages._ui.shell.text import safe


def means(ledger: LedgerView) -> None:
    """Means over the facts of the edits that are on, before and now, by both protocols."""
    report = ledger.report
    if report is None:
        return
    if not ledger.current:
        st.caption(
            "Being measured; these numbers are from before the change."
            if jobs.is_running(LEDGER)
            else ":orange[These numbers are from before the last change.]"
        )
    cards(metric_cards(report.before, report.now))
    st.caption(ledger_note(report.dropped_locality))


def history(ledger: LedgerView) -> None:
    """One metric of each fact after each change: whether later edits damage earlier ones."""
    if not ledger.changes:
        return
    metric = choice(
        "Metric", METRICS, "history_metric", "rewrite", format_func=str.capitalize, label_visibility="collapsed"
    )
    figure = ledger_history(
        [(change.words, change.report) for change in ledger.changes], metric, theme_name=theme_name()
    )
    chart(figure, "ledger_history", f"Heatmap: {metric} of each fact after each of {len(ledger.changes)} changes.")


def facts(report: LedgerReport) -> None:
    """Each fact with all four metrics before and now."""
    table(
        ledger_rows(report),
        most=420,
        key="ledger_facts",
        alt="Table of the facts before and now",
        placeholder="n/a",
        widths={"#": 40, "on": 45, "prompt": 260, **dict.fromkeys(METRICS, 105)},
        right=METRICS,
    )
    st.caption("Teacher-forced, percent, unedited model → now.")
    for number, fact in enumerate(report.facts, start=1):
        for dropped in fact.dropped_probes:
            st.caption(safe(f"Fact {number}, dropped: {dropped}"))


def probes(report: LedgerReport) -> None:
    """The texts of one fact's probes."""
    names = {
        number: f"{number} · {fact.subject} → {fact.target_new}" for number, fact in enumerate(report.facts, start=1)
    }
    chosen = st.selectbox("Texts of", names, format_func=names.get, key=f"probes_of_{len(names)}")
    fact = report.facts[chosen - 1]
    table(
        ledger_probe_rows(fact),
        alt=f"Table of {count(len(fact.probes), 'probe')}",
        widths={"metric": 90, "prompt": 270, "expected": 100, "unedited": 195, "now": 195},
    )
