"""One fact's causal trace: tokens down, layers across, in the colour of what was restored (ROME, figure 1)."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import CausalTrace
from lga_core.view.figures.parts.cells import empty_cells, heatmap, overlay, value_or_none
from lga_core.view.figures.parts.ruler import label_margin, layer_axis, outline, runs
from lga_core.view.figures.parts.scales import Scale, effect_shades, ticks_with_room
from lga_core.view.figures.parts.style import Theme, ThemeName, axis, axis_title, colorbar, heading, new_figure, theme
from lga_core.view.words.names import KIND_TITLES
from lga_core.view.words.text import escape, number, shorten, token_label

MOST_LABELLED = 80  # a prompt with more tokens than this is read by hovering


def trace_heatmap(
    trace: CausalTrace,
    *,
    scale: Scale = "linear",
    golden: int | None = None,
    chosen: Sequence[int] = (),
    estimate: bool = False,
    theme_name: ThemeName = "light",
) -> go.Figure:
    """The token × layer figure. Subject tokens carry a *; `customdata` of a cell is [layer, token index, value].

    `estimate` draws the attribution-patching estimate instead, and says so; LgaError where the trace has none.
    """
    values, look = trace.effect, theme(theme_name)
    if estimate:
        if trace.patching is None:
            raise LgaError("This trace has no attribution-patching estimate.", hint="Trace the fact with patching on.")
        values = trace.patching
    tokens, layers = values.shape
    height = max(60.0, tokens * (20.0 if tokens <= 24 else 14.0 if tokens <= MOST_LABELLED else 6.0))
    figure = new_figure(look, height=height, left=label_margin(_labels(trace), least=64), top=30, bottom=42)
    shades = effect_shades(values, scale, trace.kind, look)
    refs = {"xaxis": "x", "yaxis": "y"}
    figure.add_trace(heatmap(shades, colorbar((0, 1), height, *ticks_with_room(shades, height), look), **refs))
    if (empty := empty_cells(values, look, **refs)) is not None:
        figure.add_trace(empty)
    figure.add_trace(_cells(trace, values, look))
    figure.update_layout(
        xaxis=layer_axis(look, layers, golden=golden, marked=list(chosen), title=axis_title(look, "layer")),
        yaxis=axis(look, range=[tokens - 0.5, -0.5], automargin="left", **_ticks(trace)),
    )
    figure.add_annotation(heading(look, *_heading(trace, estimate), 1))
    for first, last in runs(chosen):
        figure.add_shape(outline(first, last, look.ink, "x", "y", width=1.0, dash="dot"))
    if golden is not None:
        figure.add_shape(outline(golden, golden, look.gold, "x", "y", width=1.75))
    return figure


def _heading(trace: CausalTrace, estimate: bool) -> tuple[str, str]:
    window = "" if trace.window == 1 else f", {trace.window} layers at once"
    title = f"Restored {KIND_TITLES[trace.kind]}{window}"
    source = ", the model's own" if trace.answer_source == "model" else ""
    note = f"effect on p({escape(shorten(trace.answer, 20))}{source}) · total effect {number(trace.total_effect, 3)}"
    return title, note + (" · an estimate: attribution patching" if estimate else "")


def _labels(trace: CausalTrace) -> list[str]:
    first, end = trace.subject
    return [token_label(token, subject=first <= index < end) for index, token in enumerate(trace.tokens)]


def _ticks(trace: CausalTrace) -> dict:
    if len(trace.tokens) > MOST_LABELLED:
        return {"showticklabels": False}
    return {"tickmode": "array", "tickvals": list(range(len(trace.tokens))), "ticktext": _labels(trace)}


def _cells(trace: CausalTrace, values: np.ndarray, look: Theme) -> go.Scatter:
    labels = _labels(trace)
    points = [(layer, index) for index in range(values.shape[0]) for layer in range(values.shape[1])]
    customdata = [
        [layer, index, value_or_none(values[index, layer]), number(float(values[index, layer]))]
        for layer, index in points
    ]
    text = [f"<b>{labels[index]}</b>" for _, index in points]
    return overlay(
        points,
        customdata,
        text,
        look,
        xaxis="x",
        yaxis="y",
        template="%{text}<br>layer %{customdata[0]} · effect %{customdata[3]}",
    )
