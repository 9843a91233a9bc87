"""What the editors that solve with the second moment of the keys have in common: C, and the direction C⁻¹k."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from lga_core.editing.settings import KeyValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments.second_moment import second_moment, second_moments
from lga_core.models.text.sources import IDENTITY
from lga_core.progress import Reporter, silent


def moment_of(
    model: LoadedModel, layer: int, settings: KeyValueSettings, *, report: Reporter = silent
) -> torch.Tensor | None:
    """C of one layer as the settings ask for it; None stands for the identity."""
    if settings.covariance == IDENTITY:
        return None
    return second_moment(
        model,
        layer,
        settings.seed,
        source=settings.covariance,
        tokens_per_input=settings.tokens_per_input,
        report=report,
    )


def prepare_moments(
    model: LoadedModel, layers: Sequence[int], settings: KeyValueSettings, *, report: Reporter = silent
) -> None:
    """Have C of all these layers at hand: asked for one by one, each would read the text anew."""
    if settings.covariance != IDENTITY:
        second_moments(
            model,
            layers,
            settings.seed,
            source=settings.covariance,
            tokens_per_input=settings.tokens_per_input,
            report=report,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Inverse:
    """(C + ridge·mean(diag C)·I)⁻¹ of one layer from one factorization, float64; the identity's where C is None."""

    regular: torch.Tensor | None  # C + ridge (d_in, d_in)
    factor: torch.Tensor | None  # its Cholesky factor; None where it is singular
    added: float  # what the ridge added to the diagonal

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
        columns = keys.double().reshape(-1, keys.shape[-1]).T  # (d_in, n)
        if self.factor is not None:
            solved = torch.cholesky_solve(columns, self.factor)
        else:  # on a CPU: on CUDA there is only a driver that assumes full rank
            solved = torch.linalg.lstsq(self.regular.cpu(), columns.cpu(), driver="gelsy").solution.to(columns.device)
        return solved.T.reshape(keys.shape)  # (…, d_in)

    def strength(self, keys: torch.Tensor) -> float:
        """E[kᵀ(C + ridge)⁻¹k] over the text that C is from, tr(C·(C + ridge)⁻¹): d_in without a ridge.

        The identity is from no text: there it is the mean over `keys` (n, d_in).
        """
        return float(keys.double().square().sum(-1).mean()) if self.regular is None else self._text_strength

    @cached_property
    def _text_strength(self) -> float:
        """As costly as the factorization, and the same for all keys."""
        assert self.regular is not None
        if self.factor is None:
            return float(torch.linalg.matrix_rank(self.regular, hermitian=True))
        given_to_ridge = self.added * torch.cholesky_inverse(self.factor).diagonal().sum() if self.added else 0.0
        return float(len(self.regular) - given_to_ridge)


SAME_KEY = 1e-10  # of the largest eigenvalue of the keys' products: what is smaller is rounding of float32 keys


def regularized(gram: torch.Tensor, directions: torch.Tensor, slack: float) -> torch.Tensor:
    """(G + slack·I)⁻¹ D, float64, for the keys' products G (n, n) and D (n, d_in).

    Where keys coincide but for rounding and nothing is slack, their facts share what is written (the least-squares
    solution). NaN where the products are not finite.
    """
    regular = gram + slack * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    if not regular.isfinite().all():  # which no decomposition takes; the edit blew up, and is told as such
        return torch.full_like(directions, torch.nan)
    return torch.linalg.pinv(regular, rtol=SAME_KEY, hermitian=True) @ directions


def slack_for(share: float, strength: float) -> float:
    """The slack that writes `share` of the residual at a key of this strength: strength / (strength + slack)."""
    return strength * (1 - share) / share
