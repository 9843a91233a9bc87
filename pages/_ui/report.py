"""What one trial edit did: metrics before and after by both protocols, every probe's texts, and how it was written."""

import pandas as pd
import streamlit as st

from lga_core.evaluation.metrics import METRICS, overall
from lga_core.results import EditReport, Metric
from lga_core.view.edit import loss_curve
from lga_core.view.export import edit_csv
from lga_core.view.text import number, shorten
from lga_core.view.words import duration, layer_list
from pages._ui.layers import chart, theme_name
from pages._ui.state import Trial
from pages._ui.text import safe

_ABOUT = {
    "rewrite": "The edited prompt gives the new answer.",
    "rephrase": "Paraphrases of the prompt give it too.",
    "locality": "Unrelated prompts answer as before the edit.",
    "portability": "What follows from the new answer follows.",
}


def show(trial: Trial) -> None:
    """One trial from top to bottom."""
    report = trial.report
    at = f"layer{'s' if len(report.layers) > 1 else ''} {layer_list(list(report.layers))}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"{_title(report.editor)} at {at}", width="content")
        if trial.stored.from_store:
            st.badge("Answered from the store", icon=":material/database:", color="gray")
    st.caption(f"{safe(report.prompt)} **{safe(report.target_old or '?')} → {safe(report.target_new)}**")
    _metrics(report)
    _written(report)
    st.markdown("**Probes**")
    probes(report)
    for dropped in report.dropped_probes:
        st.caption(safe(f"Dropped: {dropped}"))
    st.download_button("Probes, CSV", lambda: edit_csv(report), f"trial_{report.record}.csv", "text/csv",
                       on_click="ignore", icon=":material/download:")


def _title(editor: str) -> str:
    from lga_core.editing.table import EDITORS

    return EDITORS[editor].title if editor in EDITORS else editor


def _metrics(report: EditReport) -> None:
    columns = st.columns(6, gap="small")
    for column, name in zip(columns, METRICS, strict=False):
        before, after = report.before[name], report.after[name]
        column.metric(
            f"{name.capitalize()}, n {after.n}", _span(before, after, "teacher_forced"),
            f"free {_span(before, after, 'free')}", delta_color="off", delta_arrow="off", border=True)
    was, _ = overall(report.before)
    now, made_of = overall(report.after)
    columns[4].metric("Overall", f"{_percent(was)} → {_percent(now)}", f"mean of {len(made_of)}", delta_color="off",
                      delta_arrow="off", border=True,
                      help=f"Arithmetic mean, teacher-forced: {', '.join(made_of)}.")
    columns[5].metric("Time", duration(report.cost.seconds), f"nll {number(report.target_nll, 3)} nats",
                      delta_color="off", delta_arrow="off", border=True,
                      help="When it was measured. nll: of the new answer after the edit.")
    st.caption("Percent, before → after the edit; n probes. Large: teacher-forced token accuracy. Below: free "
               "generation, exact prefix match.",
               help="\n".join(f"- {name.capitalize()}: {about}" for name, about in _ABOUT.items()))


def _span(before: Metric, after: Metric, protocol: str) -> str:
    return f"{_percent(getattr(before, protocol))} → {_percent(getattr(after, protocol))}" if after.n else "n/a"


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0f}"


def _written(report: EditReport) -> None:
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.markdown("**What was written**")
        st.table(pd.DataFrame([
            {"layer": layer, "target error": _error(error), "‖Δ‖": number(delta, 3),
             "‖Δ‖ / ‖W‖": number(delta / weight, 2),
             "clamped": _mark(clamped), "steps": max(len(losses) - 1, 0),
             "last nll": number(losses[-1], 3) if losses else "n/a"}
            for layer, error, delta, weight, clamped, losses in zip(
                report.layers, report.target_errors, report.delta_norms, report.weight_norms, report.clamped,
                report.losses, strict=True)
        ]), hide_index=True, border="horizontal", alt="Table of what was written at each layer")
        st.caption("Target error: ‖W′k − v*‖ / ‖v*‖. Clamped: v* reached its norm bound. "
                   "Norms are Frobenius; nll in nats.")
    with right:
        chart(loss_curve(report, stop=(report.settings.get("value") or {}).get("stop_nll"), theme_name=theme_name()),
              "loss_curve", "Line chart: nll of the new answer at each step of the search for v*.")


def _error(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1e}"


def probes(report: EditReport) -> None:
    """Every probe's texts side by side, in full: they are what an edit is judged by."""
    st.table(pd.DataFrame([{
        "metric": probe.metric,
        "prompt": safe(probe.prompt),
        "expected": safe(probe.expected) + ("" if probe.expected_source == "data" else " (the model’s own)"),
        "before": _text(probe.text_before),
        "after": _text(probe.text_after),
        "forced %": f"{probe.before:.0f}\u00a0→\u00a0{probe.after:.0f}",
        "free": f"{_mark(probe.free_before)}\u00a0→\u00a0{_mark(probe.free_after)}",
    } for probe in report.probes]), hide_index=True, border="horizontal", alt="Table of the probes")


def _text(text: str) -> str:
    """What the model said: without control characters, and not longer than a few lines."""
    kept = "".join(letter for letter in text if letter.isprintable() or letter.isspace())
    return safe(shorten(kept, 160)) or "–"


def _mark(value: bool | None) -> str:
    return "n/a" if value is None else "yes" if value else "no"


def history(trials: list[Trial]) -> None:
    """This session's trials, the newest first."""
    def cell(report: EditReport, name: str) -> str:
        return _span(report.before[name], report.after[name], "teacher_forced")

    st.dataframe(pd.DataFrame([
        {"model": trial.question.model, "fact": trial.label, "editor": _title(trial.report.editor),
         "layers": ", ".join(map(str, trial.report.layers)), **{name: cell(trial.report, name) for name in METRICS},
         "target error": _error(trial.report.target_error), "time": duration(trial.report.cost.seconds)}
        for trial in reversed(trials)
    ]), hide_index=True, width="stretch", alt="Table of this session's trial edits")
    st.caption("Teacher-forced, percent, before → after.")
