"""One fact's causal traces and token attributions, as far as they are measured."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from lga_core.results import CausalTrace, Kind, TokenAttribution
from lga_core.service.reading.stored import Traced, traced
from lga_core.service.requests import ATTRIBUTION, TraceRequest
from lga_core.view.figures.parts.scales import Scale
from lga_core.view.figures.scores.attribution_bars import attribution_bars
from lga_core.view.figures.scores.trace_heatmap import trace_heatmap
from lga_core.view.words.cards import Card
from lga_core.view.words.names import KIND_TITLES
from lga_core.view.words.sentences import cost_sentence
from lga_core.view.words.text import capitalized, number
from pages._ui.session.state import widget
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import cards
from pages._ui.shell.engine import identity, store
from pages._ui.shell.layer_choice import chosen_layers
from pages._ui.shell.text import safe
from pages._ui.trial.fact import token_strip

AREA = "trace"
KINDS: Mapping[Kind, str] = {kind: capitalized(title) for kind, title in KIND_TITLES.items()}
SCALES: tuple[Scale, ...] = ("linear", "symmetric log")


def read(request: TraceRequest) -> Traced:
    """What the store has of it now."""
    return traced(identity(request.model), request, store())


def show(measured: Traced, golden: int | None, *, running: bool) -> None:
    """Token strip, probabilities, one heatmap a kind with the golden layer, and the attributions on the same tokens."""
    traces = [trace for trace, _ in measured.traces.values()]
    if traces:
        token_strip(traces[0].tokens, traces[0].subject)
        _probabilities(measured.request, traces)
    for trace in traces:
        _heatmap(trace, golden)
    if measured.attribution is None:
        st.caption("The token attributions come last." if running else "No token attributions yet.")
    else:
        _attributions(measured.request, measured.attribution[0], traces[0].subject if traces else None)


def _probabilities(request: TraceRequest, traces: list[CausalTrace]) -> None:
    """What the model says with and without the subject."""
    first = traces[0]
    source = "" if first.answer_source == "data" else ", the model’s own"
    clean = "Probability of the traced answer’s first token in the clean run."
    corrupted = (
        f"The same with noise on the subject’s tokens, mean of {first.draws} draws, "
        f"standard deviation {number(first.noise, 3)}."
    )
    token = repr(first.answer.strip())[1:-1] or "␣"
    cards(
        [
            Card(label="p clean", value=number(first.p_clean, 3), help=clean),
            Card(label="p corrupted", value=number(first.p_corrupted, 3), help=corrupted),
            Card(label="Total effect", value=number(first.total_effect, 3), help="p clean − p corrupted."),
            Card(label="Traced token", value=safe(token), help=f"First token of the old answer{source}."),
        ]
    )
    costs = [cost_sentence(KINDS[trace.kind], trace.cost) + _origin(request, trace.kind) for trace in traces]
    st.caption(safe(" · ".join(costs)))


def _heatmap(trace: CausalTrace, golden: int | None) -> None:
    """One kind's heatmap; a click chooses the layer."""
    layers = trace.effect.shape[1]
    estimated = bool(widget("trace_estimate"))
    figure = partial(
        trace_heatmap,
        trace,
        scale=widget("trace_scale") or "linear",
        golden=golden,
        chosen=chosen_layers(layers),
        estimate=estimated,
        theme_name=theme_name(),
    )
    shown = trace.patching if estimated else trace.effect
    token, layer = divmod(int(shown.argmax()), layers)
    chart(
        figure,
        f"trace_{trace.kind}",
        f"Heatmap of {len(trace.tokens)} tokens by {layers} layers, {'estimated for' if estimated else 'restored'} "
        f"{KIND_TITLES[trace.kind]}; the largest effect is at token {token}, layer {layer}.",
        choosing=True,
        says="trace_estimate" if estimated else "",
    )


def _attributions(request: TraceRequest, attribution: TokenAttribution, subject: tuple[int, int] | None) -> None:
    """Captum's token attributions for the old and the new answer."""
    st.markdown(
        "**Token attributions**",
        help="Captum: integrated gradients of log p(answer) on the token embeddings, "
        f"{attribution.n_steps} steps, against a blank prompt.",
    )
    chart(
        partial(attribution_bars, attribution, subject=subject, theme_name=theme_name()),
        "attribution",
        "Bar chart: what each prompt token adds to log p of the old and of the new answer.",
    )
    st.caption(safe(cost_sentence("Measured in", attribution.cost) + _origin(request, ATTRIBUTION)))


def _origin(request: TraceRequest, answer: str) -> str:
    """Whether it was there before this tab asked for it."""
    job = jobs.last_job(AREA)
    is_of_it = job is not None and replace(job.request, kinds=request.kinds) == request
    if is_of_it and answer in (*job.request.kinds, ATTRIBUTION):
        said = (job.result or {}).get(answer)
        return "" if said is None or not said.from_store else ", from the store"
    return ", from the store"
