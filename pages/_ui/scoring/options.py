"""The options of the golden-layers page: those that need a measurement of their own, and those that only change how
measured values are read."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.view.figures.parts.scales import SCALES, Scale
from lga_core.view.words.scores.options import KINDS, OPTIONS
from pages._ui.session.state import widget
from pages._ui.shell.elements import choice, number_field, toggle

MEASURED = ("cma", "window_10", "loss", "old")  # keys of the options that decide what is measured


def choices(seed: int) -> ScoreChoices:
    """What the options say, also on a page that does not show them."""
    return ScoreChoices(
        seed=seed,
        kind=widget("cma") or _linked("cma", KINDS),
        window=10 if widget("window_10", st.query_params.get("window_10") == "true") else None,
        fences=widget("kappa", 1.0) if widget("fenced", True) else None,
        **{name: widget(_key(name), _linked(_key(name), names)) for name, (_label, names) in OPTIONS.items()},
    )


def _linked(key: str, names: Mapping[Any, str]) -> Any:
    """What the address says of an option that was not shown yet, as it will then be; else the first choice."""
    said = st.query_params.get(key)
    return next((value for value, name in names.items() if name == said), next(iter(names)))


def scale() -> Scale:
    """The colour scale of the heatmaps."""
    return widget("scale") or "symmetric log"


def options_bar() -> None:
    """The options in one line: colour scale and CMA kind in sight, the others behind a button."""
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
        10.0,
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
    key = _key(name)
    st.selectbox(label, list(names), key=key, format_func=names.get, persist_state="session", bind="query-params")


def _key(name: str) -> str:
    """Of the option's widget, as the address has it. "known" there is the sidebar's choice of facts."""
    return "facts_read" if name == "known" else name
