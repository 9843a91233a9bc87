"""ROME and R-ROME: write v* at the subject's key, through the second moment of all keys (ROME §3.1, R-ROME §4).

ROME uses the mean key over contexts in one place of its formula and the bare prompt's key in another; R-ROME uses
the mean key everywhere, which is what keeps sequences of edits from collapsing. For both δ is v* − (W k + b), v0 being
the output at the very key that the identity holds for; only R-ROME's `v0 = bare` starts δ at the bare prompt's output.
"""

from collections.abc import Sequence
from functools import partial

import torch

from lga_core.editing.editors.batch import layer_by_layer
from lga_core.editing.editors.editor import KeyValue, Solve
from lga_core.editing.editors.rank_one import Inverse, moment_of
from lga_core.editing.edits import Edit
from lga_core.editing.settings import RankOneSettings
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Reporter, silent


def prepare(
    model: LoadedModel, layer: int, settings: RankOneSettings, base: Sequence[Edit] = (), *, report: Reporter = silent
) -> Solve:
    """k̄ -> C⁻¹k̄ / (k̄ᵀC⁻¹k̄), for facts that are each written alone."""
    inverse = Inverse.of(moment_of(model, layer, settings, report=report), settings.ridge, model.device)

    def solve(keys: torch.Tensor) -> torch.Tensor:
        directions = inverse.times(keys)
        return directions / (keys * directions).sum(-1, keepdim=True)

    return solve


R_ROME = KeyValue(prepare=prepare)
ROME = KeyValue(prepare=prepare, bare=True)

rome = partial(layer_by_layer, how=ROME)
"""ΔW = (v* − W k_bare)(C⁻¹k̄)ᵀ / (k_bareᵀ C⁻¹ k̄), v0 of the bare prompt; layers one after another."""

r_rome = partial(layer_by_layer, how=R_ROME)
"""ΔW = (v* − W k̄)(C⁻¹k̄)ᵀ / (k̄ᵀ C⁻¹ k̄); layers one after another.

v0 is the mean over contexts, which is W k̄, or the bare prompt's (`v0 = bare`).
"""
