"""Where each fact's best layer lies: a small bar chart on the layer ruler, beside the layer that is best on average."""

import plotly.graph_objects as go

from lga_core.results import Worth
from lga_core.view.figures.parts.ruler import layer_axis
from lga_core.view.figures.parts.scales import round_ticks
from lga_core.view.figures.parts.style import ThemeName, axis, axis_title, heading, new_figure, theme
from lga_core.view.words.text import count, number


def best_layers(worth: Worth, layers: int, golden: int | None, *, theme_name: ThemeName = "light") -> go.Figure:
    """Facts by the layer that is best for them, ties shared. `golden`, LGA's pick, in gold; the best mean in ink.

    `layers` is how many the model has. `customdata` of a bar is [layer, None, facts].
    """
    look = theme(theme_name)
    figure = new_figure(look, height=130, left=64, top=34, bottom=42, right=24)
    facts = [float(value) for value in worth.histogram]
    colors = [
        look.gold if layer == golden else look.ink if layer == worth.best_layer else look.muted
        for layer in worth.layers
    ]
    figure.add_trace(
        go.Bar(
            x=list(worth.layers),
            y=facts,
            marker={"color": colors, "line": {"width": 0}},
            customdata=[
                [layer, None, value, number(value, 3)] for layer, value in zip(worth.layers, facts, strict=True)
            ],
            unselected={"marker": {"opacity": 1}},
            hovertemplate="layer %{x}: best for %{customdata[3]} facts<extra></extra>",
        )
    )
    top = max(max(facts, default=0.0), 1.0)
    ticks = [tick for tick in round_ticks(0, 1.1 * top, 3) if tick == int(tick)]
    marked = [worth.best_layer] if worth.best_layer is not None else []
    figure.update_layout(
        xaxis=layer_axis(look, layers, golden=golden, marked=marked, title=axis_title(look, "layer")),
        yaxis=axis(
            look,
            range=[0, 1.12 * top],
            grid=True,
            tickvals=ticks,
            ticktext=[f"{tick:.0f}" for tick in ticks],
        ),
    )
    ink = "dark" if theme_name == "light" else "white"
    dark = "" if worth.best_layer in (None, golden) else f" · {ink}: best on average"
    gold = "" if golden is None or golden not in worth.layers else " · gold: LGA’s pick"
    figure.add_annotation(
        heading(look, "Best layer of each fact", f"{count(worth.n_facts, 'fact')}, ties shared{dark}{gold}", 1)
    )
    return figure
