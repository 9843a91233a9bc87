"""What one trial edit did: metrics before and after by both protocols, every probe's texts, and how it was written."""

import pandas as pd
import streamlit as st

from lga_core.probes.summary import overall
from lga_core.results import METRICS, Diagnostics, EditReport
from lga_core.service.requests import EasyEditRequest, TrialRequest
from lga_core.view.export.frames import edit_probes, to_csv
from lga_core.view.figures.edits.loss_curve import loss_curve, search_end
from lga_core.view.words.edit_words import before_after, relative_error, whole
from lga_core.view.words.protocol import protocol_words
from lga_core.view.words.sentences import duration, layers_in_words
from lga_core.view.words.text import number, shorten, yes_no
from pages._ui.edits.editors import title
from pages._ui.session.state import Trial
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import card, download, metric_cards, table
from pages._ui.shell.engine import file_of
from pages._ui.shell.text import fact_label, plain, safe

_ABOUT = {
    "rewrite": "The edited prompt gives the new answer.",
    "rephrase": "Paraphrases of the prompt give it too.",
    "locality": "Unrelated prompts answer as before the edit.",
    "portability": "What follows from the new answer follows.",
}


def show(trial: Trial, *, running: bool = False) -> None:
    """One trial from top to bottom. `running`: a job measures what is missing."""
    report = trial.report
    pending = "being measured" if running else "not measured"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"{title(report.editor)} at {layers_in_words(report.layers)}", width="content")
        if trial.stored is not None and trial.stored.from_store:
            st.badge("Answered from the store", icon=":material/database:", color="gray")
    st.caption(f"{safe(report.prompt)} **{safe(report.target_old or '?')} → {safe(report.target_new)}**")
    _metrics(report, pending if "texts" in trial.missing else None)
    if "side effects" in trial.missing:
        st.caption(f"Target error {relative_error(report.target_error)}. Side effects, drift and fluency: {pending}.")
    if report.diagnostics is not None:
        _beside(report, report.diagnostics)
    _written(report)
    st.markdown("**Probes**")
    probes(report, pending if "texts" in trial.missing else None)
    for dropped in report.dropped_probes:
        st.caption(safe(f"Dropped: {dropped}"))
    with st.container(horizontal=True):
        download("Probes, CSV", lambda: to_csv(edit_probes(report)), f"trial_{report.record}.csv", "text/csv")
        if not running:
            _for_easyedit(trial.request)


def _for_easyedit(request: TrialRequest) -> None:
    asked = EasyEditRequest(
        model=request.model,
        facts=(request.fact,),
        layers=request.layers,
        editor=request.editor,
        settings=request.settings,
    )
    download(
        "For EasyEdit, .zip",
        file_of(asked, "Writing the files for EasyEdit"),
        f"easyedit_{request.editor}.zip",
        "application/zip",
        key="easyedit",
        help="EasyEdit’s hyper-parameter YAML for this editor, these layers and this model, and the fact in KnowEdit’s "
        "schema. The YAML says what is not the same there.",
    )


def _metrics(report: EditReport, pending: str | None) -> None:
    """The cards. `pending`: what stands for the free answers while they are missing."""
    columns = st.columns(6, gap="small")
    metric_cards(columns, report.before, report.after, pending)
    overall_before, _ = overall(report.before)
    overall_now, made_of = overall(report.after)
    card(
        columns[4],
        "Overall",
        f"{whole(overall_before)} → {whole(overall_now)}",
        f"mean of {len(made_of)}",
        f"Arithmetic mean, teacher-forced: {', '.join(made_of)}.",
    )
    card(
        columns[5],
        "Time",
        f"{report.cost.seconds:,.0f} s",
        f"nll {number(report.target_nll, 3)} nats",
        "When it was measured. nll: of the new answer after the edit.",
    )
    st.caption(
        f"Percent, before → after the edit; n probes. Large: {protocol_words(report.answers)}. Below: free "
        "generation, exact prefix match. No probe is left out.",
        help="\n".join(f"- {name.capitalize()}: {about}" for name, about in _ABOUT.items()),
    )


def _beside(report: EditReport, measured: Diagnostics) -> None:
    """What the edit did to the model beside its fact, and what is out of bounds."""
    for warning in measured.warnings:
        st.warning(safe(warning), icon=":material/warning:")
    ratios = [ratio for ratio in measured.norm_ratios if ratio is not None]
    largest = max(ratios) if ratios and len(ratios) == len(measured.norm_ratios) else None
    cards = (
        (
            "Target error",
            relative_error(report.target_error),
            "largest over layers",
            "‖W′k − v*‖ / ‖v*‖. n/a: the editor has no v*.",
        ),
        ("‖ΔW‖ / ‖W‖", number(largest, 2), "largest over layers", "Frobenius norms. n/a: not finite."),
        (
            "Drift, mean KL",
            number(measured.kl, 2),
            f"nats, n {measured.n_prompts}",
            "KL(before ‖ after) of the next token after neutral prompts. n/a: not finite.",
        ),
        ("Drift, largest KL", number(measured.kl_largest, 2), f"nats, n {measured.n_prompts}", "Of the same prompts."),
        (
            "Fluency",
            f"{whole(measured.fluency_before)} → {whole(measured.fluency_after)}",
            "bits × 100",
            "(H₂ + 2·H₃)/3 of the words of the prompt’s continuation, 100 tokens; H_n: entropy of the n-grams.",
        ),
    )
    for column, words in zip(st.columns(len(cards), gap="small"), cards, strict=True):
        card(column, *words)
    with st.expander("The texts that fluency is measured on"):
        for column, words, text in zip(
            st.columns(2, gap="medium"), ("Before", "After"), (measured.text_before, measured.text_after), strict=True
        ):
            column.caption(words)
            column.text(plain(text) or "–")


def _written(report: EditReport) -> None:
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.markdown("**What was written**")
        rows = pd.DataFrame(
            [
                {
                    "layer": layer,
                    "target error": error,
                    "‖ΔW‖": delta,
                    "‖ΔW‖ / ‖W‖": delta / weight,
                    "clamped": yes_no(clamped),
                    "steps": max(len(losses) - 1, 0),
                    "last nll": losses[-1] if losses else None,
                }
                for layer, error, delta, weight, clamped, losses in zip(
                    report.layers,
                    report.target_errors,
                    report.delta_norms,
                    report.weight_norms,
                    report.clamped,
                    report.losses,
                    strict=True,
                )
            ]
        ).astype({"target error": float, "last nll": float})  # numbers stand at the right, also where n/a
        words = {"target error": relative_error, "‖ΔW‖": _three, "‖ΔW‖ / ‖W‖": _three, "last nll": _three}
        st.table(
            rows.style.format(words),
            hide_index=True,
            border="horizontal",
            alt="Table of what was written at each layer",
        )
        st.caption(
            "Target error: ‖W′k − v*‖ / ‖v*‖. Clamped: v* reached its norm bound. Norms are Frobenius; nll in nats."
        )
    with right:
        figure = loss_curve(report, **search_end(report), theme_name=theme_name())
        chart(figure, "loss_curve", "Line chart: the loss at each step.")


def _three(value: float) -> str:
    return number(value, 3)


def probes(report: EditReport, pending: str | None) -> None:
    """Every probe's texts side by side, in full: they are what an edit is judged by.

    `pending`: what stands for the texts while they are missing.
    """
    st.table(
        pd.DataFrame(
            [
                {
                    "metric": probe.metric,
                    "prompt": safe(probe.prompt),
                    "expected": safe(probe.expected)
                    + ("" if probe.expected_source == "data" else " (the model’s own)"),
                    "before": pending or _text(probe.text_before),
                    "after": pending or _text(probe.text_after),
                    "forced %": f"{probe.before:.0f}\u00a0→\u00a0{probe.after:.0f}",
                    "free": pending or f"{yes_no(probe.free_before)}\u00a0→\u00a0{yes_no(probe.free_after)}",
                }
                for probe in report.probes
            ]
        ),
        hide_index=True,
        border="horizontal",
        alt="Table of the probes",
    )


def _text(text: str) -> str:
    """What the model said, not longer than a few lines."""
    return safe(shorten(plain(text), 160)) or "–"


def history(trials: list[Trial]) -> None:
    """This session's trials, the newest first."""

    def cell(report: EditReport, name: str) -> str:
        return before_after(report.before[name], report.after[name], "teacher_forced")

    rows = [
        {
            "model": trial.request.model,
            "fact": fact_label(trial.fact),
            "editor": title(trial.report.editor),
            "layers": ", ".join(map(str, trial.report.layers)),
            **{name: cell(trial.report, name) for name in METRICS},
            "target error": relative_error(trial.report.target_error),
            "time": duration(trial.report.cost.seconds),
        }
        for trial in reversed(trials)
    ]
    table(rows, alt="Table of this session's trial edits")
    st.caption("Teacher-forced, percent, before → after.")
