"""EMMET: many facts in one solve under equality constraints, softened by λ (EMMET §4)."""

from collections.abc import Sequence

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.batch import layer_by_layer
from lga_core.editing.editors.editor import KeyValue, Solve, Written
from lga_core.editing.editors.rank_one import Inverse, moment_of, regularized, slack_for
from lga_core.editing.edits import Edit
from lga_core.editing.settings import EmmetSettings
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Reporter, silent

SHARE = 0.99  # of the residual, written at a typical key where λ is not given


def prepare(
    model: LoadedModel, layer: int, settings: EmmetSettings, base: Sequence[Edit] = (), *, report: Reporter = silent
) -> Solve:
    """K -> (KᵀC⁻¹K + λI)⁻¹ KᵀC⁻¹."""
    moment = moment_of(model, layer, settings, report=report)
    return solver(moment, settings.ridge, settings.lam, SHARE, model.device)


EMMET = KeyValue(prepare=prepare)


def emmet(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    settings: EmmetSettings,
    base: Sequence[Edit] = (),
    *,
    report: Reporter = silent,
) -> tuple[Written, ...]:
    """ΔW = R (KᵀC⁻¹K + λI)⁻¹ KᵀC⁻¹; several layers one after another, each with a v* of its own."""
    return layer_by_layer(model, facts, layers, settings, base, EMMET, report=report)


def solver(moment: torch.Tensor | None, ridge: float, slack: float | None, share: float, device: torch.device) -> Solve:
    """K -> (KᵀC⁻¹K + slack·I)⁻¹ KᵀC⁻¹ (n, d_in) for keys (n, d_in); `slack` None writes `share` at a typical key."""
    inverse = Inverse.of(moment, ridge, device)

    def solve(keys: torch.Tensor) -> torch.Tensor:
        directions = inverse.times(keys)
        own = slack_for(share, inverse.strength(keys)) if slack is None else slack
        return regularized(keys @ directions.T, directions, own)

    return solve
