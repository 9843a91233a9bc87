"""ROME and R-ROME: write v* at the subject's key, through the second moment of all keys (ROME §3.1, R-ROME §4).

ROME uses the mean key over contexts in one place of its formula and the bare prompt's key in another; R-ROME uses
the mean key everywhere, which is what keeps sequences of edits from collapsing.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, output_at
from lga_core.editing.value import Value, ValueSettings, find_value
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments import second_moment
from lga_core.models.own_text import prefixes
from lga_core.results import Progress

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RankOneSettings:
    """Settings of the rank-one editors. Defaults as METHOD §4 gives them, with where each comes from."""

    value: ValueSettings = field(default_factory=ValueSettings)
    contexts: int = 4                        # sampled prefixes beside the bare prompt; ROME uses 20
    covariance: Literal["own-text", "identity"] = "own-text"   # ROME uses Wikipedia
    ridge: float = 1e-2                      # × mean(diag C), ours; ROME has none
    seed: int = 0

    def __post_init__(self) -> None:
        if self.covariance not in ("own-text", "identity"):
            raise ValueError("covariance must be own-text or identity")
        if self.contexts < 0 or self.ridge < 0:
            raise ValueError("contexts and ridge must not be below 0")


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """One layer's edit with what can be said about it."""

    edit: Edit
    value: Value
    key: torch.Tensor                        # the key at which the edit's identity holds: W'k + b = v*
    target_error: float                      # ‖W'k + b − v*‖ / ‖v*‖
    weight_norm: float                       # Frobenius norm of W


def rank_one(model: LoadedModel, fact: Fact, layers: Sequence[int], settings: RankOneSettings, *,
             bare_key: bool) -> Generator[Progress, None, tuple[Written, ...]]:
    """Edit one fact at each layer, one after another, each computed on the model with the earlier ones.

    ROME where `bare_key`: ΔW = (v* − W k_bare)(C⁻¹k̄)ᵀ / (k_bareᵀ C⁻¹ k̄), v0 of the bare prompt.
    R-ROME else: ΔW = (v* − W k̄)(C⁻¹k̄)ᵀ / (k̄ᵀ C⁻¹ k̄), v0 the mean over contexts, which is W k̄.
    """
    beginnings = prefixes(model, settings.contexts, settings.seed)
    written: list[Written] = []
    for layer in sorted(layers):
        moment = None
        if settings.covariance == "own-text":
            moment = yield from second_moment(model, layer, settings.seed)
        edits = [item.edit for item in written]
        value = yield from find_value(model, fact, layer, settings.value, beginnings,
                                      mean_start=not bare_key, edits=edits)
        written.append(_write(model, layer, value, moment, settings.ridge, bare_key, edits))
    return tuple(written)


def rome(model: LoadedModel, fact: Fact, layers: Sequence[int],
         settings: RankOneSettings) -> Generator[Progress, None, tuple[Written, ...]]:
    """ROME's edit of one fact; see `rank_one`."""
    return rank_one(model, fact, layers, settings, bare_key=True)


def r_rome(model: LoadedModel, fact: Fact, layers: Sequence[int],
           settings: RankOneSettings) -> Generator[Progress, None, tuple[Written, ...]]:
    """R-ROME's edit of one fact; see `rank_one`."""
    return rank_one(model, fact, layers, settings, bare_key=False)


def whitened(moment: torch.Tensor | None, key: torch.Tensor, ridge: float) -> torch.Tensor:
    """(C + ridge·mean(diag C)·I)⁻¹ k in float64, (d_in,); k itself where C is the identity."""
    if moment is None:
        return key.double()
    regular = moment.double().to(key.device)
    regular = regular + ridge * regular.diagonal().mean() * torch.eye(len(key), dtype=torch.float64, device=key.device)
    factor, failed = torch.linalg.cholesky_ex(regular)
    if int(failed):                          # without a ridge C may be singular: fewer directions than dimensions
        return torch.linalg.lstsq(regular, key.double()[:, None]).solution[:, 0]
    return torch.cholesky_solve(key.double()[:, None], factor)[:, 0]


def _write(model: LoadedModel, layer: int, value: Value, moment: torch.Tensor | None, ridge: float, bare_key: bool,
           edits: Sequence[Edit]) -> Written:
    matrix = model.architecture.blocks[layer].down
    mean_key = value.keys.double().mean(0)
    key = value.keys[0].double() if bare_key else mean_key
    direction = whitened(moment, mean_key, ridge)
    with model.using("writing the edit"), torch.no_grad():
        # δ is v* − (W k + b) for both editors: v0 is the output at the very key that the identity holds for.
        edit = Edit(layer=layer, matrix=matrix.name, left=value.delta[None],
                    right=(direction / (key @ direction)).float()[None])
        reached = output_at(matrix, key, (*edits, edit))
        error = float((reached - value.target).norm() / value.target.norm())
        weight_norm = float(matrix.weight.float().norm())
    return Written(edit=edit, value=value, key=key, target_error=error, weight_norm=weight_norm)
