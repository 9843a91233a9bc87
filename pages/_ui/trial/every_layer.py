"""This fact edited at every layer: one button, the metrics by layer as they come, and the fact's scores under them."""

import streamlit as st

from lga_core.service.reading import every_layer as reading
from lga_core.service.reading.every_layer import EveryLayer
from lga_core.service.requests import EveryLayerRequest, TrialRequest
from lga_core.view.figures.sweep.every_layer import every_layer_figure
from lga_core.view.words.edits.sentences import best_layer_sentence
from lga_core.view.words.names import unscored_sentences
from pages._ui.facts.sets import proxy_set
from pages._ui.scoring import options
from pages._ui.session.state import Question, kept, session
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import waiting
from pages._ui.shell.engine import engine, identity, store
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.layer_choice import chosen_layers, golden_layer
from pages._ui.shell.live import live_with
from pages._ui.shell.text import safe

AREA = "every layer"


def request_of(question: Question, trial: TrialRequest) -> EveryLayerRequest:
    """The same fact, editor and settings at every layer."""
    return EveryLayerRequest(
        model=trial.model,
        proxy=proxy_set(question),
        fact=trial.fact,
        editor=trial.editor,
        settings=trial.settings,
        metrics=trial.metrics,
        needs=reading.needs(options.choices(question.seed), trial.settings),
    )


def button(question: Question, trial: TrialRequest, *, disabled: bool) -> EveryLayer | None:
    """Start it, or go on with it; off once all of it is measured. Returns what was measured when the page was drawn."""
    request = request_of(question, trial)
    measured = None if disabled else _read(request)
    complete = measured is not None and measured.complete
    jobs.start_button(
        "Edited at every layer" if complete else "This edit at every layer",
        "check" if complete else "stacked_line_chart",
        AREA,
        request,
        "Editing at every layer",
        disabled=disabled or complete,
        key="every_layer",
        help="All of it is measured, and stands below. Another fact, editor or setting is another question."
        if complete
        else "Edits this one fact at each layer alone and measures it, with its LGA, CMA and forecast scores. "
        "What is stored is not measured again.",
    )
    return measured


def show(question: Question, trial: TrialRequest, measured: EveryLayer | None) -> None:
    """What is measured for the chosen fact and editor; nothing before the first edit. `measured`: by the `button`."""
    request = request_of(question, trial)
    kept().shown[EveryLayerRequest] = request
    running = engine().find(request)
    job_outcome(jobs.last_job_of(AREA, request), "What was finished is kept; the button goes on from there.")
    golden = golden_layer(question)

    def draw() -> None:
        model = identity(request.model)  # its files may come while the job runs
        result = measured if running is None and measured is not None else _read(request)
        if model is not None and result is not None and result.begun:
            session().also_shown.add(result.stored.provenance.key)
            _results(result, golden, model.layers)
        elif running is not None:
            waiting("The first layers appear here as soon as they are measured.")

    live_with("every_layer_live", draw, running)


def _read(request: EveryLayerRequest) -> EveryLayer | None:
    """Nothing where nothing can be stored of this model yet."""
    model = identity(request.model)
    return None if model is None else reading.read(model, request, store())


def _results(result: EveryLayer, golden: int | None, layers: int) -> None:
    st.markdown("**This edit at every layer**")
    st.markdown(safe(best_layer_sentence(result.sweep, result.best, golden)))
    figure = every_layer_figure(
        result.sweep,
        result.scores,
        layers=layers,
        best=result.best,
        golden=golden,
        chosen=chosen_layers(layers),
        scale=options.scale(),
        theme_name=theme_name(),
    )
    chart(
        figure,
        "every_layer_figure",
        f"Metrics of this fact after an edit at each of {layers} layers, with its scores per layer below.",
        choosing=True,
    )
    for words in unscored_sentences(result.scores):
        st.caption(safe(words))
