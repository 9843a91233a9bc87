"""How a figure of `lga_core.view` is drawn with what it shows, and what a click on it does: it chooses a layer."""

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
_BUTTONS = {"orientation": "v", "bgcolor": "rgba(0,0,0,0)", "color": "#8a93a0", "activecolor": "#5b9de0"}


def theme_name() -> ThemeName:
    """The theme that the reader's browser shows."""
    return "dark" if st.context.theme.type == "dark" else "light"


def chart(figure: go.Figure, key: str, alt: str, *, choosing: bool = False, says: str = "") -> None:
    """Draw a figure and say below it what it shows. Where `choosing`, a click on it chooses the layer, or no more.

    `says`: the key of its sentence, where that is not the chart's own.
    """
    figure.update_layout(modebar=_BUTTONS)
    shared = {"theme": None, "width": "stretch", "config": _CONFIG, "alt": alt, "key": key}
    if not choosing:
        st.plotly_chart(figure, **shared)
    else:
        st.plotly_chart(figure, on_select=lambda: _choose_clicked(key), selection_mode="points", **shared)
    st.caption(chart_sentence(says or key))
    if choosing and session().clicked:  # the chart is in a fragment, the list of layers outside it
        st.rerun()


def _choose_clicked(key: str) -> None:
    """Remember the click: the figure is drawn anew with it, and forgets its own selection."""
    points = widget(key, {}).get("selection", {}).get("points", [])
    session().clicked ^= {int(point["customdata"][0]) for point in points if point.get("customdata")}
