"""Causal trace: one fact, token by layer, for three kinds of restored state, its attributions, and averages of many."""

from functools import partial

import streamlit as st

from lga_core.results import Kind, OldSource
from lga_core.scores.settings import CmaSettings
from lga_core.service.page_parts.models import known_layers
from lga_core.service.reading.method_scores import ROME_WINDOW
from lga_core.service.requests import TraceRequest
from pages._ui.facts.sets import proxy_set
from pages._ui.scoring import average_trace, trace
from pages._ui.session.state import Question, kept, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import choice, hint, page_head, toggle, waiting
from pages._ui.shell.engine import engine
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.layer_choice import golden_layer, layers_list
from pages._ui.shell.live import live_with
from pages._ui.trial.fact import choose_fact, strip_of

TITLE = "Tracing the fact"  # of its job


def page(question: Question) -> None:
    """From the fact to its traces."""
    _, fact = choose_fact(question)
    kinds, settings, old = controls(question)
    request = TraceRequest(
        model=question.model, proxy=proxy_set(question), fact=fact, kinds=tuple(kinds), settings=settings, old=old
    )
    kept().shown[TraceRequest] = request
    session().compute = partial(jobs.start, trace.AREA, request, TITLE)
    traced = trace.read(request)
    if traced.traces:
        session().shown_run = next(iter(traced.traces.values()))[1].provenance.key
    session().also_shown |= traced.keys
    done = traced.complete or not kinds
    jobs.start_button(
        "Trace this fact", "grid_on", trace.AREA, request, TITLE, disabled=done, key="trace", type="primary"
    )
    job = engine().find(request)
    job_outcome(jobs.last_job_of(trace.AREA, request), "The finished traces are kept.")

    golden = golden_layer(question)

    def results() -> None:
        """The fact before it is traced, then what is finished of it."""
        finished = traced if job is None else trace.read(request)
        if finished.empty:
            strip_of(question, fact)
            first_look(running=job is not None)
        else:
            trace.show(finished, golden, running=job is not None)

    live_with("trace_results", results, job)
    averaged = average_trace.section(question, tuple(kinds), settings, golden)
    layers = known_layers(question.model)
    if layers is not None and (averaged or not traced.empty):
        layers_list(layers)
        st.page_link("trial_edit.py", label="Try an edit at the chosen layers", icon=":material/edit:")


def controls(question: Question) -> tuple[list[Kind], CmaSettings, OldSource]:
    """What to restore, over how many layers at once, and which old answer the attribution explains."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kinds = st.pills(
            "Restored state",
            list(trace.KINDS),
            key="trace_kinds",
            default=list(trace.KINDS),
            selection_mode="multi",
            format_func=trace.KINDS.get,
            persist_state="session",
        )
        choice("Colour scale", trace.SCALES, "trace_scale", "linear")
        with st.popover("Options", icon=":material/tune:"):
            toggle(
                "Show the estimate instead",
                "trace_estimate",
                help="Attribution patching: one backward pass instead of one run per cell. It comes with every "
                "trace, for comparison.",
            )
            st.divider()
            st.caption("Need a new measurement")
            wide = toggle(
                "Window of 10 layers, ROME’s",
                "trace_window_10",
                help="Off: ROME's 10 of 48 layers, scaled to the model's depth. Hidden states are "
                "restored one layer at a time.",
            )
            own = toggle(
                "Explain the model’s own answer",
                "trace_own",
                help="In the token attributions. Off: the data's old answer, where it has one.",
            )
    settings = CmaSettings(window=ROME_WINDOW if wide else None, seed=question.seed)
    return [kind for kind in trace.KINDS if kind in kinds], settings, "model" if own else "data"


def first_look(*, running: bool) -> None:
    """What a trace is, before there is one."""
    if running:
        waiting("Tracing. The first heatmap appears here when it is finished; the sidebar shows the progress.")
    elif jobs.is_running(trace.AREA):
        waiting("Another trace is running; the sidebar shows the progress.")
    else:
        hint(
            "The trace restores each token’s state at each layer in a corrupted run and measures how much of the "
            "answer’s probability returns. It takes from seconds to a minute a kind, and is kept."
        )


if asked := page_head("Causal trace"):
    page(asked)
