"""Results in forms that leave the program: a figure as one HTML file, a line for EasyEdit's settings."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go
import plotly.io

from lga_core.view.figures.parts.style import FONT, theme


def standalone_html(figure: go.Figure, title: str = "Layer scores") -> str:
    """One HTML page that needs no network: plotly.js inside, its own template, the ground of the figure's theme."""
    copy = on_own_ground(figure)
    body = plotly.io.to_html(
        copy,
        full_html=False,
        include_plotlyjs=True,
        config={"responsive": True, "displaylogo": False, "toImageButtonOptions": {"format": "svg", "scale": 2}},
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>'
        f'<body style="margin:16px;background:{copy.layout.paper_bgcolor}">{body}</body></html>\n'
    )


def on_own_ground(figure: go.Figure) -> go.Figure:
    """A copy that looks the same wherever it is shown: hosts that set a default template have no say in it."""
    copy = go.Figure(figure)
    look = theme((copy.layout.meta or {}).get("theme", "light"))
    copy.update_layout(template="plotly_white", paper_bgcolor=look.page, plot_bgcolor=look.page, autosize=True)
    copy.update_layout(font={"family": FONT, "color": look.ink})
    for trace in copy.data:
        if trace.type == "heatmap" and trace.colorscale is None:
            trace.colorscale = [[0, look.neutral], [1, look.ink]]
    return copy


def easyedit_line(layers: Sequence[int]) -> str:
    """The line for an EasyEdit hyper-parameter file: `layers: [11, 12]`."""
    return f"layers: [{', '.join(str(layer) for layer in layers)}]"
