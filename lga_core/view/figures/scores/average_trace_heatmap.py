"""Causal traces averaged over facts: six kinds of token down, layers across (ROME, figure 2), intervals on hover."""

from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.results import AverageTrace
from lga_core.view.figures.parts.cells import empty_cells, heatmap, overlay, value_or_none
from lga_core.view.figures.parts.ruler import label_margin, layer_axis, outline, runs
from lga_core.view.figures.parts.scales import Scale, effect_shades, ticks_with_room
from lga_core.view.figures.parts.style import Theme, ThemeName, axis, axis_title, colorbar, heading, new_figure, theme
from lga_core.view.words.names import KIND_TITLES
from lga_core.view.words.text import count, number

ROW_HEIGHT = 26.0  # px


def average_trace_heatmap(
    average: AverageTrace,
    *,
    scale: Scale = "linear",
    golden: int | None = None,
    chosen: Sequence[int] = (),
    theme_name: ThemeName = "light",
) -> go.Figure:
    """The position × layer figure; `customdata` of a cell is [layer, position, value or None, …]."""
    look = theme(theme_name)
    rows, layers = average.effect.shape
    height = rows * ROW_HEIGHT
    labels = [f"{position}, n {n}" for position, n in zip(average.positions, average.n, strict=True)]
    figure = new_figure(look, height=height, left=label_margin(labels, least=64), top=30, bottom=42)
    shades = effect_shades(average.effect, scale, average.kind, look)
    refs = {"xaxis": "x", "yaxis": "y"}
    figure.add_trace(heatmap(shades, colorbar((0, 1), height, *ticks_with_room(shades, height), look), **refs))
    if (empty := empty_cells(average.effect, look, **refs)) is not None:
        figure.add_trace(empty)
    figure.add_trace(_cells(average, look))
    figure.update_layout(
        xaxis=layer_axis(look, layers, golden=golden, marked=list(chosen), title=axis_title(look, "layer")),
        yaxis=axis(look, range=[rows - 0.5, -0.5], tickvals=list(range(rows)), ticktext=labels, automargin="left"),
    )
    figure.add_annotation(heading(look, *_heading(average), 1))
    for first, last in runs(chosen):
        figure.add_shape(outline(first, last, look.ink, "x", "y", width=1.0, dash="dot"))
    if golden is not None:
        figure.add_shape(outline(golden, golden, look.gold, "x", "y", width=1.75))
    return figure


def _heading(average: AverageTrace) -> tuple[str, str]:
    window = "" if average.window == 1 else f", {average.window} layers at once"
    facts = f"mean effect on p(answer) over {count(len(average.records), 'fact')}"
    note = f"{facts} · mean total effect {number(average.total_effect, 3)}"
    return f"Restored {KIND_TITLES[average.kind]}{window}", note


def _cells(average: AverageTrace, look: Theme) -> go.Scatter:
    """What each cell says on hover: the mean, its interval, and of how many facts."""
    rows, layers = average.effect.shape
    points = [(layer, place) for place in range(rows) for layer in range(layers)]
    customdata = []
    for layer, place in points:
        value, half = float(average.effect[place, layer]), float(average.half_width[place, layer])
        known = value_or_none(half) is not None
        customdata.append(
            [
                layer,
                place,
                value_or_none(value),
                number(value, 3),
                f"{number(value - half, 3)} to {number(value + half, 3)}" if known else "n/a",
                count(average.n[place], "fact"),
            ]
        )
    return overlay(
        points,
        customdata,
        [f"<b>{average.positions[place]}</b>" for _, place in points],
        look,
        xaxis="x",
        yaxis="y",
        template="%{text}<br>layer %{customdata[0]} · effect %{customdata[3]}"
        "<br>95 % interval %{customdata[4]} · %{customdata[5]}",
    )
