"""What is to be swept: editor and settings, layers, the facts that judge; what it takes, and the buttons."""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from lga_core.editing.table import editor_title
from lga_core.evaluation.settings import SweepMetrics
from lga_core.service.reading.sweep import SweepView
from lga_core.service.requests import ProxySet, SweepRequest
from lga_core.view.words.sweep.sentences import sweep_size, sweep_takes
from pages._ui.edits import editors
from pages._ui.edits.start_bar import start_bar
from pages._ui.facts import sets
from pages._ui.model import memory_notes
from pages._ui.session.state import Question, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import number_field

AREA = "sweep"
NONE = "none"
REST = "rest"
DEFAULT_TEST = 32


def form(question: Question, layers: int) -> SweepRequest | None:
    """The choices; None where the settings are not allowed."""
    left, middle, right, last = st.columns([2, 3, 2, 1], gap="medium", vertical_alignment="bottom")
    editor = editors.editor_select(left)
    first, end = _layer_range(layers, middle)
    test = _test_facts(question, right, last)
    editors.about(editor)
    settings = editors.chosen_settings(editor)
    metrics = editors.chosen_metrics(SweepMetrics)
    if settings is None:
        return None
    return SweepRequest(
        model=question.model,
        proxy=sets.proxy_set(question),
        test=test,
        layers=tuple(range(first, end + 1)),
        editor=editor,
        settings=settings,
        metrics=metrics,
    )


def _layer_range(layers: int, place: Any) -> tuple[int, int]:
    """The first and the last layer of the sweep."""
    if layers == 1:  # a slider needs two ends
        return 0, 0
    return place.slider(
        "Layers",
        0,
        layers - 1,
        (0, layers - 1),
        key=f"sweep_layers_{layers}",
        persist_state="session",
        help="Every layer from the first to the second is edited alone.",
    )


def _test_facts(question: Question, place: Any, beside: Any) -> ProxySet | None:
    """The facts that the picks are judged on, those about the proxy's subjects among them; None: the proxy's own."""
    others = [name for name in sets.names() if name != question.facts]
    words = {NONE: "None: in-sample", REST: "Others of this set"}
    chosen = place.selectbox(
        "Test facts",
        [NONE, REST, *others],
        key="sweep_test",
        persist_state="session",
        format_func=lambda name: words.get(name) or sets.title(name),
        help="Swept after the proxy. Picks that were made on the proxy are judged on these; no "
        "subject stands in both. Without them the judgement is in-sample.",
    )
    facts = sets.fact_set(question.facts if chosen in words else chosen)
    most = max(len(facts.facts), 1)
    default = min(DEFAULT_TEST, most)
    off = chosen == NONE
    limit = number_field("At most", 1, most, default, f"sweep_test_n_{most}", place=beside, disabled=off)
    if off:
        return None
    return sets.proxy_set(replace(question, facts=facts.name, fingerprint=facts.fingerprint, limit=int(limit)))


def bar(request: SweepRequest, view: SweepView) -> None:
    """What the sweep takes, said before it starts, and the buttons that start it."""
    title = f"Sweeping with {editor_title(request.editor)}"
    session().compute = partial(jobs.start, AREA, request, title)
    memory_notes.editing_note(request.model, request.layers, request.settings)
    layers = len(request.layers)
    facts = {part: len(of_part) for part, of_part in view.facts.items()}
    at_most = request.proxy.limit + (0 if request.test is None else request.test.limit)
    running = jobs.is_running(AREA)  # then the sidebar tells the time that is left
    takes = sweep_takes(layers, facts, list(view.sweeps.values()), running=running)
    start_bar(
        f"{sweep_size(layers, facts, at_most)} **{takes}**",
        "Sweep",
        AREA,
        request,
        title,
        key="sweep",
        begun=bool(view.judging),
        complete=view.answers(request),
        kept="What was finished is kept and shown below; go on from there.",
    )
