"""The curves of a sweep: each metric's mean by layer, Overall bold with its interval, the selectors' picks on it."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lga_core.results import METRICS, Pick, Sweep
from lga_core.view.figures.parts.cells import value_or_none
from lga_core.view.figures.parts.panels import Domain, LayerPanels
from lga_core.view.figures.parts.ruler import Track
from lga_core.view.figures.parts.scales import round_ticks
from lga_core.view.figures.parts.style import Theme, axis, band, heading
from lga_core.view.words.names import method_kind
from lga_core.view.words.text import escape

OVERALL = "overall"
_AXES = {"xaxis": "x2", "yaxis": "y2"}  # of the second panel
_METRIC_COLORS = {"rewrite": 0, "rephrase": 1, "locality": 2, "portability": 3}
_SYMBOLS = {"lga": "diamond", "forecast": "triangle-up", "middle": "cross", "brute-force": "star", "best": "star"}
_OTHERS = ("square", "triangle-down", "pentagon", "hexagon", "bowtie", "hourglass")


def add_panel(
    figure: go.Figure, panels: LayerPanels, sweep: Sweep, marks: Sequence[Track], domain: Domain, note: str
) -> None:
    """The second panel of a figure: the curves, the marks on Overall, and columns that answer to hover and clicks."""
    look = panels.look
    figure.add_traces(_curves(sweep, look))
    figure.add_traces(_points(marks, sweep, look))
    begun = [column for column in range(len(sweep.layers)) if (sweep.measured[:, column] == 1).any()]
    layers = [sweep.layers[column] for column in begun]
    panels.add_columns(figure, 2, layers, [_hover_text(sweep, column, marks) for column in begun])
    figure.update_layout(xaxis2=panels.ruler(2), yaxis2=_percent_axis(sweep, look, domain))
    figure.add_annotation(heading(look, "After the edit", f"{_legend(sweep, look)} · {note}", domain[1]))


def marks(picks: Sequence[Pick], best: int | None, look: Theme) -> list[Track]:
    """A mark for each selector that picks a layer, then one for the best layer of the sweep itself.

    Where the pick was not swept, the layer that stands for it follows it, hollow.
    """
    made, others = [], 0
    for pick in picks:
        if pick.own_layer is None:
            continue
        symbol = "circle" if pick.selector.startswith("cma") else _SYMBOLS.get(pick.selector)
        if symbol is None:
            symbol, others = _OTHERS[others % len(_OTHERS)], others + 1
        stand_in = [pick.layer] if pick.restricted and pick.layer is not None else []
        made.append(
            Track(
                name=pick.title,
                layers=[pick.own_layer, *stand_in],
                color=selector_color(pick.selector, look),
                symbol=symbol,
                first=pick.own_layer,
                labelled=True,
            )
        )
    if best is not None:
        symbol = _SYMBOLS["best"]
        made.append(Track(name="best layer here", layers=[best], color=look.ink, symbol=symbol, labelled=True))
    return made


def selector_color(selector: str, look: Theme) -> str:
    """LGA alone in gold, a CMA kind in its own colour; those without a colour of their own in the secondary one."""
    if selector == "lga":
        return look.gold
    if selector.startswith("cma"):
        return look.kind(method_kind(selector))
    return look.series[5] if selector.startswith("forecast") else look.muted


def regret_axis(low: float, high: float, look: Theme) -> dict:
    """Points of Overall, with a line at zero."""
    span = (high - low) or 1.0
    return axis(
        look,
        range=[low - 0.06 * span, high + 0.08 * span],
        tickvals=round_ticks(low, high, 5),
        grid=True,
        zero=look.muted,
    )


def _metric_color(metric: str, look: Theme) -> str:
    """Overall in ink; each metric in a colour of its own."""
    return look.ink if metric == OVERALL else look.series[_METRIC_COLORS[metric]]


def _shown_metrics(sweep: Sweep) -> tuple[str, ...]:
    """The metrics that have a curve, Overall last, so that it lies on top."""
    return (*(name for name in METRICS if name in sweep.has), OVERALL)


def _curves(sweep: Sweep, look: Theme) -> list[go.Scatter]:
    """One line a metric over the swept layers, broken where nothing is measured, and Overall's 95 % band."""
    traces = []
    middle, half = _band(sweep)
    there = np.flatnonzero(np.isfinite(half))
    if len(there):
        layers = [sweep.layers[index] for index in there]
        low, high = (middle - half)[there], (middle + half)[there]
        traces.append(band(layers, low, high, look.ink, opacity=0.12, **_AXES, meta="band"))
    for name in _shown_metrics(sweep):
        bold = name == OVERALL
        traces.append(
            go.Scatter(
                x=list(sweep.layers),
                y=[value_or_none(value) for value in sweep.mean(name)],
                **_AXES,
                mode="lines+markers",
                name=name.capitalize(),
                hoverinfo="skip",
                connectgaps=False,
                line={"color": _metric_color(name, look), "width": 3 if bold else 1.5},
                marker={"color": _metric_color(name, look), "size": 5 if bold else 3.5},
                unselected={"marker": {"opacity": 1}},
                meta="curve",
            )
        )
    return traces


def _points(marks: Sequence[Track], sweep: Sweep, look: Theme) -> list[go.Scatter]:
    """Each pick on the curve of Overall, where its layer is measured. The first given lies on top."""
    overall = dict(zip(sweep.layers, sweep.mean(OVERALL), strict=True))
    traces = []
    for mark in reversed(marks):
        layer = mark.layers[-1]
        value = overall.get(layer, np.nan)
        if np.isfinite(value):
            traces.append(
                go.Scatter(
                    x=[layer],
                    y=[float(value)],
                    **_AXES,
                    mode="markers",
                    hoverinfo="skip",
                    marker={
                        "symbol": mark.symbol,
                        "size": 12,
                        "color": mark.color,
                        "line": {"width": 1.5, "color": look.page},
                    },
                    unselected={"marker": {"opacity": 1}},
                    name=mark.name,
                    meta="pick",
                )
            )
    return traces


def _percent_axis(sweep: Sweep, look: Theme, domain: Domain) -> dict:
    """Percent, from a round tick below the curves to one above them, within 0 and 100."""
    values = np.concatenate([sweep.mean(name) for name in _shown_metrics(sweep)])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 100.0)
    pad = max(0.08 * (high - low), 2.0)
    low, high = max(low - pad, -2.0), min(high + pad, 103.0)
    ticks = round_ticks(max(low, 0.0), min(high, 100.0), 6)
    return axis(
        look,
        domain=domain,
        range=[low, high],
        tickvals=ticks,
        ticktext=[f"{tick:g} %" for tick in ticks],
        grid=True,
        anchor="x2",
    )


def _legend(sweep: Sweep, look: Theme) -> str:
    """The metrics' names in their colours, for a panel's heading."""
    words = [f"<span style='color:{_metric_color(name, look)}'>{name}</span>" for name in sweep.has]
    return " · ".join([f"<span style='color:{look.ink}'><b>Overall</b></span>", *words])


def _hover_text(sweep: Sweep, column: int, marks: Sequence[Track]) -> str:
    layer = sweep.layers[column]
    lines = [f"<b>Layer {layer}</b>"]
    for name in (OVERALL, *sweep.has):
        values = sweep.overall[:, column] if name == OVERALL else sweep.after[name][:, column]
        n = int(np.isfinite(values).sum())
        if n:
            lines.append(f"{name.capitalize()} {np.nanmean(values):.1f} %, n {n}")
    lines += [escape(mark.name) for mark in marks if mark.layers[0] == layer]
    return "<br>".join(lines)


def _band(sweep: Sweep) -> tuple[np.ndarray, np.ndarray]:
    """Overall's mean by layer and half of its 95 % interval, 1.96 sd/√n over the facts measured there."""
    overall = sweep.overall
    n = np.isfinite(overall).sum(axis=0)
    middle = sweep.mean(OVERALL)
    spread = np.where(np.isfinite(overall), overall - middle, 0.0)
    enough = n > 1
    half = np.full(len(n), np.nan)
    half[enough] = 1.96 * np.sqrt((spread**2).sum(axis=0)[enough] / (n[enough] - 1) / n[enough])
    return middle, half
