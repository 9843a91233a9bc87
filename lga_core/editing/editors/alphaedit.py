"""AlphaEdit: edits that stay in the directions which the model's keys hardly use (AlphaEdit §3)."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lga_core.editing.editors.editor import KeyValue, Solve
from lga_core.editing.editors.rank_one import moment_of, regularized, slack_for
from lga_core.editing.editors.spread import spread_or_each
from lga_core.editing.edits import Edit
from lga_core.editing.settings import AlphaEditSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.sources.derived import derived_path, keep, kept
from lga_core.progress import Phase, Progress, Reporter, silent

DIRECTIONS_VERSION = 1
SHARE = 0.95  # of the residual, written at a typical key where L2 is not given


def prepare(
    model: LoadedModel, layer: int, settings: AlphaEditSettings, base: Sequence[Edit] = (), *, report: Reporter = silent
) -> Solve:
    """K -> (BᵀB + L2·I)⁻¹ Bᵀ, its rows that belong to K, with B = P[K_p K] and K_p the keys of `base` at this matrix:
    KᵀP (K_pK_pᵀP + KKᵀP + L2·I)⁻¹ with only as many equations as there are keys.
    """
    moment = moment_of(model, layer, settings, report=report)
    assert moment is not None  # its settings refuse the identity
    strengths, vectors = directions(model, layer, moment, report=report)
    count = max(1, round(settings.kept_fraction * len(strengths)))
    l2 = settings.l2 if settings.l2 is not None else slack_for(SHARE, float(strengths[:count].sum()))
    name = model.architecture.blocks[layer].down.name
    free = vectors[:, :count].to(model.device, torch.float64)

    def solve(keys: torch.Tensor) -> torch.Tensor:
        earlier = [edit.keys.to(keys) for edit in base if edit.matrix == name and edit.keys is not None]
        inside = torch.cat([*earlier, keys]) @ free @ free.T  # Bᵀ (earlier + n, d_in)
        return regularized(inside @ inside.T, inside, l2)[-len(keys) :]

    return solve


ALPHAEDIT = KeyValue(prepare=prepare)
alphaedit = partial(spread_or_each, how=ALPHAEDIT)
"""ΔW = R KᵀP (K_pK_pᵀP + KKᵀP + L2·I)⁻¹, K_p the keys of `base` at the same matrix; several layers as MEMIT's."""


def directions(
    model: LoadedModel, layer: int, moment: torch.Tensor, *, report: Reporter = silent
) -> tuple[torch.Tensor, torch.Tensor]:
    """C's eigenvalues (d_in,) float64, the smallest first, and eigenvectors (d_in, d_in) float32 in columns; kept.

    By C's own content: every source of it has its own file, and a damaged file is computed again.
    """
    digest = hashlib.sha256(moment.cpu().contiguous().numpy().tobytes()).hexdigest()
    path = derived_path(model, f"directions-v{DIRECTIONS_VERSION}-layer{layer}-{digest[:32]}.safetensors")
    known = kept(path, _read_directions)
    if known is not None:
        return known
    report(Progress(phase=Phase.EDIT, done=0, total=1, detail=f"directions of C at layer {layer}"))
    values, vectors = torch.linalg.eigh(moment.to(model.device, torch.float64))
    computed = {"values": values.clamp(min=0).cpu(), "vectors": vectors.float().cpu().contiguous()}
    keep(path, lambda place: save_file(computed, place))
    return computed["values"], computed["vectors"]


def _read_directions(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    tensors = load_file(path)
    return tensors["values"], tensors["vectors"]
