"""What one trial edit did: metrics before and after by both protocols, every probe's texts, and how it was written."""

import pandas as pd
import streamlit as st

from lga_core.editing.files.easyedit.facts_file import CHAT
from lga_core.editing.table import editor_title
from lga_core.models.text.chat import is_chat
from lga_core.probes.summary import overall
from lga_core.results import Diagnostics, EditReport, UneditedMetrics
from lga_core.service.page_parts.trial_history import trial_rows, trials_protocol
from lga_core.service.requests import EasyEditRequest, TrialRequest
from lga_core.view.export.frames.edits import edit_probes
from lga_core.view.export.frames.table import to_csv
from lga_core.view.figures.edits.loss_curve import loss_curve
from lga_core.view.words.cards import Card, metric_cards, unedited_cards
from lga_core.view.words.charts import loss_chart
from lga_core.view.words.definitions import definitions
from lga_core.view.words.edits.rows import WRITTEN_FORMATS, WRITTEN_NOTE, probe_row, side_effect_cards, written_rows
from lga_core.view.words.edits.sentences import relative_error
from lga_core.view.words.protocol import edit_note
from lga_core.view.words.sentences import duration, layers_in_words
from lga_core.view.words.text import fixed, number, shorten
from pages._ui.session.state import Trial
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import cards, download, table
from pages._ui.shell.engine import file_of, store
from pages._ui.shell.text import plain, safe


def show(trial: Trial, *, running: bool = False) -> None:
    """One trial from top to bottom. `running`: a job measures what is missing, whose time a figure would take."""
    report = trial.report
    pending = "being measured" if running else "not measured"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"{editor_title(report.editor)} at {layers_in_words(report.layers)}", width="content")
        if trial.stored is not None and trial.stored.from_store:
            st.badge("Answered from the store", icon=":material/database:", color="gray")
    st.caption(f"{safe(report.prompt)} **{safe(report.target_old or 'n/a')} → {safe(report.target_new)}**")
    _metrics(report, pending if "texts" in trial.missing else None)
    if "side effects" in trial.missing:
        st.caption(f"Target error {relative_error(report.target_error)}. Side effects, drift and fluency: {pending}.")
    if report.diagnostics is not None:
        _side_effects(report, report.diagnostics)
    _written(report, with_losses=not running)
    st.markdown("**Probes**")
    probes(report, pending if "texts" in trial.missing else None)
    for dropped in report.dropped_probes:
        st.caption(safe(f"Dropped: {dropped}"))
    with st.container(horizontal=True):
        download("Probes, CSV", lambda: to_csv(edit_probes(report)), f"trial_{report.record}.csv", "text/csv")
        if not running:
            _for_easyedit(trial.request)
    if not running and is_chat(trial.request.model):
        st.caption(f"For EasyEdit: {CHAT}")


def show_unedited(unedited: UneditedMetrics) -> None:
    """What the model scores as it is, while the edit is searched."""
    cards(unedited_cards(unedited.metrics))
    st.caption("Percent, teacher-forced, before the edit, which is being searched.")


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
    before, _ = overall(report.before)
    now, made_of = overall(report.after)
    mean = Card(
        label="Overall",
        value=f"{fixed(before)} → {fixed(now)}",
        below=f"mean of {len(made_of)}",
        help=f"Arithmetic mean, teacher-forced: {', '.join(made_of)}.",
    )
    cards([*metric_cards(report.before, report.after, pending), mean])
    st.caption(
        f"{edit_note(report.answers, report.dropped_locality)} "
        f"The new answer’s nll after the edit: {number(report.target_nll, 3)} nats. "
        f"Measured in {duration(report.cost.seconds)}."
    )


def _side_effects(report: EditReport, measured: Diagnostics) -> None:
    """What the edit did to the model beside its fact, and what is out of bounds."""
    for warning in measured.warnings:
        st.warning(safe(warning), icon=":material/warning:")
    cards(side_effect_cards(report, measured))
    with st.expander("The texts that fluency is measured on"):
        for column, words, text in zip(
            st.columns(2, gap="medium"), ("Before", "After"), (measured.text_before, measured.text_after), strict=True
        ):
            column.caption(words)
            column.text(plain(text) or "–")


def _written(report: EditReport, *, with_losses: bool) -> None:
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.markdown("**What was written**")
        rows = pd.DataFrame(written_rows(report)).astype({"target error": float, "last loss": float})
        st.table(  # numbers stand at the right, also where n/a
            rows.style.format(WRITTEN_FORMATS),
            hide_index=True,
            border="horizontal",
            alt="Table of what was written at each layer",
        )
        st.caption(WRITTEN_NOTE, help=definitions(rows.columns))
    with right:
        if not with_losses:
            st.caption("The loss at each step is drawn here when everything is measured.")
            return
        figure = loss_curve(report, theme_name=theme_name())
        chart(figure, "loss_curve", "Line chart: the loss at each step.", says=loss_chart(report))


def probes(report: EditReport, pending: str | None) -> None:
    """Every probe's texts side by side, in full: they are what an edit is judged by.

    `pending`: what stands for the texts while they are missing.
    """
    rows = pd.DataFrame(
        [
            row | {name: shown(row[name]) for name, shown in _SHOWN.items()}
            for row in (probe_row(probe, pending) for probe in report.probes)
        ]
    )
    st.table(rows, hide_index=True, border="horizontal", alt="Table of the probes")
    st.caption("Forced and free: before → after the edit.", help=definitions(rows.columns))


def _text(text: str) -> str:
    """What the model said, not longer than a few lines."""
    return safe(shorten(plain(text), 160)) or "–"


_SHOWN = {"prompt": safe, "expected": safe, "before": _text, "after": _text}  # untrusted cells of a probe's row


def history(trials: list[Trial]) -> None:
    """This tab's trials, the newest first; those of the recorded example are marked."""
    recorded = [trial.stored is not None and store().is_recorded(trial.stored.provenance.key) for trial in trials]
    rows = trial_rows([(trial.request, trial.report) for trial in trials], recorded)
    about = {
        "recorded": "Of the example that comes with the code: nothing of it was measured here.",
        "settings": "Those of the editor that are not at their defaults and not the same in all rows.",
        "answer that counts": "Of a probe with several accepted answers: the first one, or the one that scores best.",
    }
    table(rows, about=about, alt="Table of the trial edits in this tab")
    st.caption(f"Percent, {trials_protocol([trial.report for trial in trials])}, before → after.")
