"""A race's rounds: each layer's mean Overall over the facts so far, until it is dropped; the named one bold."""

import plotly.graph_objects as go

from lga_core.results import Race
from lga_core.view.figures.parts.cells import value_or_none
from lga_core.view.figures.parts.style import ThemeName, axis, axis_title, heading, legend, new_figure, theme


def race_curves(race: Race, *, theme_name: ThemeName = "light") -> go.Figure:
    """One line a layer, in percent over the number of facts; a line ends with the round that dropped its layer."""
    look = theme(theme_name)
    figure = new_figure(look, height=220, left=64, top=34, bottom=46, right=110)
    for index, layer in enumerate(race.candidates):
        named = layer == race.layer
        color = look.ink if named else look.series[index % len(look.series)]
        standings = [(item.facts, at) for item in race.rounds for at in item.standings if at.layer == layer]
        figure.add_trace(
            go.Scatter(
                x=[facts for facts, _standing in standings],
                y=[value_or_none(float("nan") if at.mean is None else at.mean) for _facts, at in standings],
                mode="lines+markers",
                name=f"layer {layer}",
                line={"color": color, "width": 3 if named else 1.5},
                hovertemplate=f"layer {layer}, %{{x}} facts: %{{y:.1f}} %<extra></extra>",
            )
        )
    figure.update_layout(
        clickmode="none",
        showlegend=True,
        legend=legend(look, x=1, yanchor="top"),
        xaxis=axis(look, title=axis_title(look, "facts so far")),
        yaxis=axis(look, grid=True, ticksuffix=" %"),
    )
    figure.add_annotation(heading(look, "Race", f"mean Overall · bold: layer {race.layer}, the one named", 1))
    return figure
