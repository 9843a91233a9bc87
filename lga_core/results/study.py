"""One unit of the reproduction study: what every selector picked on a proxy, and the truth on proxy and test facts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lga_core.results.base import Provenance, Result
from lga_core.results.sweep import METRICS, Sweep
from lga_core.results.worth import Estimate, Pick

DECIMALS = 2                                 # of what a unit keeps


@dataclass(frozen=True, kw_only=True)
class StudyUnit(Result):
    """One model, fact set and editor (METHOD §6); small enough to be kept with the code."""

    model: str
    fact_set: str
    editor: str
    title: str                              # of the fact set
    settings: Mapping[str, Any]             # of the study: facts, probes, steps, contexts, seed
    provenance: Provenance                  # of the sweep
    command: str
    proxy: Sweep                            # the two share no subject
    test: Sweep
    picks: tuple[Pick, ...]                 # from the proxy
    fluency: Mapping[int, Estimate]         # layer -> of the test facts edited there
    fluency_before: Estimate


def kept(sweep: Sweep) -> Sweep:
    """The sweep's metrics, rounded, without what describes the single edits."""
    nothing = np.empty((0, 0))
    return replace(
        sweep, before=_rounded(sweep.before), after=_rounded(sweep.after), nll={name: nothing for name in METRICS},
        target_error=nothing, delta_norm=nothing, clamped=nothing, steps=nothing, costs=_rounded(sweep.costs))


def _rounded(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.round(array, DECIMALS) for name, array in arrays.items()}
