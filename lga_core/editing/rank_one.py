"""What the editors that write v* at a key have in common: their settings, and the direction C⁻¹k."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import torch

from lga_core.editing.settings import Settings, setting
from lga_core.editing.value import ValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments import second_moment
from lga_core.results import Progress


@dataclass(frozen=True, kw_only=True)
class RankOneSettings(Settings):
    """Settings of ROME and R-ROME, and the start of all others' that search a v*."""

    value: ValueSettings = setting(ValueSettings, "The search for v*")
    contexts: int = setting(4, "Contexts", "Sampled prefixes beside the bare prompt.", source="ours; ROME uses 20",
                            least=0)
    covariance: Literal["own-text", "identity"] = setting(
        "own-text", "Second moment C", "Of the keys, from the model's own text; or the identity.",
        source="ours; ROME uses Wikipedia")
    ridge: float = setting(1e-2, "Ridge", "Added to C, as a share of the mean of its diagonal.",
                           source="ours; ROME has none", least=0)
    seed: int = setting(0, "Seed", "For everything drawn at random.", least=0)


def moment_of(model: LoadedModel, layer: int,
              settings: RankOneSettings) -> Generator[Progress, None, torch.Tensor | None]:
    """C of one layer as the settings ask for it; None stands for the identity."""
    if settings.covariance == "identity":
        return None
    return (yield from second_moment(model, layer, settings.seed))


def whitened(moment: torch.Tensor | None, keys: torch.Tensor, ridge: float) -> torch.Tensor:
    """(C + ridge·mean(diag C)·I)⁻¹ k in float64 for keys (…, d_in); the keys themselves where C is the identity."""
    if moment is None:
        return keys.double()
    regular = moment.double().to(keys.device)
    regular = regular + ridge * regular.diagonal().mean() * torch.eye(keys.shape[-1], dtype=torch.float64,
                                                                      device=keys.device)
    columns = keys.double().reshape(-1, keys.shape[-1]).T
    factor, failed = torch.linalg.cholesky_ex(regular)
    # Without a ridge C may be singular: text with fewer directions than the layer has dimensions.
    solved = torch.linalg.lstsq(regular, columns).solution if int(failed) else torch.cholesky_solve(columns, factor)
    return solved.T.reshape(keys.shape)
