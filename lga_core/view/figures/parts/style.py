"""The look of every figure: two themes, their colours, fonts and layout defaults. No figure names a colour itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import Kind

ThemeName = Literal["light", "dark"]
Colors = tuple[str, ...]

# "Source Sans" comes with Streamlit; the rest are there for an exported page. Nothing is fetched.
FONT = '"Source Sans", "Source Sans 3", "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
RIGHT_MARGIN = 62  # px, holds a colour bar or a second axis with its labels
COLORBAR_WIDTH = 9  # px
# Else plotly measures every label to hide those that reach past the figure: two fifths of a heatmap's drawing.
ALL_LABELS = {"ticklabeloverflow": "allow"}
LEAST_WIDTH = 680  # px of a figure: narrower, headings are cut and the numbers of 30 layers touch; hosts let it scroll


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Named colours of one theme. A diverging scale is (deep negative … neutral … deep positive), seven colours."""

    name: ThemeName
    page: str
    surface: str  # hover boxes
    ink: str
    muted: str  # secondary text
    line: str  # grids and frames
    empty: str  # cells without a value
    neutral: str  # the zero of every colour scale
    gold: str  # the golden layer, and nothing else
    gold_text: str  # the same accent where it must be read as text
    diverging: Colors
    sequential: Mapping[Kind, Colors]  # neutral … deep, four colours
    opposed: str  # values below zero on a sequential scale
    old: str  # the old answer
    new: str  # the new answer
    series: Colors  # lines without a meaning of their own

    @property
    def negative(self) -> str:
        return self.diverging[1]

    @property
    def positive(self) -> str:
        return self.diverging[-2]

    def kind(self, kind: Kind) -> str:
        """The one colour of a trace kind, for lines and markers."""
        return self.sequential[kind][2]


# The design asks for LGA in blue – white – gold, and for gold to mean the golden layer alone. Both cannot hold, so
# LGA's positive end is copper: on the same warm side, as safe for colour-blind readers against blue, and redder and
# darker than the gold accent (lighter on the dark theme), so that neither is taken for the other.
THEMES: Mapping[ThemeName, Theme] = {
    "light": Theme(
        name="light",
        page="#ffffff",
        surface="#ffffff",
        ink="#15181d",
        muted="#68707c",
        line="#e2e4e8",
        empty="#d5d8dd",
        neutral="#f5f5f4",
        gold="#e3a700",
        gold_text="#8a6300",
        diverging=("#123a68", "#3d79b4", "#a9cae5", "#f5f5f4", "#ecc6b2", "#bd6a45", "#74301a"),
        sequential={
            "hidden": ("#f5f5f4", "#cfc5e6", "#8468b5", "#42246f"),
            "mlp": ("#f5f5f4", "#bfe0c8", "#43965f", "#0c4f2a"),
            "attn": ("#f5f5f4", "#f3c4bc", "#cf5449", "#7f1110"),
        },
        opposed="#7d8794",
        old="#68707c",
        new="#1f8a8a",
        series=("#3d79b4", "#8468b5", "#1f8a8a", "#bd6a45", "#68707c", "#b04f86"),
    ),
    "dark": Theme(
        name="dark",
        page="#15171b",
        surface="#22262d",
        ink="#e9ebee",
        muted="#a0a8b4",
        line="#343941",
        empty="#454b55",
        neutral="#202329",
        gold="#ffc933",
        gold_text="#ffc933",
        diverging=("#a9d2ff", "#5b9de0", "#2c4d73", "#202329", "#633a2b", "#c9724d", "#ffbd9f"),
        sequential={
            "hidden": ("#202329", "#43386b", "#9a82d8", "#dccfff"),
            "mlp": ("#202329", "#234d34", "#57b077", "#bff5cd"),
            "attn": ("#202329", "#642b28", "#dc6359", "#ffc9c1"),
        },
        opposed="#7f8896",
        old="#a0a8b4",
        new="#45b8b4",
        series=("#5b9de0", "#9a82d8", "#45b8b4", "#c9724d", "#a0a8b4", "#d883b4"),
    ),
}


def theme(name: ThemeName) -> Theme:
    """The theme of that name. Raises LgaError for another name."""
    if name not in THEMES:
        raise LgaError(f"There is no theme {name!r}.", hint="Use light or dark.")
    return THEMES[name]


def colorscale(colors: Sequence[str]) -> list[list]:
    """Equally spaced colours as a plotly colour scale from 0 to 1."""
    return [[index / (len(colors) - 1), color] for index, color in enumerate(colors)]


def stack(heights: Sequence[float], gaps: Sequence[float]) -> tuple[float, list[tuple[float, float]]]:
    """Plot-area height in px, and each panel's axis domain, for panels given from the top down.

    `gaps[i]` is the space in px below panel i. Pixels, because labels need room in px however tall the figure is.
    """
    total = sum(heights) + sum(gaps[: len(heights) - 1])
    domains, top = [], total
    for height, gap in zip(heights, [*gaps, 0.0], strict=False):
        domains.append((max((top - height) / total, 0.0), top / total))
        top -= height + gap
    return total, domains


def new_figure(look: Theme, *, height: float, left: int, top: int, bottom: int, right: int = RIGHT_MARGIN) -> go.Figure:
    """An empty figure with the theme's defaults; `height` is the plot area's, margins in px are added."""
    figure = go.Figure()
    figure.update_layout(
        template=go.layout.Template(),  # whatever default a host has set, these figures look the same
        height=round(height + top + bottom),
        margin={"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": look.ink},
        hoverlabel={
            "bgcolor": look.surface,
            "bordercolor": look.line,
            "align": "left",
            "namelength": -1,
            "font": {"family": FONT, "size": 12, "color": look.ink},
        },
        # An endless hover distance: wherever the pointer is in a panel, the nearest cell answers.
        hovermode="closest",
        hoverdistance=-1,
        clickmode="event+select",
        dragmode=False,
        showlegend=False,
        bargap=0.25,
        meta={"theme": look.name},
    )
    return figure


def axis(look: Theme, *, grid: bool = False, zero: str | None = None, **settings) -> dict:
    """Settings of a quiet axis without zoom, with small muted ticks; `tickvals` alone are labelled, where given.

    `grid`: a line at every tick; `zero`: the colour of one at zero.
    """
    quiet = {
        "showgrid": grid,
        "gridcolor": look.line if grid else None,
        "zeroline": zero is not None,
        "fixedrange": True,
        "ticks": "",
        "showline": False,
        "tickfont": {"size": 11, "color": look.muted},
        "ticklabelstandoff": 3,
        **ALL_LABELS,
    }
    return quiet | ({} if zero is None else {"zerolinecolor": zero, "zerolinewidth": 1}) | settings


def legend(look: Theme, **place) -> dict:
    """A legend that only says what is what, at that place of the figure."""
    quiet = {"bgcolor": "rgba(0,0,0,0)", "itemclick": False, "itemdoubleclick": False}
    return {"xanchor": "left", "y": 1, "font": {"size": 12, "color": look.ink}, **quiet, **place}


def level(look: Theme, y: float, *, xref: str = "x", yref: str = "y") -> dict:
    """A dotted line across a panel."""
    line = {"color": look.muted, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": 0, "x1": 1, "xref": f"{xref} domain", "y0": y, "y1": y, "yref": yref, "line": line}


def band(x: Sequence[float], one: Sequence[float], other: Sequence[float], color: str, **settings) -> go.Scatter:
    """A pale area between two curves."""
    return go.Scatter(
        x=[*x, *reversed(x)],
        y=[*one, *reversed(other)],
        fill="toself",
        fillcolor=color,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        **settings,
    )


def axis_title(look: Theme, text: str) -> dict:
    """An axis title in the secondary colour, close to its tick labels."""
    return {"text": text, "standoff": 6, "font": {"size": 12, "color": look.muted}}


def heading(look: Theme, text: str, note: str, y: float) -> dict:
    """An annotation that heads a panel: at the plot area's left edge, just above paper height `y`."""
    return {
        "text": f"<b>{text}</b>" + (f"<span style='color:{look.muted}'>  {note}</span>" if note else ""),
        "x": 0,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 3,
        "showarrow": False,
        "align": "left",
        "font": {"size": 12, "color": look.ink},
    }


def colorbar(
    domain: tuple[float, float], height: float, tickvals: Sequence[float], ticktext: Sequence[str], look: Theme
) -> dict:
    """A thin colour bar beside a panel of `height` px on `domain`, with explicit ticks."""
    return {
        "x": 1,
        "xpad": 10,
        "xanchor": "left",
        "y": sum(domain) / 2,
        "yanchor": "middle",
        "ypad": 0,
        "lenmode": "pixels",
        "len": max(height, 34),
        "thickness": COLORBAR_WIDTH,
        "outlinewidth": 0,
        "tickvals": list(tickvals),
        "ticktext": list(ticktext),
        "ticks": "outside",
        "ticklen": 3,
        "tickcolor": "rgba(0,0,0,0)",
        "tickfont": {"size": 10, "color": look.muted},
        **ALL_LABELS,
    }
