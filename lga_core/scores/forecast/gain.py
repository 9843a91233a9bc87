"""The gain of an edit, computed from its measured first-order changes (METHOD.md §7): terms, bounds and ranks.

Nothing here runs a model. The measurement is `scores/forecast/forecast.py`, whose rows say what they hold.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lga_core.editing.settings import ValueSettings
from lga_core.results import METRICS, FactRow


@dataclass(frozen=True, kw_only=True)
class Term:
    """How one term of the gain is computed from its measured changes."""

    weight: float = 1.0
    floor: float = 0.1  # nats: a smaller nll counts as this
    low: float | None = None  # bounds of −change / nll where it is cut; None: none
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the gain is made of; a term that is None is switched off. The bounds are METHOD.md §7's first guesses.

    At the norm bound, first order promises most layers more than the whole nll. Cut at the bounds, such layers are tied
    and the term says nothing about them; saturated, they keep their order.
    """

    saturating: bool = True  # else every term is cut at its bounds
    norm_bound: float = ValueSettings().norm_bound  # ‖δ‖ in ‖v0‖; all changes are proportional to it
    rewrite: Term | None = Term(high=1.5)
    rephrase: Term | None = Term(low=-0.5, high=1.5)
    locality: Term | None = Term(floor=0.5, low=-1.0)  # of −|change| / nll: no change is a good one
    portability: Term | None = Term(low=-0.5, high=1.5)
    whole_rewrite: bool = False  # the rewrite's tokens before and after the subject's last one count too


def terms_of(editor: Any) -> Terms:
    """The terms of the forecast of an editor's edit: at the norm bound of its settings, where these have one."""
    value = getattr(editor, "value", None)
    return Terms() if value is None else Terms(norm_bound=value.norm_bound)


def missing_terms(row: FactRow, terms: Terms) -> str | None:
    """Why a measured fact has no gain under these terms; None where it has one."""
    if any(term_values(row, name, terms) is not None for name in METRICS):
        return None
    return "left out: it has none of the forecast's terms"


def term_values(row: FactRow, name: str, terms: Terms) -> np.ndarray | None:
    """One term (L,) before its weight; None where it is switched off or the fact has no such probes.

    Bounded probe by probe; then the mean within a probe group, and over groups, as the metrics are (METHOD.md §5).
    """
    term: Term | None = getattr(terms, name)
    if term is None or f"nll/{name}" not in row.values:
        return None
    whole = "whole-rewrite" if name == "rewrite" and terms.whole_rewrite else name
    change = np.atleast_2d(row.values[f"change/{whole}"])  # (P, L)
    nll = np.atleast_1d(row.values[f"nll/{name}"])  # (P,)
    better = -terms.norm_bound * change / np.maximum(nll, term.floor)[:, None]  # (P, L)
    better = -np.abs(better) if name == "locality" else better
    if terms.saturating:
        bounded = saturated(better)
    else:
        bounded = np.clip(better, -np.inf if term.low is None else term.low, np.inf if term.high is None else term.high)
    groups = np.atleast_1d(row.values.get(f"group/{name}", 0.0))
    return np.mean([bounded[groups == group].mean(0) for group in np.unique(groups)], axis=0)


def saturated(values: np.ndarray) -> np.ndarray:
    """The values themselves where they are small, ±1 where they are large, in their order."""
    return -np.sign(values) * np.expm1(-np.abs(values))


def gain(row: FactRow, terms: Terms) -> np.ndarray:
    """The weighted sum of the terms that the fact has, (L,)."""
    values = {name: term_values(row, name, terms) for name in METRICS}
    return sum(getattr(terms, name).weight * value for name, value in values.items() if value is not None)


def ranks(gains: np.ndarray) -> np.ndarray:
    """Ranks of (L,) gains within their fact, 0 for the lowest and 1 for the highest, ties averaged.

    A plain sum over facts would be at the mercy of a few of them. A gain that cannot be had ranks lowest.
    """
    import pandas as pd  # takes a third of a second, and the first view needs none

    places = pd.Series(gains).rank(na_option="top").to_numpy()
    return (places - 1) / max(len(places) - 1, 1)
