"""How a figure of `lga_core.view` is drawn with what it shows, and what a click on it does: it chooses a layer."""

import hashlib
import pickle
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from lga_core.view.figures.parts.style import ThemeName
from lga_core.view.words.charts import chart_sentence
from pages._ui.session.state import session, widget

_CONFIG = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "modeBarButtonsToRemove": [
        "select2d",
        "lasso2d",
        "zoom2d",
        "pan2d",
        "zoomIn2d",
        "zoomOut2d",
        "autoScale2d",
        "resetScale2d",
    ],
    "toImageButtonOptions": {"format": "svg", "scale": 2},
}
# Two small buttons, upright in the right margin: across the top they would cover the last layers' numbers.
FIGURES_KEPT = 64  # on the server
_BUTTONS = {"orientation": "v", "bgcolor": "rgba(0,0,0,0)", "color": "#8a93a0", "activecolor": "#5b9de0"}


def theme_name() -> ThemeName:
    """The theme that the reader's browser shows."""
    return "dark" if st.context.theme.type == "dark" else "light"


def chart(
    figure: go.Figure | partial[go.Figure], key: str, alt: str, *, choosing: bool = False, says: str = ""
) -> None:
    """Draw a figure and say below it what it shows. Where `choosing`, a click on it chooses the layer, or no more.

    A partial is called once for the same arguments: to make the heatmaps takes longer than all else of their page.
    `says`: the key of its sentence, where that is not the chart's own.
    """
    figure = _made_once(figure) if isinstance(figure, partial) else _with_buttons(figure)
    shared = {"theme": None, "width": "stretch", "config": _CONFIG, "alt": alt, "key": key}
    if not choosing:
        st.plotly_chart(figure, **shared)
    else:
        st.plotly_chart(figure, on_select=lambda: _choose_clicked(key), selection_mode="points", **shared)
    st.caption(chart_sentence(says or key))
    if choosing and session().clicked:  # the chart is in a fragment, the list of layers outside it
        st.rerun()


def _made_once(make: partial[go.Figure]) -> go.Figure:
    """It is shared by sessions, and nothing changes it any more."""
    function = make.func.__module__, make.func.__qualname__
    asked = hashlib.sha256(pickle.dumps((function, make.args, make.keywords)))
    return _made(asked.hexdigest(), make)


@st.cache_resource(max_entries=FIGURES_KEPT, show_spinner=False)
def _made(asked: str, _make: partial[go.Figure]) -> go.Figure:
    return _with_buttons(_make())


def _with_buttons(figure: go.Figure) -> go.Figure:
    return figure.update_layout(modebar=_BUTTONS)


def _choose_clicked(key: str) -> None:
    """Remember the click: the figure is drawn anew with it, and forgets its own selection."""
    points = widget(key, {}).get("selection", {}).get("points", [])
    session().clicked ^= {int(point["customdata"][0]) for point in points if point.get("customdata")}
