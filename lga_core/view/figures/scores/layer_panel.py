"""The per-layer panel under the heatmaps: a signed total as bars, excluded layers hatched, mean effect as a line."""

import numpy as np
import plotly.graph_objects as go

from lga_core.results import LayerScores
from lga_core.view.figures.parts.cells import value_or_none
from lga_core.view.figures.parts.scales import Scale, SignedLog, round_ticks
from lga_core.view.figures.parts.style import Theme, axis, band, level
from lga_core.view.words.names import method_kind, method_title
from lga_core.view.words.sentences import excluded_reason
from lga_core.view.words.text import escape, number


def bars(lga: LayerScores, scale: Scale, look: Theme, *, xaxis: str, yaxis: str) -> go.Bar:
    """One bar a layer on the panel's own ruler (see `total_axis`); gold for the golden layer alone."""
    heights, selection = _place(lga.total, scale), lga.selection
    colors = [look.positive if value > 0 else look.negative for value in np.nan_to_num(lga.total)]
    if selection.golden_layer is not None:
        colors[selection.golden_layer] = look.gold
    excluded = [layer in selection.excluded_layers for layer in range(lga.layers)]
    return go.Bar(
        x=list(range(lga.layers)),
        y=[value_or_none(height) for height in heights],
        xaxis=xaxis,
        yaxis=yaxis,
        hoverinfo="skip",
        name=method_title(lga.method),
        unselected={"marker": {"opacity": 1}},
        marker={
            "color": colors,
            "line": {"width": 0},
            "pattern": {
                "shape": ["/" if out else "" for out in excluded],
                "fillmode": "replace",
                "size": 5,
                "solidity": 0.35,
            },
        },
    )


def total_axis(lga: LayerScores, scale: Scale, look: Theme, domain: tuple[float, float], **settings) -> dict:
    """The bars' y axis. Logarithmic unless the scale is linear: totals span as many orders as the cells do."""
    heights = _place(lga.total, scale)
    low, high = _padded(heights)
    if scale == "linear":
        largest = float(np.nanmax(np.abs(lga.total), initial=0.0)) or 1.0
        values = round_ticks(low * largest, high * largest)
        tickvals, ticktext = [value / largest for value in values], [number(value) for value in values]
    else:
        tickvals, ticktext = SignedLog.of(lga.total).ticks(low, high)
    return axis(
        look,
        domain=domain,
        range=[low, high],
        tickvals=tickvals,
        ticktext=ticktext,
        zero=look.line,
        **settings,
    )


def fences(lga: LayerScores, scale: Scale, look: Theme, *, xref: str, yref: str) -> list[dict]:
    """Dotted lines at the fences, where they lie inside the panel."""
    if lga.selection.fences is None:
        return []
    low, high = _padded(_place(lga.total, scale))
    places = _place(np.array(lga.selection.fences), scale, of=lga.total)
    return [level(look, place, xref=xref, yref=yref) for place in places if low < place < high]


def line(cma: LayerScores, look: Theme, *, xaxis: str, yaxis: str) -> list[go.Scatter]:
    """The mean effect per layer, in a band of ±1.96 sd/√n over the facts used."""
    color, layers = look.kind(method_kind(cma.method)), list(range(cma.layers))
    mean, half = _interval(cma)
    spread = band(layers, mean + half, mean - half, color, opacity=0.16, xaxis=xaxis, yaxis=yaxis)
    curve = go.Scatter(
        x=layers,
        y=[value_or_none(value) for value in mean],
        xaxis=xaxis,
        yaxis=yaxis,
        mode="lines+markers",
        line={"color": color, "width": 2},
        marker={"color": color, "size": 4},
        hoverinfo="skip",
        unselected={"marker": {"opacity": 1}},
        name=method_title(cma.method),
    )
    return [spread, curve] if np.isfinite(half).any() else [curve]


def effect_axis(cma: LayerScores, look: Theme, domain: tuple[float, float], **settings) -> dict:
    """The line's own y axis, in its colour: the two scores share layers, not units."""
    mean, half = _interval(cma)
    half = np.nan_to_num(half)
    low, high = float(np.nanmin(mean - half, initial=0.0)), float(np.nanmax(mean + half, initial=0.0))
    span = (high - low) or 1.0
    tickvals = round_ticks(low, high)
    return axis(
        look,
        domain=domain,
        range=[low - 0.06 * span, high + 0.1 * span],
        tickvals=tickvals,
        ticktext=[number(value) for value in tickvals],
        tickfont={"size": 10, "color": look.kind(method_kind(cma.method))},
        **settings,
    )


def hover_text(layer: int, lga: LayerScores | None, cma: LayerScores | None) -> str:
    """What a layer's column tells of both scores."""
    lines = [f"<b>Layer {layer}</b>"]
    for scores in (lga, cma):
        if scores is None:
            continue
        lines.append(f"{method_title(scores.method)} {scores.total_is} {number(float(scores.total[layer]))}")
        if layer in scores.selection.excluded_layers:
            lines.append(f"excluded: {escape(excluded_reason(scores, layer))}")
        elif layer in scores.selection.ranking:
            lines.append(f"rank {scores.selection.ranking.index(layer) + 1} of {len(scores.selection.ranking)}")
    return "<br>".join(lines)


def _place(values: np.ndarray, scale: Scale, of: np.ndarray | None = None) -> np.ndarray:
    """Values on the panel's ruler, where the largest total has size 1."""
    reference = values if of is None else of
    if scale == "linear":
        return values / (float(np.nanmax(np.abs(reference), initial=0.0)) or 1.0)
    return SignedLog.of(reference).forward(values)


def _padded(heights: np.ndarray) -> tuple[float, float]:
    low, high = min(float(np.nanmin(heights, initial=0.0)), 0.0), max(float(np.nanmax(heights, initial=0.0)), 0.0)
    pad = 0.08 * ((high - low) or 1.0)
    return low - (pad if low < 0 else 0.0), high + (pad if high > 0 or low == high else 0.0)


def _interval(cma: LayerScores) -> tuple[np.ndarray, np.ndarray]:
    used = cma.per_fact[np.isfinite(cma.per_fact).all(axis=1)]
    if len(used) < 2:
        return cma.total, np.full(cma.layers, np.nan)
    return cma.total, 1.96 * used.std(axis=0, ddof=1) / np.sqrt(len(used))


def axis_note(lga: LayerScores | None, cma: LayerScores | None, scale: Scale) -> str:
    """What the panel's two rulers show, in the fewest words."""
    notes = []
    if lga is not None:
        ruler = "" if scale == "linear" else ", symlog"
        notes.append(f"bars: {method_title(lga.method)} {lga.total_is}{ruler}")
        if lga.selection.excluded_layers:
            notes.append("hatched: excluded")
        if lga.selection.fences is not None:
            notes.append("dotted: fences")
    if cma is not None:
        shown = ", 95 % band" if cma.n_facts > 1 else ""
        notes.append(f"line: {method_title(cma.method).partition(',')[0]} {cma.total_is}{shown}")
    return " · ".join(notes)
