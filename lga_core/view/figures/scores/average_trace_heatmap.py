"""Causal traces averaged over facts: six kinds of token down, layers across (ROME, figure 2), intervals on hover."""

from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.results import AverageTrace
from lga_core.view.figures.parts.cells import add_cells, value_or_none
from lga_core.view.figures.parts.ruler import add_outlines, label_margin, layer_axis
from lga_core.view.figures.parts.scales import Scale, effect_shades
from lga_core.view.figures.parts.style import ThemeName, axis, axis_title, heading, new_figure, theme
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
    figure = new_figure(look, height=height, left=label_margin(labels), top=30, bottom=42)
    add_cells(
        figure,
        average.effect,
        effect_shades(average.effect, scale, average.kind, look),
        [_cell(average, place, layer) for place in range(rows) for layer in range(layers)],
        [f"<b>{position}</b>" for position in average.positions for _layer in range(layers)],
        look,
        template="%{text}<br>layer %{customdata[0]} · effect %{customdata[3]}"
        "<br>95 % interval %{customdata[4]} · %{customdata[5]}",
        height=height,
    )
    figure.update_layout(
        xaxis=layer_axis(look, layers, golden=golden, marked=list(chosen), title=axis_title(look, "layer")),
        yaxis=axis(look, range=[rows - 0.5, -0.5], tickvals=list(range(rows)), ticktext=labels, automargin="left"),
    )
    figure.add_annotation(heading(look, *_heading(average), 1))
    add_outlines(figure, look, chosen, golden)
    return figure


def _heading(average: AverageTrace) -> tuple[str, str]:
    window = "" if average.window == 1 else f", {average.window} layers at once"
    facts = f"mean effect on p(answer) over {count(len(average.records), 'fact')}"
    note = f"{facts} · mean total effect {number(average.total_effect, 3)}"
    return f"Restored {KIND_TITLES[average.kind]}{window}", note


def _cell(average: AverageTrace, place: int, layer: int) -> list[object]:
    """What a cell says on hover: the mean, its interval, and of how many facts."""
    value, half = float(average.effect[place, layer]), float(average.half_width[place, layer])
    known = value_or_none(half) is not None
    return [
        layer,
        place,
        value_or_none(value),
        number(value, 3),
        f"{number(value - half, 3)} to {number(value + half, 3)}" if known else "n/a",
        count(average.n[place], "fact"),
    ]
