"""The choices of the golden-layers page: those that need a measurement of their own, and those that only change how
measured values are read."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import streamlit as st

from lga_core.results import Kind, OldSource
from lga_core.view.scales import SCALES, Scale
from pages._ui.state import widget

if TYPE_CHECKING:
    from lga_core.scores.methods import View

KINDS: tuple[Kind, ...] = ("mlp", "hidden", "attn")
_KIND_WORDS = {"mlp": "MLP", "hidden": "hidden state", "attn": "attention"}
_SCOPES = {"mlp": "all MLP weights", "mlp-down": "down projection", "attention": "attention", "block": "whole block"}
_OLD = {"data": "the data's, where it has one", "model": "always the model's own"}
_NORMALIZE = {"raw": "raw products", "cosine": "cosine"}
_RANK = {"signed": "signed, the paper's", "magnitude": "by magnitude"}
_KNOWN = {"all": "all", "known": "known only", "unknown": "unknown only"}


@dataclass(frozen=True, kw_only=True)
class Need:
    """One measurement with its settings (a frozen dataclass of the method's own)."""

    measurement: str
    settings: Any


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the options say now. Plain values: building it needs no torch."""

    old: OldSource = "data"
    kind: Kind = "mlp"
    window: int | None = None                # None: scaled to the model's depth
    scope: str = "mlp"
    normalize: str = "raw"
    rank: str = "signed"
    fences: float | None = 1.0
    known: str = "all"
    scale: Scale = "symmetric log"

    @property
    def measured(self) -> tuple:
        """The part that decides what is measured."""
        return self.old, self.kind, self.window

    @property
    def cma(self) -> str:
        """The CMA method's name."""
        return f"cma-{self.kind}"

    def need(self, measurement: str, seed: int) -> Need:
        """A measurement with the settings among these choices that it takes."""
        from lga_core.scores.methods import MEASUREMENTS

        settings = MEASUREMENTS[measurement].settings
        given = {"old": self.old, "window": self.window, "seed": seed}
        taken = {item.name: given[item.name] for item in fields(settings) if item.name in given}
        return Need(measurement=measurement, settings=settings(**taken))

    def needs(self, seed: int, extra: Sequence[str] = ()) -> tuple[Need, ...]:
        """LGA's and CMA's measurement, and the extra ones."""
        names = dict.fromkeys(("gradients", f"trace-{self.kind}", *extra))
        return tuple(self.need(name, seed) for name in names)

    def view(self, seed: int) -> "View":
        """How measured rows are read."""
        from lga_core.scores.methods import View

        return View(scope=self.scope, normalize=self.normalize, rank=self.rank, fences=self.fences, known=self.known,
                    seed=seed)


def choices() -> Choices:
    """What the options say, also on a page that does not show them."""
    default = Choices()
    return Choices(
        old=widget("old", default.old), kind=widget("cma") or default.kind,
        window=10 if widget("window_10") else None,
        scope=widget("scope", default.scope), normalize=widget("normalize", default.normalize),
        rank=widget("rank", default.rank), fences=widget("kappa", 1.0) if widget("fenced", True) else None,
        known=widget("facts_read", default.known), scale=widget("scale") or default.scale,
    )


def options_bar() -> Choices:
    """The options in one line: colour scale and CMA kind in sight, the others behind a button."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control("Colour scale", SCALES, key="scale", default="symmetric log", required=True,
                             persist_state="session",
                             help="Gradient products span four orders of magnitude: a linear scale shows one column.")
        st.segmented_control("CMA restores", KINDS, key="cma", default="mlp", required=True, persist_state="session",
                             format_func=_KIND_WORDS.get, bind="query-params",
                             help="What is restored at the last subject token. Each kind is measured once.")
        with st.popover("Options", icon=":material/tune:"):
            _reading()
            st.divider()
            _measuring()
    return choices()


def _reading() -> None:
    st.caption("Change how the measured values are read, at once")
    _choice("LGA weights", "scope", _SCOPES)
    _choice("Products", "normalize", _NORMALIZE)
    _choice("Order of the totals", "rank", _RANK)
    _choice("Facts that count", "facts_read", _KNOWN)
    fenced = st.toggle("Exclude outlier layers by fences", key="fenced", value=True, persist_state="session",
                       bind="query-params")
    st.number_input("Fence factor κ", 0.0, 10.0, 1.0, 0.5, key="kappa", disabled=not fenced, persist_state="session",
                    bind="query-params", help="Kept: Q1 − κ·IQR to Q3 + κ·IQR over the layers' totals.")


def _measuring() -> None:
    st.caption("Need a new measurement")
    _choice("Old answer", "old", _OLD)
    st.toggle("CMA window of 10 layers, ROME's", key="window_10", persist_state="session", bind="query-params",
              help="Off: ROME's 10 of 48 layers, scaled to the model's depth. Hidden states are restored one by one.")


def _choice(label: str, key: str, words: dict[str, str]) -> None:
    st.selectbox(label, list(words), key=key, format_func=words.get, persist_state="session", bind="query-params")


def summary(chosen: Choices) -> str:
    """What differs from the paper's defaults, in words; "" where nothing does."""
    parts = [
        words[value] for value, words, default in (
            (chosen.scope, _SCOPES, "mlp"), (chosen.normalize, _NORMALIZE, "raw"), (chosen.rank, _RANK, "signed"),
            (chosen.known, {"known": "known facts only", "unknown": "unknown facts only"}, "all"),
            (chosen.old, {"model": "old answer the model's own"}, "data"),
        ) if value != default
    ]
    if chosen.fences is None:
        parts.append("no fences")
    elif chosen.fences != 1.0:
        parts.append(f"κ = {chosen.fences:g}")
    if chosen.window is not None:
        parts.append(f"CMA window {chosen.window}")
    return " · ".join(parts)


def other_measurements() -> tuple[str, ...]:
    """Measurements beside LGA's and the chosen CMA kind, for the comparison."""
    from lga_core.scores.methods import MEASUREMENTS

    return tuple(MEASUREMENTS)

