"""What every editor's implementation shares: its signature, and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Reporter, silent


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """What was written at one layer; tuples have one entry a fact."""

    edit: Edit
    target_errors: tuple[float | None, ...]  # ‖W'k + b − v*‖ / ‖v*‖; None for editors without a v*
    losses: tuple[tuple[float, ...], ...]  # nll of the new answer, nats, at each step
    clamped: tuple[bool | None, ...]  # δ reached its norm bound; None for editors without a δ
    weight_norm: float  # Frobenius norm of W


class EditFunction(Protocol):
    """An editor: the edits of the facts, one `Written` a layer, computed on the model with the edits of `base`.

    No edit stays applied.
    """

    def __call__(
        self,
        model: LoadedModel,
        facts: Sequence[Fact],
        layers: Sequence[int],
        settings: Any,
        base: Sequence[Edit] = (),
        *,
        report: Reporter = silent,
    ) -> tuple[Written, ...]: ...


class EachAlone(Protocol):
    """Each fact's own edit at one layer, as the editor makes it of this fact by itself; many facts in one batch."""

    def __call__(
        self, model: LoadedModel, facts: Sequence[Fact], layer: int, settings: Any, *, report: Reporter = silent
    ) -> list[Written]: ...


Solve = Callable[[torch.Tensor], torch.Tensor]
"""Mean keys (n, d_in) float64 of facts that are written together -> the direction a (n, d_in) of each."""


class Prepare(Protocol):
    """What an editor needs to know of one layer before it can solve, with the edits of `base` applied."""

    def __call__(
        self, model: LoadedModel, layer: int, settings: Any, base: Sequence[Edit] = (), *, report: Reporter = silent
    ) -> Solve: ...


@dataclass(frozen=True, kw_only=True)
class KeyValue:
    """How an editor that writes v* at a key k does so at one layer: ΔW = Σ_i r_i ⊗ a_i.

    What a sweep needs to hold many facts' edits, each alone, in one batch.
    """

    prepare: Prepare
    bare: bool = False  # v0 and the key that the edit is exact at are the bare prompt's (ROME)

    def mean_start(self, settings: Any) -> bool:
        """Whether v0 is the mean over contexts; R-ROME has a choice."""
        return not self.bare and getattr(settings, "v0", "mean") == "mean"
