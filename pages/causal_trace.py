"""Causal trace: one fact, token by layer, for three kinds of restored state, and where its answers come from."""

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.results import CausalTrace, Kind, OldSource, Stored
from lga_core.scores.cma import CmaSettings
from lga_core.view.attribution import attribution_bars
from lga_core.view.scales import Scale
from lga_core.view.text import number
from lga_core.view.trace import trace_heatmap
from lga_core.view.words import cost_sentence
from pages._ui import answers, frame, jobs, model
from pages._ui.answers import Answers
from pages._ui.errors import job_outcome
from pages._ui.fact import choose_fact, strip_of, token_strip
from pages._ui.layers import chart, chosen_layers, layers_list, theme_name
from pages._ui.state import Question, session, widget
from pages._ui.text import safe

_WORDS: dict[Kind, str] = {"hidden": "Hidden state", "mlp": "MLP output", "attn": "Attention output"}
_SCALES: tuple[Scale, ...] = ("linear", "symmetric log")
_ORDER: tuple[Kind, ...] = ("hidden", "mlp", "attn")


def page(question: Question) -> None:
    """From the fact to its traces."""
    facts, fact = choose_fact(question)
    known = answers.answers_to(question)
    kinds, settings, old = controls(question)
    running = jobs.is_running("trace")
    found = [known.traces[key] for kind in kinds if (key := (fact.record, kind, settings)) in known.traces]
    attribution = known.attributions.get((fact.record, old))
    complete = len(found) == len(kinds) and attribution is not None
    st.button("Trace this fact", key="trace", type="primary", icon=":material/grid_on:",
              disabled=running or complete or not kinds, on_click=start,
              args=(question, facts, fact, kinds, settings, old, known))
    job_outcome(jobs.last_job("trace"), "The finished traces are kept.")
    if not found and attribution is None:
        first_look(question, fact, running)
        return
    results(question, found, attribution, running)


def controls(question: Question) -> tuple[list[Kind], CmaSettings, OldSource]:
    """What to restore, over how many layers at once, and which old answer the attribution explains."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kinds = st.pills("Restored state", _ORDER, key="trace_kinds", default=_ORDER, selection_mode="multi",
                         format_func=_WORDS.get, persist_state="session")
        st.segmented_control("Colour scale", _SCALES, key="trace_scale", default="linear", required=True,
                             persist_state="session")
        with st.popover("Options", icon=":material/tune:"):
            st.toggle("Show the estimate instead", key="trace_estimate", persist_state="session",
                      help="Attribution patching: one backward pass instead of one run per cell. It comes with every "
                           "trace, for comparison.")
            st.divider()
            st.caption("Need a new measurement")
            wide = st.toggle("Window of 10 layers, ROME’s", key="trace_window_10", persist_state="session",
                             help="Off: ROME's 10 of 48 layers, scaled to the model's depth. Hidden states are "
                                  "restored one layer at a time.")
            own = st.toggle("Explain the model’s own answer", key="trace_own", persist_state="session",
                            help="In the token attributions. Off: the data's old answer, where it has one.")
    settings = CmaSettings(window=10 if wide else None, seed=question.seed)
    return [kind for kind in _ORDER if kind in kinds], settings, "model" if own else "data"


def start(question: Question, facts: FactSet, fact: Fact, kinds: list[Kind], settings: CmaSettings, old: OldSource,
          known: Answers) -> None:
    """Start the traces, or join the job that makes them."""
    shelf = model.shelf()
    jobs.start("trace", (question, fact.fingerprint, tuple(kinds), settings, old), "Tracing the fact",
               lambda: answers.trace_steps(shelf, question, facts, fact, kinds, settings, old, known))


def first_look(question: Question, fact: Fact, running: bool) -> None:
    """The fact before it is traced."""
    strip_of(question, fact)
    st.info("Tracing. The first heatmap appears here when it is finished; the sidebar shows the progress." if running
            else "The trace restores each token’s state at each layer in a corrupted run and measures how much of the "
                 "answer’s probability returns. It takes from seconds to a minute a kind, and is kept.",
            icon=":material/hourglass_top:" if running else ":material/info:")


def results(question: Question, found: list[tuple[CausalTrace, Stored]], attribution, running: bool) -> None:
    """Token strip, probabilities, one heatmap a kind, and the attributions on the same tokens."""
    subject = None
    if found:
        first = found[0][0]
        subject = first.subject
        token_strip(first.tokens, first.subject)
        probabilities(found)
        for trace, _ in found:
            heatmap(question, trace)
    if attribution is None:
        st.caption("The token attributions come last." if running else "No token attributions yet.")
    else:
        attributions(attribution, subject)
    if found:
        layers_list(found[0][0].effect.shape[1])
        st.page_link("pages/trial_edit.py", label="Try an edit at the chosen layers", icon=":material/edit:")


def probabilities(found: list[tuple[CausalTrace, Stored]]) -> None:
    """What the model says with and without the subject."""
    trace = found[0][0]
    source = "" if trace.answer_source == "data" else ", the model’s own"
    columns = st.columns(4, gap="small")
    columns[0].metric("p clean", number(trace.p_clean, 3), border=True,
                      help="Probability of the traced answer’s first token in the clean run.")
    columns[1].metric("p corrupted", number(trace.p_corrupted, 3), border=True,
                      help=f"The same with noise on the subject’s tokens, mean of {trace.draws} draws, "
                           f"standard deviation {number(trace.noise, 3)}.")
    columns[2].metric("Total effect", number(trace.total_effect, 3), border=True, help="p clean − p corrupted.")
    columns[3].metric("Traced token", repr(trace.answer.strip())[1:-1] or "␣", border=True,
                      help=f"First token of the old answer{source}.")
    st.caption(safe(" · ".join(cost_sentence(_WORDS[trace.kind], trace.cost)
                               + (", from the store" if stored.from_store else "") for trace, stored in found)))


def heatmap(question: Question, trace: CausalTrace) -> None:
    """One kind's heatmap; a click chooses the layer."""
    golden, layers = session().golden, trace.effect.shape[1]
    mark = golden[1] if golden is not None and golden[0] == question.model else None
    figure = trace_heatmap(trace, scale=widget("trace_scale") or "linear", golden=mark,
                           chosen=chosen_layers(layers), estimate=bool(widget("trace_estimate")),
                           theme_name=theme_name())
    best = divmod(int(trace.effect.argmax()), layers)
    chart(figure, f"trace_{trace.kind}", f"Heatmap of {len(trace.tokens)} tokens by {layers} layers, restored "
          f"{_WORDS[trace.kind].lower()}; the largest effect is at token {best[0]}, layer {best[1]}.", choosing=True)


def attributions(attribution, subject) -> None:
    """Captum's token attributions for the old and the new answer."""
    found, stored = attribution
    st.markdown("**Token attributions**", help="Captum: integrated gradients of log p(answer) on the token embeddings, "
                                               f"{found.n_steps} steps, against a blank prompt.")
    chart(attribution_bars(found, subject=subject, theme_name=theme_name()), "attribution",
          "Bar chart: what each prompt token adds to log p of the old and of the new answer.")
    st.caption(safe(cost_sentence("Measured in", found.cost) + (", from the store" if stored.from_store else "")))


frame.require()
st.title("Causal trace")
if session().question is None:
    st.info("Choose a model and a proxy set in the sidebar.", icon=":material/info:")
else:
    page(session().question)
