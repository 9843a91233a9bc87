"""The logit lens of the original and the edited model side by side: a row a layer, the deepest on top."""

from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.results import LensLayer
from lga_core.view.figures.parts.cells import labelled_heatmap
from lga_core.view.figures.parts.ruler import layer_ticks
from lga_core.view.figures.parts.style import ThemeName, axis, heading, new_figure, theme
from lga_core.view.words.text import number, token_label

ROW = 19.0  # px of a layer
SIDES = ("original", "edited")
NAMED = 5  # tokens in a hover box


def lens_columns(
    before: Sequence[LensLayer], after: Sequence[LensLayer], *, theme_name: ThemeName = "light"
) -> go.Figure:
    """Each layer's most probable next token with its probability; in bold where the edit made it another one."""
    look = theme(theme_name)
    count = len(before)
    rows = list(zip(before, after, strict=True))
    height = ROW * count
    figure = new_figure(look, height=height, left=44, top=30, bottom=26)
    figure.add_trace(
        labelled_heatmap(
            [[side.choices[0].probability if side.choices else None for side in row] for row in rows],
            1,
            height,
            look,
            x=[0, 1],
            y=list(range(count)),
            xgap=2,
            text=[[_cell(side, other) for side, other in ((row[0], row[1]), (row[1], row[0]))] for row in rows],
            texttemplate="%{text}",
            customdata=[[_hover(side, name) for side, name in zip(row, SIDES, strict=True)] for row in rows],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    figure.update_layout(
        clickmode="none",
        hoverdistance=20,
        xaxis=axis(look, range=[-0.5, 1.5], tickvals=[0, 1], ticktext=list(SIDES)),
        yaxis=axis(look, range=[-0.5, count - 0.5], tickvals=layer_ticks(count, width=height)),
    )
    figure.add_annotation(heading(look, "Logit lens", "most probable next token after each layer", 1))
    return figure


def _cell(side: LensLayer, other: LensLayer) -> str:
    if not side.choices:
        return "n/a"
    words = f"{token_label(side.choices[0].token)}  {side.choices[0].probability:.2f}"
    changed = not other.choices or other.choices[0].id != side.choices[0].id
    return f"<b>{words}</b>" if changed else words


def _hover(side: LensLayer, name: str) -> str:
    if not side.choices:
        return f"layer {side.layer}, {name}: n/a, the edit broke the model"
    lines = [f"{token_label(choice.token)}  {number(choice.probability, 3)}" for choice in side.choices[:NAMED]]
    return "<br>".join([f"<b>layer {side.layer}, {name}</b>", *lines])
