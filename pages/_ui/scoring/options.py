"""The options of the golden-layers page: those that need a measurement of their own, and those that only change how
measured values are read."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.view.figures.parts.scales import SCALES, Scale
from lga_core.view.words.scores.options import KINDS, OPTIONS
from pages._ui.session.state import session, widget
from pages._ui.shell.elements import choice, number_field, toggle

MEASURED = ("cma", "window_10", "loss", "old")  # keys of the options that decide what is measured
ADDRESS = "options"  # of a page without their widgets: all that are not as at first, as "kappa:2.0,loss:answer"
MOST_KAPPA = 10.0


def choices(seed: int) -> ScoreChoices:
    """What the options say, also on a page that does not show them."""
    return ScoreChoices(
        seed=seed,
        kind=_chosen("cma"),
        window=10 if _chosen("window_10") else None,
        fences=_chosen("kappa") if _chosen("fenced") else None,
        **{name: _chosen(_key(name)) for name in OPTIONS},
    )


def carried() -> str:
    """The options that are not as at first, for `ADDRESS`; "" where the page has their widgets, which say it there."""
    changed = {key: _chosen(key) for key, first in _FIRST.items() if _chosen(key) != first}
    return "" if session().options_shown else ",".join(f"{key}:{value}" for key, value in changed.items())


def take(linked: str) -> None:
    """Choose the options that `ADDRESS` names. Before any widget is drawn."""
    for part in linked.split(","):
        key, _, words = part.partition(":")
        if key in _FIRST:
            st.session_state[key] = _value(key, words)


def _chosen(key: str) -> Any:
    """What the widget says; what the address says of one that was not shown yet, as it will then be; else the first."""
    value = widget(key)
    return _value(key, st.query_params.get(key, "")) if value is None else value


def _value(key: str, words: str) -> Any:
    """The option by its value or its name; the first one for what is neither."""
    first = _FIRST[key]
    if isinstance(first, bool):
        return {"true": True, "false": False}.get(words.lower(), first)
    if isinstance(first, float):
        with suppress(ValueError):
            return kappa if 0 <= (kappa := float(words)) <= MOST_KAPPA else first
        return first
    return next((value for value, name in _names(key).items() if words in (value, name)), first)


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
    key = _key(name)
    st.selectbox(label, list(names), key=key, format_func=names.get, persist_state="session", bind="query-params")


def _key(name: str) -> str:
    """Of the option's widget, as the address has it. "known" there is the sidebar's choice of facts."""
    return "facts_read" if name == "known" else name


def _names(key: str) -> Mapping[Any, str]:
    """What the choices of an option are called."""
    return KINDS if key == "cma" else OPTIONS["known" if key == "facts_read" else key][1]


_FIRST: Mapping[str, Any] = {  # what each is at first, by the key of its widget
    "window_10": False,
    "fenced": True,
    "kappa": 1.0,
    **{key: next(iter(_names(key))) for key in ("cma", *map(_key, OPTIONS))},
}
