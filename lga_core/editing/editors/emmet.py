"""EMMET: many facts in one solve under equality constraints, softened by λ (EMMET §4)."""

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import torch

from lga_core.editing.editors.batch import layer_by_layer
from lga_core.editing.editors.editor import KeyValue, Prepare, Solve
from lga_core.editing.editors.rank_one import Inverse, moment_of, regularized, slack_for
from lga_core.editing.edits import Edit
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Reporter, silent

SHARE = 0.99  # of the residual, written at a typical key where λ is not given


def softened(share: float, slack_of: Callable[[Any], float | None]) -> Prepare:
    """K -> (KᵀC⁻¹K + slack·I)⁻¹ KᵀC⁻¹; where the settings give no slack, `share` is written at a typical key."""

    def prepare(
        model: LoadedModel, layer: int, settings: Any, base: Sequence[Edit] = (), *, report: Reporter = silent
    ) -> Solve:
        inverse = Inverse.of(moment_of(model, layer, settings, report=report), settings.ridge, model.device)
        slack = slack_of(settings)

        def solve(keys: torch.Tensor) -> torch.Tensor:
            directions = inverse.times(keys)
            own = slack_for(share, inverse.strength(keys)) if slack is None else slack
            return regularized(keys @ directions.T, directions, own)

        return solve

    return prepare


EMMET = KeyValue(prepare=softened(SHARE, attrgetter("lam")))  # (KᵀC⁻¹K + λI)⁻¹ KᵀC⁻¹
emmet = partial(layer_by_layer, how=EMMET)
"""ΔW = R (KᵀC⁻¹K + λI)⁻¹ KᵀC⁻¹; several layers one after another, each with a v* of its own."""
