"""Two runs' values by layer in one figure; where they are of different things each has an axis of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from lga_core.view.figures.parts.ruler import layer_axis
from lga_core.view.figures.parts.style import RIGHT_MARGIN, ThemeName, axis, axis_title, legend, new_figure, theme
from lga_core.view.words.text import escape, number, shorten

COLORS = (0, 3)  # of the theme's series: far apart for colour-blind readers too
DASHES = ("solid", "dash")


@dataclass(frozen=True, kw_only=True)
class RunCurve:
    """One run's values by layer."""

    name: str
    values: np.ndarray  # (L,); NaN where there is none
    unit: str  # what the values are
    picks: Sequence[int]  # marked on the line, the best one filled


def compared_curves(curves: Sequence[RunCurve], *, theme_name: ThemeName = "light") -> go.Figure:
    """One or two curves over layers. Two units: the first is read on the left, the second on the right."""
    look = theme(theme_name)
    layers = max(len(curve.values) for curve in curves)
    apart = len({curve.unit for curve in curves}) > 1
    figure = new_figure(look, height=320, left=72, top=44, bottom=46, right=RIGHT_MARGIN + 10 if apart else 24)
    for place, curve in enumerate(curves):
        color = look.series[COLORS[place]]
        second = apart and place == 1
        shared = {"yaxis": "y2"} if second else {}
        figure.add_trace(
            go.Scatter(
                x=list(range(len(curve.values))),
                y=[None if np.isnan(value) else float(value) for value in curve.values],
                mode="lines+markers",
                name=escape(shorten(curve.name, 60)),
                line={"color": color, "width": 2, "dash": DASHES[place]},
                marker={
                    "size": [10 if layer in curve.picks else 4 for layer in range(len(curve.values))],
                    "symbol": [
                        "diamond" if layer in curve.picks[:1] else "diamond-open" if layer in curve.picks else "circle"
                        for layer in range(len(curve.values))
                    ],
                },
                customdata=[[layer, None, number(float(value), 4)] for layer, value in enumerate(curve.values)],
                hovertemplate="layer %{x}: %{customdata[2]}<extra>%{fullData.name}</extra>",
                **shared,
            )
        )
    figure.update_layout(
        xaxis=layer_axis(look, layers, title=axis_title(look, "layer · diamonds: picks, the best one filled")),
        yaxis=axis(look, title=axis_title(look, escape(curves[0].unit)), grid=True, nticks=6),
        showlegend=True,
        legend=legend(look, orientation="h", x=0, y=1.02, yanchor="bottom"),
    )
    if apart:
        title = axis_title(look, escape(curves[1].unit))
        figure.update_layout(yaxis2=axis(look, title=title, overlaying="y", side="right", nticks=6))
    return figure
