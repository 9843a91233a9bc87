"""How often each layer is the pick when the facts are drawn again: a small bar chart on the layer ruler."""

import plotly.graph_objects as go

from lga_core.results import Bootstrap
from lga_core.view.figures.parts.layer_bars import layer_bars
from lga_core.view.figures.parts.style import ThemeName, axis, heading, theme


def pick_shares(bootstrap: Bootstrap, golden: int | None, *, theme_name: ThemeName = "light") -> go.Figure:
    """Share of draws per layer in percent, the golden layer in gold, its 95 % interval as a line above the bars."""
    look = theme(theme_name)
    layers = range(len(bootstrap.share))
    figure, top = layer_bars(
        look,
        layers,
        [100.0 * float(share) for share in bootstrap.share],
        [look.gold if layer == golden else look.muted for layer in layers],
        layers=len(layers),
        golden=golden,
        height=110,
        hover="layer %{x}: the pick in %{y:.1f} % of draws<extra></extra>",
    )
    figure.update_layout(yaxis=axis(look, range=[0, 1.22 * top], grid=True, nticks=4, ticksuffix=" %"))
    note = f"{bootstrap.draws:,} draws of the facts · line: 95 % interval, {_interval(bootstrap.low, bootstrap.high)}"
    figure.add_annotation(heading(look, "Pick share", note, 1))
    height = 1.12 * top
    for x0, x1, y0, y1 in (
        (bootstrap.low, bootstrap.high, height, height),
        (bootstrap.low, bootstrap.low, 1.07 * top, 1.17 * top),
        (bootstrap.high, bootstrap.high, 1.07 * top, 1.17 * top),
    ):
        figure.add_shape(
            type="line", x0=x0, x1=x1, y0=y0, y1=y1, xref="x", yref="y", line={"color": look.ink, "width": 1.5}
        )
    return figure


def _interval(low: int, high: int) -> str:
    return f"layer {low}" if low == high else f"layers {low} to {high}"
