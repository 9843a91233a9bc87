"""The options of the golden-layers page: those that need a measurement of their own, and those that only change how
measured values are read."""

from typing import Any

import streamlit as st

from lga_core.service.page_parts.score_options import (
    FIRST,
    MOST_KAPPA,
    option_key,
    option_value,
    options_in,
    options_in_words,
    score_choices,
)
from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.view.figures.parts.scales import SCALES, Scale
from lga_core.view.words.scores.options import KINDS, OPTIONS
from pages._ui.session.state import session, widget
from pages._ui.shell.elements import choice, number_field, toggle

ADDRESS = "options"  # of a page without their widgets: all that are not as at first, as "kappa:2.0,loss:answer"


def choices(seed: int) -> ScoreChoices:
    """What the options say, also on a page that does not show them."""
    return score_choices(_chosen(), seed)


def carried() -> str:
    """The options that are not as at first, for `ADDRESS`; "" where the page has their widgets, which say it there."""
    return "" if session().options_shown else options_in_words(_chosen())


def take(linked: str) -> None:
    """Choose the options that `ADDRESS` names. Before any widget is drawn."""
    st.session_state.update(options_in(linked))


def _chosen() -> dict[str, Any]:
    """What each widget says; one that was not shown yet will be as the address says, or as at first."""
    said = {key: widget(key) for key in FIRST}
    return {
        key: option_value(key, st.query_params.get(key, "")) if value is None else value for key, value in said.items()
    }


def scale() -> Scale:
    """The colour scale of the heatmaps."""
    return widget("scale") or "symmetric log"


def options_bar() -> None:
    """The options in one line: colour scale and CMA kind in sight, the others behind a button."""
    session().options_shown = True
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        about = "Gradient products span four orders of magnitude: a linear scale shows one column."
        choice("Colour scale", SCALES, "scale", "symmetric log", help=about)
        choice(
            "CMA restores",
            list(KINDS),
            "cma",
            "mlp",
            format_func=KINDS.get,
            bind="query-params",
            help="What is restored at the last subject token. Each kind is measured once.",
        )
        with st.popover("Options", icon=":material/tune:"):
            _reading()
            st.divider()
            _measuring()


def _reading() -> None:
    st.caption("Change how the measured values are read, at once")
    for name in ("scope", "normalize", "rank", "known"):
        _select(name)
    fenced = toggle("Exclude outlier layers by fences", "fenced", value=True, bind="query-params")
    number_field(
        "Fence factor κ",
        0.0,
        MOST_KAPPA,
        1.0,
        "kappa",
        step=0.5,
        disabled=not fenced,
        bind="query-params",
        help="Kept: Q1 − κ·IQR to Q3 + κ·IQR over the layers' totals.",
    )


def _measuring() -> None:
    st.caption("Need a new measurement")
    _select("loss")
    _select("old")
    toggle(
        "CMA window of 10 layers, ROME's",
        "window_10",
        bind="query-params",
        help="Off: ROME's 10 of 48 layers, scaled to the model's depth. Hidden states are restored one by one.",
    )


def _select(name: str) -> None:
    label, names = OPTIONS[name]
    key = option_key(name)
    st.selectbox(label, list(names), key=key, format_func=names.get, persist_state="session", bind="query-params")
