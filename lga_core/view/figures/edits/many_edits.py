"""Many edits: how all of them fare over their number, with drift, fluency and the size of the change below."""

from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.results import KL_BOUND, EditCheckpoint, ManyEdits
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
    stack,
    theme,
)
from lga_core.view.words.edits.many import largest_ratio
from lga_core.view.words.text import count, number

SHARES, SMALL, GAP = 210.0, 76.0, 36.0  # px: heights of the panels, and what lies between two
# Metric -> (name, place in the theme's series, dash).
LINES = {
    "rewrite": ("rewrite, all so far", 0, "solid"),
    "latest": ("rewrite, the latest", 0, "dot"),
    "rephrase": ("rephrase, all so far", 1, "solid"),
    "locality": ("locality", 2, "solid"),
}


def many_edits_curves(result: ManyEdits, *, theme_name: ThemeName = "light") -> go.Figure:
    """Four panels over the number of edits; a band from the last checkpoint before the collapse to the first in it."""
    look = theme(theme_name)
    rows = result.checkpoints
    total, domains = stack([SHARES, SMALL, SMALL, SMALL], [GAP] * 3)
    figure = new_figure(look, height=total, left=64, top=30, bottom=44, right=168)
    for metric, (name, color, dash) in LINES.items():
        line = {"color": look.series[color], "width": 2, "dash": dash}
        figure.add_trace(_curve(rows, [getattr(row, metric) for row in rows], name, line, "y", " %"))
    small: list[tuple[str, str, list[float | None]]] = [
        ("Drift", f"nats of KL on neutral prompts · dotted: {KL_BOUND:g}", [row.kl for row in rows]),
        ("Fluency", "entropy of word pairs and triples, bits × 100", [row.fluency for row in rows]),
        ("‖ΣΔW‖ / ‖W‖", "the largest of the edited matrices", [largest_ratio(row) for row in rows]),
    ]
    for place, (name, _note, values) in enumerate(small, start=2):
        line = {"color": look.series[4], "width": 2}
        figure.add_trace(_curve(rows, values, name, line, f"y{place}", "", legend=False))
        figure.update_layout({f"yaxis{place}": _value_axis(values, domains[place - 1], look)})
    last = max((row.edits for row in rows), default=0)
    ticks = [tick for tick in round_ticks(0, max(result.planned, 1), 8) if tick == int(tick)]
    figure.update_layout(
        clickmode="none",
        showlegend=True,
        legend=legend(look, x=1.01, yanchor="top"),
        xaxis=axis(
            look,
            range=[-0.01 * result.planned, 1.01 * max(result.planned, last)],
            tickvals=ticks,
            anchor="y4",
            title=axis_title(look, "edits"),
        ),
        yaxis=axis(look, range=[-3, 103], tickvals=[0, 25, 50, 75, 100], domain=domains[0], grid=True),
    )
    heads = [("All edits so far", "percent, teacher-forced", []), *small]
    for (name, note, _values), domain in zip(heads, domains, strict=True):
        figure.add_annotation(heading(look, name, note, domain[1]))
    figure.add_shape(level(look, KL_BOUND, yref="y2"))
    if result.collapse is not None:
        figure.add_shape(_band(result.collapse.before, result.collapse.edits, look))
    return figure


def _curve(
    rows: Sequence[EditCheckpoint],
    values: Sequence[float | None],
    name: str,
    line: dict,
    yaxis: str,
    unit: str,
    *,
    legend: bool = True,
) -> go.Scatter:
    return go.Scatter(
        x=[row.edits for row in rows],
        y=list(values),
        yaxis=yaxis,
        mode="lines+markers",
        name=name,
        line=line,
        marker={"size": 5, "color": line["color"]},
        showlegend=legend,
        customdata=[[count(row.edits, "edit"), number(value)] for row, value in zip(rows, values, strict=True)],
        hovertemplate=f"{name} after %{{customdata[0]}}: %{{customdata[1]}}{unit}<extra></extra>",
    )


def _value_axis(values: Sequence[float | None], domain: tuple[float, float], look: Theme) -> dict:
    """From zero on: a curve that hardly moves is to look like one."""
    top = max((value for value in values if value is not None), default=1.0) or 1.0
    return axis(look, range=[0, 1.08 * top], tickvals=round_ticks(0, top, 2), domain=domain, grid=True)


def _band(before: int, edits: int, look: Theme) -> dict:
    """Through all panels."""
    return {
        "type": "rect",
        "x0": before,
        "x1": edits,
        "xref": "x",
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "fillcolor": look.muted,
        "opacity": 0.18,
        "line": {"width": 0},
        "layer": "below",
    }
