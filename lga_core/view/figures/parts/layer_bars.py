"""A small bar chart on the layer ruler: one bar a layer, which a click chooses."""

from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.view.figures.parts.ruler import layer_axis
from lga_core.view.figures.parts.style import Theme, axis_title, new_figure
from lga_core.view.words.text import number


def layer_bars(
    look: Theme,
    at: Sequence[int],
    values: Sequence[float],
    colors: Sequence[str],
    *,
    layers: int,
    golden: int | None,
    marked: Sequence[int] = (),
    height: float,
    hover: str,
) -> tuple[go.Figure, float]:
    """The figure, and the height of its largest bar, at least 1. `customdata` is [layer, None, value, value in words].

    `at`: the bars' layers, of `layers` that the model has. `hover`: a template. The y axis is the caller's.
    """
    figure = new_figure(look, height=height, left=64, top=34, bottom=42, right=24)
    figure.add_trace(
        go.Bar(
            x=list(at),
            y=list(values),
            customdata=[[layer, None, value, number(value, 3)] for layer, value in zip(at, values, strict=True)],
            marker={"color": list(colors), "line": {"width": 0}},
            unselected={"marker": {"opacity": 1}},
            hovertemplate=hover,
        )
    )
    title = axis_title(look, "layer")
    figure.update_layout(xaxis=layer_axis(look, layers, golden=golden, marked=marked, title=title))
    return figure, max(max(values, default=0.0), 1.0)
