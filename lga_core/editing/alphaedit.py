"""AlphaEdit: edits that stay in the directions which the model's keys hardly use (AlphaEdit §3)."""

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lga_core.data.facts import Fact
from lga_core.editing.batch import layer_by_layer
from lga_core.editing.editor import KeyValue, Solve, Written
from lga_core.editing.edits import Edit
from lga_core.editing.rank_one import moment_of, slack_for, softly
from lga_core.editing.settings import setting
from lga_core.editing.spread import SpreadSettings, spread_over
from lga_core.errors import LgaError
from lga_core.models.derived import derived_path, keep
from lga_core.models.loaded import LoadedModel
from lga_core.results import Progress

VERSION = 1
DIRECTIONS_VERSION = 1
SHARE = 0.95


@dataclass(frozen=True, kw_only=True)
class AlphaEditSettings(SpreadSettings):
    """How AlphaEdit writes."""

    kept_fraction: float = setting(
        0.75, "Kept directions, share", "Of C's directions, those with the smallest eigenvalues, in which an edit may "
        "lie; 1 leaves C out.", source="ours: from 0.25 to 0.9 facts were rewritten alike on both shipped models; "
        "AlphaEdit keeps eigenvalues below 0.02, which does not carry between layers", above=0, most=1)
    l2: float | None = setting(
        None, "L2", "A key gets kᵀPk / (kᵀPk + L2) of its residual. Empty: L2 = E[kᵀPk] / 19 writes 95 % at a typical "
        "key, E over the text of C: the sum of the kept eigenvalues.",
        source="ours: subjects' keys were seen at 0.37 to 3.4 times E, 87 % and more; AlphaEdit uses 10",
        least=0, none_means="by layer: 95 % written")


def prepare(model: LoadedModel, layer: int, settings: AlphaEditSettings,
            base: Sequence[Edit] = ()) -> Generator[Progress, None, Solve]:
    """K -> (BᵀB + L2·I)⁻¹ Bᵀ, its rows that belong to K, with B = P[K_p K] and K_p the keys of `base` at this matrix:
    KᵀP (K_pK_pᵀP + KKᵀP + L2·I)⁻¹ with only as many equations as there are keys.
    """
    moment = yield from moment_of(model, layer, settings)
    if moment is None:
        raise LgaError("AlphaEdit needs the second moment of the keys: the identity has no null space.",
                       mend="Choose another covariance, or another editor.")
    strengths, vectors = yield from directions(model, layer, moment)
    kept = max(1, round(settings.kept_fraction * len(strengths)))
    l2 = settings.l2 if settings.l2 is not None else slack_for(SHARE, float(strengths[:kept].sum()))
    name = model.architecture.blocks[layer].down.name
    free = vectors[:, :kept].to(model.device, torch.float64)

    def solve(keys: torch.Tensor) -> torch.Tensor:
        earlier = [edit.keys.to(keys) for edit in base if edit.matrix == name and edit.keys is not None]
        inside = torch.cat([*earlier, keys]) @ free @ free.T                     # Bᵀ (earlier + n, d_in)
        return softly(inside @ inside.T, inside, l2)[-len(keys):]

    return solve


ALPHAEDIT = KeyValue(prepare=prepare)


def alphaedit(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: AlphaEditSettings,
              base: Sequence[Edit] = ()) -> Generator[Progress, None, tuple[Written, ...]]:
    """ΔW = R KᵀP (K_pK_pᵀP + KKᵀP + L2·I)⁻¹, K_p the keys of `base` at the same matrix; several layers as MEMIT's."""
    way = spread_over if len(layers) > 1 and settings.several == "spread" else layer_by_layer
    return way(model, facts, layers, settings, base, ALPHAEDIT)


def directions(model: LoadedModel, layer: int,
               moment: torch.Tensor) -> Generator[Progress, None, tuple[torch.Tensor, torch.Tensor]]:
    """C's eigenvalues (d_in,) float64, the smallest first, and eigenvectors (d_in, d_in) float32 in columns; kept.

    By C's own content: every source of it has its own file, and a damaged file is worked out again.
    """
    digest = hashlib.sha256(moment.cpu().contiguous().numpy().tobytes()).hexdigest()
    path = derived_path(model, f"directions-v{DIRECTIONS_VERSION}-layer{layer}-{digest[:32]}.safetensors")
    try:
        kept = load_file(path)
        return kept["values"], kept["vectors"]
    except (OSError, SafetensorError, KeyError):
        yield Progress(label=f"directions of C at layer {layer}", done=0, total=1)
        values, vectors = torch.linalg.eigh(moment.to(model.device, torch.float64))
        found = {"values": values.clamp(min=0).cpu(), "vectors": vectors.float().cpu().contiguous()}
        keep(path, lambda place: save_file(found, place))
        return found["values"], found["vectors"]
