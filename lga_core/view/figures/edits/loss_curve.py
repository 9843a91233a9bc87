"""How the edit direction v* was found, or what was trained: the loss at each step, one line a layer."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.results import EditReport
from lga_core.view.figures.parts.scales import round_ticks
from lga_core.view.figures.parts.style import (
    Theme,
    ThemeName,
    axis,
    axis_title,
    heading,
    legend,
    level,
    new_figure,
    theme,
)
from lga_core.view.words.text import number, power_of_ten

SMALLEST = 1e-4  # nats; a loss of exactly zero is drawn here


def loss_curve(report: EditReport, *, theme_name: ThemeName = "light") -> go.Figure:
    """The losses of `report` on a logarithmic axis in nats, with the loss at which the search ends.

    No line is drawn where that is the total loss, with KL and weight decay: it is no height on this curve.
    """
    search = report.settings.get("value") or report.settings
    stop = search.get("stop_nll", search.get("stop_loss"))  # by the first name in reports of earlier versions
    of_total = search.get("stop") == "total"
    line = None if of_total else stop
    look = theme(theme_name)
    figure = new_figure(look, height=140, left=64, top=34, bottom=42, right=92)
    for index, (layer, losses) in enumerate(zip(report.layers, report.losses, strict=True)):
        if losses:
            figure.add_traces(_curve(layer, losses, look.series[index % len(look.series)]))
    drawn = [max(loss, SMALLEST) for losses in report.losses for loss in losses if math.isfinite(loss)]
    drawn += [line] if line else []
    steps = max((len(losses) for losses in report.losses), default=1) - 1
    ticks = round_ticks(0, max(steps, 1), 6)
    low, high = (min(drawn), max(drawn)) if drawn else (0.1, 1.0)
    figure.update_layout(
        clickmode="none",
        showlegend=True,
        legend=legend(look, x=1, yanchor="top"),
        xaxis=axis(
            look,
            range=[-0.02 * max(steps, 1), 1.02 * max(steps, 1)],
            tickvals=[tick for tick in ticks if tick == int(tick)],
            title=axis_title(look, "step"),
        ),
        yaxis=_log_axis(low, high, look),
    )
    at_prompt = report.editor == "ft-l"
    note = "−log p of the answer’s tokens at the prompt’s end, nats" if at_prompt else "nll of the new answer, nats"
    if stop:
        note += f" · stop: total loss {number(stop)}" if of_total else f" · dotted: stop at {number(stop)}"
    figure.add_annotation(heading(look, "Training" if report.target_error is None else "Edit direction", note, 1))
    if line:
        figure.add_shape(level(look, line))
    return figure


def _curve(layer: int, losses: Sequence[float], color: str) -> list[go.Scatter]:
    heights = [max(loss, SMALLEST) for loss in losses]
    curve = go.Scatter(
        x=list(range(len(losses))),
        y=heights,
        mode="lines",
        line={"color": color, "width": 2},
        name=f"layer {layer}",
        customdata=[[number(loss)] for loss in losses],
        hovertemplate=f"layer {layer}, step %{{x}}: %{{customdata[0]}} nats<extra></extra>",
    )
    end = go.Scatter(
        x=[len(losses) - 1],
        y=[heights[-1]],
        mode="markers",
        marker={"color": color, "size": 6},
        hoverinfo="skip",
        showlegend=False,
    )
    return [curve, end]


def _log_axis(low: float, high: float, look: Theme) -> dict:
    bottom, top = math.log10(low), math.log10(high)
    if math.floor(top) - math.ceil(bottom) < 1:  # fewer than two powers of ten inside: make room for two
        bottom, top = math.floor(bottom), max(math.ceil(top), math.floor(bottom) + 1)
    pad = 0.08 * ((top - bottom) or 1.0)
    exponents = range(math.ceil(bottom - pad), math.floor(top + pad) + 1)
    return axis(
        look,
        type="log",
        range=[bottom - pad, top + pad],
        grid=True,
        tickvals=[10.0**exponent for exponent in exponents],
        ticktext=[power_of_ten(10.0**exponent) for exponent in exponents],
    )
