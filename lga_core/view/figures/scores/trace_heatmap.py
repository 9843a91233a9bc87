"""One fact's causal trace: tokens down, layers across, in the colour of what was restored (ROME, figure 1)."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import CausalTrace
from lga_core.view.figures.parts.cells import add_cells, value_or_none
from lga_core.view.figures.parts.ruler import add_outlines, label_margin, layer_axis
from lga_core.view.figures.parts.scales import Scale, effect_shades
from lga_core.view.figures.parts.style import ThemeName, axis, axis_title, heading, new_figure, theme
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
    labels = _labels(trace)
    figure = new_figure(look, height=height, left=label_margin(labels), top=30, bottom=42)
    add_cells(
        figure,
        values,
        effect_shades(values, scale, trace.kind, look),
        [
            [layer, index, value_or_none(value), number(float(value))]
            for index, row in enumerate(values)
            for layer, value in enumerate(row)
        ],
        [f"<b>{label}</b>" for label in labels for _layer in range(layers)],
        look,
        template="%{text}<br>layer %{customdata[0]} · effect %{customdata[3]}",
        height=height,
    )
    ticks: dict[str, Any] = {"showticklabels": False}
    if tokens <= MOST_LABELLED:
        ticks = {"tickmode": "array", "tickvals": list(range(tokens)), "ticktext": labels}
    figure.update_layout(
        xaxis=layer_axis(look, layers, golden=golden, marked=list(chosen), title=axis_title(look, "layer")),
        yaxis=axis(look, range=[tokens - 0.5, -0.5], automargin="left", **ticks),
    )
    figure.add_annotation(heading(look, *_heading(trace, estimate), 1))
    add_outlines(figure, look, chosen, golden)
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
