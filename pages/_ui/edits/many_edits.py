"""Hundreds of edits in a row: which, where and how, how far they are, and the curves that show where they collapse."""

import streamlit as st

from lga_core.data.select import editable
from lga_core.editing.table import EDITORS, editor_title
from lga_core.errors import LgaError
from lga_core.evaluation.settings import ManyEditsSettings
from lga_core.results import ManyEdits, Stored
from lga_core.service.reading import stored
from lga_core.service.requests import ManyEditsRequest
from lga_core.view.figures.edits.many_edits import many_edits_curves
from lga_core.view.words.edits.many import COLLAPSE_RULE, checkpoint_rows, collapse_sentence, counts_sentence
from lga_core.view.words.sentences import cost_sentence, layers_in_words
from lga_core.view.words.text import count
from pages._ui.edits import editors
from pages._ui.edits.settings_form import settings_form
from pages._ui.edits.start_bar import start_bar
from pages._ui.facts.sets import proxy_set
from pages._ui.model import memory_notes
from pages._ui.model.choose import layers_or_hint
from pages._ui.session.state import MANY, MANY_EDITS, Question, kept, session
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import number_field, table
from pages._ui.shell.engine import engine, identity, store
from pages._ui.shell.errors import error_box
from pages._ui.shell.live import live_with

MOST = 10_000
DEFAULT_EDITS = 100


def many_edits(question: Question) -> None:
    """The form, its button, and what is measured so far."""
    layers = layers_or_hint(question.model)
    if layers is None:
        return
    st.caption(
        "The first facts of the set are edited in the sidebar’s order, each batch on the model with all earlier "
        "ones, and all of them are asked again every so many edits. The ledger above is not part of it and stays as "
        "it is."
    )
    request = _form(question, layers)
    if request is None:
        return
    measured = _stored(request)
    _bar(request, measured[0] if measured is not None else None)
    job = engine().find(request)

    def draw() -> None:
        _results(request, measured if job is None else _stored(request))

    live_with("many_live", draw, job)


def _form(question: Question, layers: int) -> ManyEditsRequest | None:
    """The choices; None where they are not allowed."""
    facts = editable(proxy_set(question).candidates)
    at, editor, (right,) = editors.layers_and_editor(question, layers, beside=1)
    edits = number_field("Edits, at most", 1, MOST, DEFAULT_EDITS, MANY_EDITS, place=right)
    editors.about(editor)
    try:
        how = settings_form(ManyEditsSettings, MANY)
    except LgaError as error:
        error_box(error)
        return None
    settings = editors.chosen_settings(editor)
    if not at:
        st.caption("Choose at least one layer.")
    if settings is None or not at:
        return None
    chosen = facts[: int(edits)]
    try:
        EDITORS[editor].check_choice(chosen[: how.batch], at, layers, question.model)
    except LgaError as error:
        error_box(error)
        return None
    memory_notes.editing_note(question.model, at, settings, how.batch)
    return ManyEditsRequest(
        model=question.model,
        facts_name=question.facts,
        facts=chosen,
        layers=at,
        editor=editor,
        settings=settings,
        how=how,
    )


def _bar(request: ManyEditsRequest, measured: ManyEdits | None) -> None:
    """What is to be done, and the button that starts it or goes on."""
    complete = measured is not None and measured.complete
    edits = count(len(request.facts), "edit")
    times = count(len(request.how.checkpoints(len(request.facts))), "time")
    start_bar(
        f"{edits} at {layers_in_words(request.layers)}, measured {times}.{' **All measured.**' if complete else ''}",
        "Edit and measure",
        MANY,
        request,
        f"{edits} with {editor_title(request.editor)}",
        key="many_start",
        begun=measured is not None and bool(measured.checkpoints),
        complete=complete,
        kept="Its checkpoints are kept; go on from the last one.",
    )


def _stored(request: ManyEditsRequest) -> tuple[ManyEdits, Stored] | None:
    """The checkpoints so far; None while the model was never in memory here."""
    model = identity(request.model)
    return None if model is None else stored.many_edits(model, request, store())


def _results(request: ManyEditsRequest, measured: tuple[ManyEdits, Stored] | None) -> None:
    """Where it collapses, the curves, and the numbers."""
    if measured is None or not measured[0].checkpoints:
        return
    result, run = measured
    session().shown_run = run.provenance.key
    kept().shown[ManyEditsRequest] = request
    st.markdown(f"**{collapse_sentence(result)}**")
    took = cost_sentence("Took", result.cost) + ("" if result.complete else " so far")
    st.caption(f"{COLLAPSE_RULE} {counts_sentence(result)} {took}.")
    chart(
        many_edits_curves(result, theme_name=theme_name()),
        "many_edits_curves",
        f"Curves over the number of edits: rewrite, rephrase, locality, drift, fluency and norm. "
        f"{collapse_sentence(result)}",
    )
    with st.expander("Numbers"):
        table(checkpoint_rows(result), most=420)
