"""What a selector's pick loses against what finding it costs: one point a selector, with its interval."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.results import SelectorWorth
from lga_core.view.figures.parts.style import Theme, ThemeName, axis, axis_title, heading, new_figure, theme
from lga_core.view.figures.sweep.sweep_curves import regret_axis, selector_color
from lga_core.view.words.sentences import duration
from lga_core.view.words.text import escape, number, shorten

_SECONDS = (0.01, 0.1, 1, 10, 60, 600, 3600, 36_000, 360_000)
LEAST = 0.01  # s; what costs nothing stands at the left edge


def regret_against_cost(selectors: Sequence[SelectorWorth], *, theme_name: ThemeName = "light") -> go.Figure | None:
    """Regret in points over measured seconds, logarithmic; left and low is good. None where nobody has a regret."""
    look = theme(theme_name)
    shown = [item for item in selectors if item.regret.value is not None]
    if not shown:
        return None
    figure = new_figure(look, height=230, left=64, top=34, bottom=46, right=150)
    for item in sorted(shown, key=lambda item: item.pick.selector == "lga"):  # LGA is drawn last, on top
        figure.add_trace(_point(item, look))
    figure.update_layout(annotations=_names(shown, look))
    seconds = [max(item.pick.cost.seconds, LEAST) for item in shown]
    low, high = math.log10(min(seconds)) - 0.15, math.log10(max(seconds)) + 0.15
    ticks = [value for value in _SECONDS if low <= math.log10(value) <= high]
    bounds = [value for item in shown for value in (item.regret.low, item.regret.value, item.regret.high)]
    least = min(0.0, *(value for value in bounds if value is not None))
    top = max(0.0, *(value for value in bounds if value is not None)) or 1.0
    figure.update_layout(
        clickmode="none",
        hoverdistance=30,
        xaxis=axis(
            look,
            type="log",
            range=[low, high],
            tickvals=ticks,
            grid=True,
            ticktext=[_time_label(value) for value in ticks],
            title=axis_title(look, "time to find the layer"),
        ),
        yaxis=regret_axis(least, top, look),
    )
    note = "points of Overall below the best layer · 95 % interval · lower and further left is better"
    figure.add_annotation(heading(look, "Regret against cost", note, 1))
    return figure


def _point(item: SelectorWorth, look: Theme) -> go.Scatter:
    regret, color = item.regret, selector_color(item.pick.selector, look)
    low, high = (regret.value if bound is None else bound for bound in (regret.low, regret.high))
    return go.Scatter(
        x=[max(item.pick.cost.seconds, LEAST)],
        y=[regret.value],
        mode="markers",
        marker={"size": 9, "color": color, "line": {"width": 1, "color": look.page}},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [max(high - regret.value, 0.0)],
            "arrayminus": [max(regret.value - low, 0.0)],
            "color": color,
            "thickness": 1.2,
            "width": 3,
        },
        customdata=[
            [escape(item.pick.title), item.pick.layer, number(regret.value, 3), duration(item.pick.cost.seconds)]
        ],
        hovertemplate="<b>%{customdata[0]}</b><br>layer %{customdata[1]} · regret %{customdata[2]} points<br>"
        "%{customdata[3]}<extra></extra>",
        meta="selector",
    )


def _names(shown: Sequence[SelectorWorth], look: Theme) -> list[dict]:
    """One label for all selectors that stand at the same point, to its right."""
    places: dict[tuple[float, float], list[SelectorWorth]] = {}
    for item in shown:
        place = (round(math.log10(max(item.pick.cost.seconds, LEAST)), 1), round(item.regret.value, 1))
        places.setdefault(place, []).append(item)
    return [
        {
            "x": math.log10(max(here[0].pick.cost.seconds, LEAST)),
            "y": here[0].regret.value,
            "text": _label(here),
            "showarrow": False,
            "xanchor": "left",
            "xshift": 8,
            "yanchor": "bottom",
            "yshift": 1,
            "font": {"size": 11, "color": look.gold_text if here[0].pick.selector == "lga" else look.muted},
        }
        for here in places.values()
    ]


def _label(here: Sequence[SelectorWorth]) -> str:
    first = escape(shorten(here[0].pick.title, 24))
    return first if len(here) == 1 else f"{first} and {len(here) - 1} more"


def _time_label(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"
