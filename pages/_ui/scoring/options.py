"""The options of the golden-layers page: those that need a measurement of their own, and those that only change how
measured values are read."""

from collections.abc import Mapping

import streamlit as st

from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.view.figures.parts.scales import SCALES, Scale
from lga_core.view.words.scores import options as words
from pages._ui.session.state import widget
from pages._ui.shell.elements import choice, number_field, toggle


def choices(seed: int) -> ScoreChoices:
    """What the options say, also on a page that does not show them."""
    return ScoreChoices(
        seed=seed,
        loss=widget("loss", "sequence"),
        old=widget("old", "data"),
        kind=widget("cma") or "mlp",
        window=10 if widget("window_10") else None,
        scope=widget("scope", "mlp"),
        normalize=widget("normalize", "raw"),
        rank=widget("rank", "signed"),
        fences=widget("kappa", 1.0) if widget("fenced", True) else None,
        known=widget("facts_read", "all"),
    )


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
            list(words.KINDS),
            "cma",
            "mlp",
            format_func=words.KINDS.get,
            bind="query-params",
            help="What is restored at the last subject token. Each kind is measured once.",
        )
        with st.popover("Options", icon=":material/tune:"):
            _reading()
            st.divider()
            _measuring()


def _reading() -> None:
    st.caption("Change how the measured values are read, at once")
    _select("LGA weights", "scope", words.SCOPES)
    _select("Products", "normalize", words.NORMALIZE)
    _select("Order of the totals", "rank", words.RANK)
    _select("Facts that count", "facts_read", words.KNOWN)
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
    _select("LGA loss", "loss", words.LOSSES)
    _select("Old answer", "old", words.OLD)
    toggle(
        "CMA window of 10 layers, ROME's",
        "window_10",
        bind="query-params",
        help="Off: ROME's 10 of 48 layers, scaled to the model's depth. Hidden states are restored one by one.",
    )


def _select(label: str, key: str, names: Mapping[str, str]) -> None:
    st.selectbox(label, list(names), key=key, format_func=names.get, persist_state="session", bind="query-params")
