"""Trial edit: one fact, the chosen layers, an editor; what it did, before and after, as numbers and as text."""

from functools import partial

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.evaluation.settings import MetricSettings
from lga_core.results import UneditedMetrics
from lga_core.service.ledger_requests import WriteEdits
from lga_core.service.process.jobs import Job
from lga_core.service.reading.every_layer import EveryLayer
from lga_core.service.requests import TrialRequest
from lga_core.view.words.sentences import layers_in_words
from lga_core.view.words.text import count
from pages._ui.edits import editors, ledger_jobs
from pages._ui.model import memory_notes
from pages._ui.model.choose import layers_or_hint
from pages._ui.session.state import Question, Trial, begun_trial, finished_trials, kept, last_trial, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import act_button, button, page_head, waiting
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.layer_choice import cannot_act_note
from pages._ui.shell.progress_bar import drawn_with_news
from pages._ui.trial import every_layer
from pages._ui.trial import trial_report as report
from pages._ui.trial.fact import choose_fact, strip_of

AREA = "edit"


def form(question: Question) -> tuple[TrialRequest, EveryLayer | None] | None:
    """What to edit, where and how, and the buttons. None where nothing can be edited.

    Beside the edit what is measured of it at every layer.
    """
    facts, fact = choose_fact(question)
    layers = layers_or_hint(question.model)
    if layers is None:
        return None
    chosen, editor, _ = editors.layers_and_editor(question, layers)
    editors.about(editor)
    settings = editors.chosen_settings(editor)
    metrics = editors.chosen_metrics(MetricSettings)
    strip_of(question, fact)
    cannot_act_note(question, fact, editor, settings, layers)
    problem = unfit(fact, chosen)
    if problem is not None:
        st.caption(problem)
    elif settings is not None:
        memory_notes.editing_note(question.model, chosen, settings, 1)
    request = TrialRequest(
        model=question.model,
        facts_name=facts.name,
        fact=fact,
        layers=chosen,
        editor=editor,
        settings=settings,
        metrics=metrics,
    )
    editable = settings is not None and fact.target_new is not None
    with st.container(horizontal=True):
        off = jobs.is_running(AREA) or settings is None or problem is not None
        label = f"Edit at {layers_in_words(chosen)}" if chosen else "Edit"
        act_button(label, "edit", start, request, icon="edit", type="primary", disabled=off)
        measured = every_layer.button(question, request, disabled=not editable)
    return (request, measured) if editable else None


def unfit(fact: Fact, layers: tuple[int, ...]) -> str | None:
    """Why this cannot be edited, if it cannot."""
    if fact.target_new is None:
        return "This fact has no new answer: it can be traced, not edited."
    return None if layers else "Choose at least one layer. After *Score layers* this page proposes one."


def start(request: TrialRequest) -> None:
    """Start the edit, or join the one that another session runs. Its result is there on whichever page it ends."""
    tab = kept()
    job = jobs.start_once(AREA, request, f"Editing at {layers_in_words(request.layers)}")
    if job is not None:
        tab.add_trial(job)


def result(model: str) -> None:
    """The last trial on the sidebar's model."""
    begun = begun_trial(model)
    job = jobs.last_job(AREA, model)
    if job is last_trial(model):  # else another one was opened since
        job_outcome(
            job,
            "Nothing was changed; edits are never written into the model."
            if begun is None
            else "What was measured is kept; the same edit goes on from there.",
        )
    trials = finished_trials(model)
    if job is not None and job.alive:
        session().shown_run = ""
        drawn_with_news(job, "trial_live", partial(in_progress, job))
    elif begun is not None:
        session().shown_run = ""
        st.divider()
        report.show(begun)
    elif trials:
        session().shown_run = trials[-1].stored.provenance.key
        session().compute = partial(start, trials[-1].request)
        st.divider()
        report.show(trials[-1])
        keep(trials[-1])


def history(shown: str | None) -> None:
    """All trials of this tab, where there are others than the one on the model that is shown."""
    trials = finished_trials()
    if len(trials) > 1 or any(trial.request.model != shown for trial in trials):
        st.markdown("**Trial edits in this tab**")
        report.history(trials)


def in_progress(job: Job) -> None:
    """What the running trial has measured so far."""
    begun = begun_trial(job.request.model)
    if begun is not None:
        st.divider()
        report.show(begun, running=True)
    else:
        waiting("Editing. The sidebar shows the progress.")
        if isinstance(job.published, UneditedMetrics):
            report.show_unedited(job.published)


def keep(trial: Trial) -> None:
    """The way into the ledger."""
    ledger = ledger_jobs.current_ledger(trial.request.model)
    is_kept = ledger.holds(trial.request)
    with st.container(horizontal=True, vertical_alignment="center"):
        button(
            "Kept" if is_kept else "Keep edit",
            "keep",
            _keep,
            trial.request,
            icon="check" if is_kept else "library_add",
            disabled=is_kept or jobs.is_running(ledger_jobs.LEDGER),
            help="Computed on the model with the edits that are kept and on already, and put at the end of the "
            "ledger. The weights stay as they are.",
        )
        if ledger.entries:
            st.page_link(
                "edits.py",
                label=f"{count(len(ledger.entries), 'kept edit')}",
                icon=":material/library_books:",
                query_params=None,
            )
        st.page_link("playground.py", label="Try it in the playground", icon=":material/forum:")
    job_outcome(jobs.last_job(ledger_jobs.LEDGER, trial.request.model), "What was finished is kept.")


def _keep(request: TrialRequest) -> None:
    edit = {"editor": request.editor, "layers": request.layers, "settings": request.settings}
    ledger_jobs.start(WriteEdits, request.model, "Keeping the edit", facts=(request.fact,), mode="sequential", **edit)


ABOUT = "The edit is added while the model answers and is gone afterwards; the weights are never written."
if asked := page_head("Trial edit", ABOUT):
    edited = form(asked)
    parts = [partial(result, asked.model)]
    if edited is not None:
        parts.insert(0, partial(every_layer.show, asked, *edited))
    if jobs.started_last(AREA, every_layer.AREA) == AREA:
        parts.reverse()  # what was clicked last stands first
    for draw in parts:
        draw()
history(asked.model if asked else None)
