"""A grid of cells that can be read and clicked: a heatmap, grey for what is missing, invisible points over it."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lga_core.view.figures.parts.scales import Shades, ticks_with_room
from lga_core.view.figures.parts.style import Theme, colorbar, colorscale

OVERLAY = "cells"  # the `meta` of the traces that answer to hover and click
Domain = tuple[float, float]


def add_cells(
    figure: go.Figure,
    values: np.ndarray,
    shades: Shades,
    customdata: Sequence[Sequence],
    text: Sequence[str],
    look: Theme,
    *,
    template: str,
    height: float,
    domain: Domain = (0, 1),
    xaxis: str = "x",
    yaxis: str = "y",
) -> None:
    """Coloured cells of (rows, layers) values with their colour bar, grey ones where there is none, hover and clicks.

    `customdata` and `text` have one entry a cell, row by row, as `overlay` takes them. `height`: the panel's, px.
    """
    bar = colorbar(domain, height, *ticks_with_room(shades, height), look)
    figure.add_trace(_coloured(shades, bar, xaxis, yaxis))
    missing = ~np.isfinite(values)
    if missing.any():
        figure.add_trace(_grey(missing, look, xaxis, yaxis))
    rows, layers = values.shape
    points = [(layer, row) for row in range(rows) for layer in range(layers)]
    figure.add_trace(overlay(points, customdata, text, look, template=template, xaxis=xaxis, yaxis=yaxis))


def _coloured(shades: Shades, bar: dict, xaxis: str, yaxis: str) -> go.Heatmap:
    """Plotly's heatmap cells cannot be selected, so `overlay` answers for them."""
    rows, columns = shades.z.shape
    return go.Heatmap(
        z=shades.z,
        x=list(range(columns)),
        y=list(range(rows)),
        xaxis=xaxis,
        yaxis=yaxis,
        zmin=shades.zmin,
        zmax=shades.zmax,
        zmid=0 if shades.zmin == -shades.zmax else None,
        colorscale=shades.colorscale,
        colorbar=bar,
        hoverinfo="skip",
        xgap=0.5,
        ygap=0.5 if rows <= 80 else 0,
    )


def _grey(missing: np.ndarray, look: Theme, xaxis: str, yaxis: str) -> go.Heatmap:
    """Plain grey where there is no value, so that "not measured" never looks like zero."""
    rows, columns = missing.shape
    return go.Heatmap(
        z=np.where(missing, 1.0, np.nan),
        x=list(range(columns)),
        y=list(range(rows)),
        xaxis=xaxis,
        yaxis=yaxis,
        zmin=0,
        zmax=1,
        colorscale=[[0, look.empty], [1, look.empty]],
        showscale=False,
        hoverinfo="skip",
    )


def overlay(
    points: Sequence[tuple[float, float]],
    customdata: Sequence[Sequence],
    text: Sequence[str],
    look: Theme,
    *,
    template: str,
    xaxis: str,
    yaxis: str,
) -> go.Scatter:
    """Invisible markers at `points` (x, y) that carry hover text and a click.

    Only one of them is drawn: the others answer all the same, and a heatmap of 30 layers and 16 facts is drawn in half
    the time without 480 elements that nobody sees.

    `customdata` rows are [layer, row, raw value or None, …] as plain lists: typed arrays would not survive the way
    back from the browser. `text` must be escaped; untrusted text is never part of `template`.
    """
    return go.Scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        xaxis=xaxis,
        yaxis=yaxis,
        mode="markers",
        customdata=[list(row) for row in customdata],
        text=list(text),
        hovertemplate=template + "<extra></extra>",
        marker={"opacity": 0, "size": 12, "color": look.ink, "line": {"width": 0}, "maxdisplayed": 1},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        showlegend=False,
        meta=OVERLAY,
    )


def labelled_heatmap(
    z: Sequence[Sequence[float | None]], top: float, height: float, look: Theme, **cells
) -> go.Heatmap:
    """Cells from 0 to `top` on one hue, that may have their numbers in them and hover boxes; `height`: the panel's."""
    return go.Heatmap(
        z=z,
        zmin=0,
        zmax=top,
        ygap=1,
        textfont={"size": 11},
        colorscale=colorscale((look.neutral, look.diverging[2], look.negative)),
        hoverongaps=False,
        colorbar=colorbar(
            (0, 1), min(height, 160.0), [0, top / 2, top], [f"{top * part:g}" for part in (0, 0.5, 1)], look
        ),
        **cells,
    )


def value_or_none(value: float) -> float | None:
    """For customdata, which travels as JSON."""
    return float(value) if np.isfinite(value) else None
