"""What a pick loses against the number of proxy facts that it is made from: one curve a selector."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lga_core.results import Stability
from lga_core.view.figures.parts.style import Theme, ThemeName, axis, axis_title, heading, legend, new_figure, theme
from lga_core.view.figures.sweep.sweep_curves import regret_axis, selector_color
from lga_core.view.words.text import escape, number

_DASHES = ("solid", "dash", "dot", "dashdot")  # selectors of one colour differ in it


def regret_against_size(
    stabilities: Sequence[Stability], *, theme_name: ThemeName = "light", at_random: float | None = None
) -> go.Figure | None:
    """Mean regret in points over proxy facts, on a logarithmic axis. None where no pick is judged.

    `at_random`: the regret of a layer drawn at random, drawn as a level.
    """
    look = theme(theme_name)
    shown = [item for item in stabilities if len(item.sizes) > 1 and not np.isnan(item.regret).all()]
    if not shown:
        return None
    figure = new_figure(look, height=300, left=64, top=34, bottom=46, right=210)
    colors: list[str] = []
    for item in sorted(shown, key=lambda item: item.selector == "lga"):  # LGA is drawn last, on top
        color = selector_color(item.selector, look)
        figure.add_trace(_curve(item, color, _DASHES[colors.count(color) % len(_DASHES)]))
        colors.append(color)
    values = np.concatenate([item.regret[~np.isnan(item.regret)] for item in shown])
    low, high = min(0.0, float(values.min())), max(float(values.max()), at_random or 0.0)
    sizes = sorted({size for item in shown for size in item.sizes})
    figure.update_layout(
        showlegend=True,
        legend=legend(look, x=1.02, y=1, yanchor="top"),
        xaxis=axis(
            look,
            type="log",
            tickvals=sizes,
            ticktext=[f"{size}" for size in sizes],
            grid=True,
            title=axis_title(look, "proxy facts that the pick is made from"),
        ),
        yaxis=regret_axis(low, high, look),
    )
    if at_random is not None:
        _mark_random(figure, look, at_random)
    figure.add_annotation(
        heading(look, "Regret against proxy size", "points of Overall below the best layer · mean over draws", 1)
    )
    return figure


def _curve(item: Stability, color: str, dash: str) -> go.Scatter:
    near = item.share if item.near is None else item.near
    return go.Scatter(
        x=list(item.sizes),
        y=[None if np.isnan(value) else float(value) for value in item.regret],
        mode="lines+markers",
        name=escape(item.title),
        line={"color": color, "width": 2, "dash": dash},
        marker={"size": 6, "color": color},
        customdata=[[number(float(100 * share), 3)] for share in near],
        hovertemplate="<b>%{fullData.name}</b><br>%{x} facts · regret %{y:.1f} points<br>"
        + ("the same layer" if item.near is None else "within one layer of the whole proxy's pick")
        + ": %{customdata[0]} % of draws<extra></extra>",
        meta=item.selector,
    )


def _mark_random(figure: go.Figure, look: Theme, at_random: float) -> None:
    figure.add_hline(y=at_random, line={"color": look.muted, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=0,
        xref="paper",
        y=at_random,
        text="a layer drawn at random",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        font={"size": 11, "color": look.muted},
    )
