"""What the editors that write v* at a key have in common: their settings, and the direction C⁻¹k."""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from lga_core.editing.settings import Settings, setting
from lga_core.editing.value import ValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments import TOKENS_PER_INPUT, second_moment
from lga_core.models.texts import IDENTITY, OWN_TEXT, source_problem
from lga_core.results import Progress


@dataclass(frozen=True, kw_only=True)
class KeyValueSettings(Settings):
    """Settings of every editor that writes a v* at a key."""

    value: ValueSettings = setting(ValueSettings, "The search for v*")
    contexts: int = setting(4, "Contexts", "Sampled prefixes beside the bare prompt.", source="ours; ROME uses 20",
                            least=0)
    covariance: str = setting(
        OWN_TEXT, "Second moment C", "Of the keys, over own-text, file:PATH or hub:owner/name[:config[:split]]; or "
        "identity.", source="ours; ROME uses Wikipedia")
    tokens_per_input: int = setting(
        TOKENS_PER_INPUT, "Text for C", "Tokens of text for each input dimension of the layer.", source="ours",
        least=TOKENS_PER_INPUT)
    seed: int = setting(0, "Seed", "For everything drawn at random.", least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if problem := source_problem(self.covariance):
            raise ValueError(f"Second moment C (covariance) {problem}")


@dataclass(frozen=True, kw_only=True)
class RankOneSettings(KeyValueSettings):
    """Settings of ROME and R-ROME, and the start of all others' that solve with C⁻¹."""

    ridge: float = setting(1e-2, "Ridge", "Added to C, as a share of the mean of its diagonal.",
                           source="ours; ROME has none", least=0)


def moment_of(model: LoadedModel, layer: int,
              settings: KeyValueSettings) -> Generator[Progress, None, torch.Tensor | None]:
    """C of one layer as the settings ask for it; None stands for the identity."""
    if settings.covariance == IDENTITY:
        return None
    return (yield from second_moment(model, layer, settings.seed, source=settings.covariance,
                                     tokens_per_input=settings.tokens_per_input))


@dataclass(frozen=True, kw_only=True, eq=False)
class Inverse:
    """(C + ridge·mean(diag C)·I)⁻¹ of one layer from one factorization, float64; the identity's where C is None."""

    regular: torch.Tensor | None             # C + ridge (d_in, d_in)
    factor: torch.Tensor | None              # its Cholesky factor; None where it is singular
    added: float                             # what the ridge added to the diagonal

    @classmethod
    def of(cls, moment: torch.Tensor | None, ridge: float, device: torch.device) -> "Inverse":
        if moment is None:
            return cls(regular=None, factor=None, added=0.0)
        regular = moment.to(device, torch.float64, copy=True)
        added = float(ridge * regular.diagonal().mean())
        regular.diagonal().add_(added)
        # Without a ridge C may be singular: text with fewer directions than the layer has dimensions.
        factor, failed = torch.linalg.cholesky_ex(regular)
        return cls(regular=regular, factor=None if int(failed) else factor, added=added)

    def times(self, keys: torch.Tensor) -> torch.Tensor:
        """C⁻¹k in float64 for keys (…, d_in)."""
        if self.regular is None:
            return keys.double()
        columns = keys.double().reshape(-1, keys.shape[-1]).T
        solved = torch.linalg.lstsq(self.regular, columns).solution if self.factor is None \
            else torch.cholesky_solve(columns, self.factor)
        return solved.T.reshape(keys.shape)

    def strength(self, keys: torch.Tensor) -> float:
        """E[kᵀ(C + ridge)⁻¹k] over the text that C is from, tr(C·(C + ridge)⁻¹): d_in without a ridge.

        The identity is from no text: there it is the mean over `keys` (n, d_in).
        """
        if self.regular is None:
            return float(keys.double().square().sum(-1).mean())
        if self.factor is None:
            return float(torch.linalg.matrix_rank(self.regular, hermitian=True))
        lost = self.added * torch.cholesky_inverse(self.factor).diagonal().sum() if self.added else 0.0
        return float(len(self.regular) - lost)


def whitened(moment: torch.Tensor | None, keys: torch.Tensor, ridge: float) -> torch.Tensor:
    """(C + ridge·mean(diag C)·I)⁻¹ k in float64 for keys (…, d_in); the keys themselves where C is the identity."""
    return Inverse.of(moment, ridge, keys.device).times(keys)


def softly(gram: torch.Tensor, directions: torch.Tensor, slack: float) -> torch.Tensor:
    """(G + slack·I)⁻¹ D, float64, for the keys' products G (n, n) and D (n, d_in).

    Where keys coincide and nothing is slack, their facts share what is written (the least-squares solution).
    """
    regular = gram + slack * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return torch.linalg.pinv(regular, hermitian=True) @ directions


def slack_for(share: float, strength: float) -> float:
    """The slack that writes `share` of the residual at a key of this strength: strength / (strength + slack)."""
    return strength * (1 - share) / share
