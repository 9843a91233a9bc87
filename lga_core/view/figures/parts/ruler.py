"""The layer ruler that every chart shares: its labels, the tracks of marks above it, and outlines of marked layers."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from lga_core.view.figures.parts.style import Theme, axis
from lga_core.view.words.text import columns, escape, shorten

NARROWEST = 600.0  # px of plot area on a 1280 px wide page: labels must fit there
LABEL_WIDTH = 17.0  # px that one layer number needs, with the space around it
TRACK_HEIGHT = 17.0  # px


def layer_ticks(layers: int, marked: Collection[int] = (), width: float = NARROWEST) -> list[int]:
    """Layers to label: evenly spaced so that labels fit `width` px, every marked one, and none that would touch it."""
    room = LABEL_WIDTH * layers / width  # layers per label
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if step >= room)
    kept: list[int] = []
    for layer in marked:  # in order of importance
        if 0 <= layer < layers and all(abs(layer - other) >= room for other in kept):
            kept.append(layer)
    plain = [layer for layer in range(0, layers, step) if all(abs(layer - other) >= room for other in kept)]
    return sorted({*kept, *plain})


def layer_axis(
    look: Theme,
    layers: int,
    *,
    golden: int | None = None,
    marked: Sequence[int] = (),
    **settings,
) -> dict:
    """An x axis over layers, 0-based; the golden layer's number in bold gold."""
    ticks = layer_ticks(layers, [*([] if golden is None else [golden]), *marked])
    text = [
        f"<b><span style='color:{look.gold_text}'>{layer}</span></b>" if layer == golden else str(layer)
        for layer in ticks
    ]
    return axis(look, range=[-0.5, layers - 0.5], tickvals=ticks, ticktext=text, tickangle=0, **settings)


@dataclass(frozen=True, kw_only=True)
class Track:
    """One row of marks over layers, named at its left."""

    name: str
    layers: Sequence[int]
    color: str
    symbol: str = "diamond"
    first: int | None = None  # drawn filled, the others hollow; None: all filled
    labelled: bool = False  # its layers are numbered on the ruler however dense that is


def tracks_panel(tracks: Sequence[Track], layers: int) -> list[go.Scatter]:
    """One scatter a track on the axes x and y, the first on top (y = 0, 1, …, reversed). Marks are clickable."""
    size = min(9.0, 0.85 * NARROWEST / layers)  # neighbours stay apart
    traces = []
    for row, track in enumerate(tracks):
        filled = [track.first is None or layer == track.first for layer in track.layers]
        symbols = [track.symbol + ("" if full else "-open") for full in filled]
        traces.append(
            go.Scatter(
                x=list(track.layers),
                y=[row] * len(track.layers),
                xaxis="x",
                yaxis="y",
                mode="markers",
                cliponaxis=False,
                marker={
                    "symbol": symbols,
                    "size": size,
                    "color": track.color,
                    "line": {"width": 1.5, "color": track.color},
                },
                customdata=[[layer, None, None] for layer in track.layers],
                unselected={"marker": {"opacity": 1}},
                text=[escape(track.name)] * len(track.layers),
                hovertemplate="%{text}: layer %{x}<extra></extra>",
                showlegend=False,
                meta="track",
            )
        )
    return traces


def track_axis(tracks: Sequence[Track], look: Theme, domain: tuple[float, float]) -> dict:
    """The y axis of a tracks panel: its names as tick labels."""
    names = [escape(shorten(track.name, 22)) for track in tracks]
    return axis(
        look,
        domain=domain,
        range=[len(tracks) - 0.5, -0.5],
        tickvals=list(range(len(tracks))),
        ticktext=names,
        grid=True,
        anchor="x",
    )


def runs(layers: Collection[int]) -> list[tuple[int, int]]:
    """Consecutive layers as (first, last) pairs: 11, 12, 15 gives (11, 12), (15, 15)."""
    pairs: list[tuple[int, int]] = []
    for layer in sorted(set(layers)):
        if pairs and layer == pairs[-1][1] + 1:
            pairs[-1] = (pairs[-1][0], layer)
        else:
            pairs.append((layer, layer))
    return pairs


def add_outlines(
    figure: go.Figure, look: Theme, chosen: Collection[int], golden: int | None, panels: Iterable[int | str] = ("",)
) -> None:
    """Frames around whole columns: chosen layers dashed, the golden layer over them in gold.

    `panels`: what follows "x" and "y" in the names of each panel's axes.
    """
    marks = [(first, last, {"color": look.ink, "width": 1.0, "dash": "dot"}) for first, last in runs(chosen)]
    if golden is not None:
        marks.append((golden, golden, {"color": look.gold, "width": 1.75, "dash": "solid"}))
    for first, last, line in marks:
        for panel in panels:
            figure.add_shape(
                type="rect",
                x0=first - 0.5,
                x1=last + 0.5,
                y0=0,
                y1=1,
                xref=f"x{panel}",
                yref=f"y{panel} domain",
                line=line,
                fillcolor="rgba(0,0,0,0)",
                layer="above",
            )


def label_margin(texts: Sequence[str], size: float = 11) -> int:
    """Left margin in px for tick labels of that size. Generous: a cut label is worse than a gap."""
    widest = max((columns(text) for text in texts), default=0)
    return max(64, math.ceil(widest * size * 0.5) + 12)
