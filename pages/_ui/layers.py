"""The chosen layers: one choice for all pages, made by a click on a chart or by keyboard in a list."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from lga_core.view.style import ThemeName
from lga_core.view.words import layer_list
from pages._ui import state
from pages._ui.state import widget

_CONFIG = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d",
                               "resetScale2d"],
    "toImageButtonOptions": {"format": "svg", "scale": 2},
}


# Two small buttons, upright in the right margin: across the top they would cover the last layers' numbers.
_BUTTONS = {"orientation": "v", "bgcolor": "rgba(0,0,0,0)", "color": "#8a93a0", "activecolor": "#5b9de0"}


def theme_name() -> ThemeName:
    """The theme that the reader's browser shows."""
    return "dark" if st.context.theme.type == "dark" else "light"


def chosen_layers(layers: int | None = None) -> tuple[int, ...]:
    """The choice, in order, as far as the model has these layers."""
    return tuple(sorted(layer for layer in widget(state.LAYERS, ()) if layers is None or layer < layers))


def in_words(layers: Sequence[int]) -> str:
    """layer 11 · layers 11 and 12 · layers 0 to 29."""
    if len(layers) > 3 and list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layer{'s' if len(layers) > 1 else ''} {layer_list(list(layers))}"


def layers_list(layers: int, label: str = "Chosen layers") -> None:
    """The choice as a list: the keyboard's way, and where a click on a chart shows."""
    st.session_state[state.LAYERS] = list(chosen_layers(layers))
    st.multiselect(label, range(layers), key=state.LAYERS, placeholder="Click a chart or choose here",
                   persist_state="session",
                   help="A click on a cell, a bar or a mark of a chart adds its layer here, a second click takes it "
                        "out again.")


def hand_over(layers: int, proposed: tuple[int, ...] = ()) -> None:
    """The chosen layers, and the way to the trial edit with them; with those proposed where none is chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        layers_list(layers)
        chosen = chosen_layers(layers) or proposed
        if st.button(f"Try an edit at {in_words(chosen)}" if chosen else "Try an edit", key="to_trial", type="primary",
                     icon=":material/arrow_forward:", icon_position="right", disabled=not chosen):
            # Without query_params Streamlit would clear the address, which it refuses while widgets are bound to it.
            st.switch_page("pages/trial_edit.py", query_params={})


def chart(figure: go.Figure, key: str, alt: str, *, choosing: bool = False) -> None:
    """A figure of `lga_core.view`. Where `choosing`, a click on it adds the layer to the choice or takes it out."""
    figure.update_layout(modebar=_BUTTONS)
    shared = {"theme": None, "width": "stretch", "config": _CONFIG, "alt": alt, "key": key}
    if choosing:
        st.plotly_chart(figure, on_select=lambda: _picked(key), selection_mode="points", **shared)
    else:
        st.plotly_chart(figure, **shared)


def _picked(key: str) -> None:
    """Copy the click into the choice: the figure is drawn anew with it, and forgets its own selection."""
    points = widget(key, {}).get("selection", {}).get("points", [])
    clicked = {int(point["customdata"][0]) for point in points if point.get("customdata")}
    st.session_state[state.LAYERS] = sorted(set(chosen_layers()) ^ clicked)
