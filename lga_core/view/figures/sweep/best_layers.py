"""Where each fact's best layer lies: a small bar chart on the layer ruler, beside the layer that is best on average."""

import plotly.graph_objects as go

from lga_core.results import Worth
from lga_core.view.figures.parts.layer_bars import layer_bars
from lga_core.view.figures.parts.scales import round_ticks
from lga_core.view.figures.parts.style import Theme, ThemeName, axis, heading, theme
from lga_core.view.words.text import count


def best_layers(worth: Worth, layers: int, golden: int | None, *, theme_name: ThemeName = "light") -> go.Figure:
    """Facts by the layer that is best for them, ties shared. `golden`, LGA's pick, in gold; the best mean in ink.

    `layers` is how many the model has. `customdata` of a bar is [layer, None, facts, facts in words].
    """
    look = theme(theme_name)
    figure, top = layer_bars(
        look,
        worth.layers,
        [float(value) for value in worth.histogram],
        [_color(layer, worth, golden, look) for layer in worth.layers],
        layers=layers,
        golden=golden,
        marked=[worth.best_layer] if worth.best_layer is not None else [],
        height=130,
        hover="layer %{x}: facts for which it is best: %{customdata[3]}<extra></extra>",
    )
    ticks = [tick for tick in round_ticks(0, 1.1 * top, 3) if tick == int(tick)]
    figure.update_layout(yaxis=axis(look, range=[0, 1.12 * top], grid=True, tickvals=ticks))
    ink = "dark" if theme_name == "light" else "white"
    dark = "" if worth.best_layer in (None, golden) else f" · {ink}: best on average"
    gold = "" if golden is None or golden not in worth.layers else " · gold: LGA’s pick"
    figure.add_annotation(
        heading(look, "Best layer of each fact", f"{count(worth.n_facts, 'fact')}, ties shared{dark}{gold}", 1)
    )
    return figure


def _color(layer: int, worth: Worth, golden: int | None, look: Theme) -> str:
    if layer == golden:
        return look.gold
    return look.ink if layer == worth.best_layer else look.muted
