"""What an editor is: one function from facts and layers to edits, with what it supports and where it comes from."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, output_at
from lga_core.editing.settings import Settings
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.quantized import refuse_edits
from lga_core.results import Progress

Run = Callable[[LoadedModel, Sequence[Fact], Sequence[int], Any, Sequence[Edit]],
               Generator[Progress, None, tuple["Written", ...]]]
"""run(model, facts, layers, settings, base): the edits of the facts, one `Written` a layer, worked out on the model
with the edits of `base` applied. Nothing stays applied, and nothing is held between steps."""


Solve = Callable[[torch.Tensor], torch.Tensor]
"""Mean keys (n, d_in) float64 of facts that are written together -> the directions (n, d_in) that residuals are read
along."""


@dataclass(frozen=True, kw_only=True)
class KeyValue:
    """How an editor that writes a v* at a key does so at one layer: ΔW = Σ_i r_i ⊗ a_i.

    What a sweep needs to hold many facts' edits, each alone, in one batch.
    """

    prepare: Callable[[LoadedModel, int, Any, Sequence[Edit]], Generator[Progress, None, Solve]]
    bare: bool = False                       # v0 and the key that the edit is exact at are the bare prompt's (ROME)


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """What was written at one layer, and what can be said about it; tuples have one entry a fact."""

    edit: Edit
    target_errors: tuple[float | None, ...]  # ‖W'k + b − v*‖ / ‖v*‖; None for editors without a v*
    losses: tuple[tuple[float, ...], ...]    # nll of the new answer, nats, at each step
    clamped: tuple[bool | None, ...]         # δ reached its norm bound; None for editors without a δ
    weight_norm: float                       # Frobenius norm of W


@dataclass(frozen=True, kw_only=True)
class Editor:
    """A way to write facts."""

    name: str                                # as the command line takes it
    title: str
    about: str                               # one sentence for the page
    source: str                              # paper and section
    version: int                             # of the numbers: a change of them needs a new one
    settings: type[Settings]
    run: Run
    batch: bool                              # writes many facts in one solve; else one fact at a time
    layers: Literal["one after another", "spread"]   # what several layers mean
    key_value: KeyValue | None = None        # None: its edits are no rank-one ones
    families: str = "all decoder families"   # in words

    def check(self, model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int]) -> None:
        """Raise LgaError where this editor cannot begin."""
        refuse_edits(model)
        if not facts:
            raise LgaError("No fact is chosen.", mend="Choose at least one fact.")
        if not self.batch and len(facts) > 1:
            raise LgaError(f"{self.title} writes one fact at a time, not {len(facts)}.",
                           mend="Edit them one after another (sequential), or choose an editor for batches.")
        for fact in facts:
            if fact.target_new is None:
                raise LgaError(f"Record {fact.record} has no new answer to write.",
                               mend="Choose a fact with target_new.")
        if not layers:
            raise LgaError("No layer is chosen.", mend="Choose at least one layer.")
        if wrong := [layer for layer in layers if not 0 <= layer < model.layers]:
            raise LgaError(f"{model.name} has no layer {wrong[0]}.",
                           mend=f"Choose layers from 0 to {model.layers - 1}.")
        if len(set(layers)) < len(layers):
            raise LgaError("A layer is named twice.", mend="Name each layer once.")


def target_errors(model: LoadedModel, edit: Edit, keys: torch.Tensor, targets: torch.Tensor,
                  base: Sequence[Edit]) -> tuple[float, ...]:
    """‖W'k + b − v*‖ / ‖v*‖ for keys (n, d_in) and targets (n, d_out), W' with `base` and the edit applied."""
    matrix = model.architecture.blocks[edit.layer].down
    with torch.no_grad():
        reached = output_at(matrix, keys, (*base, edit))
    return tuple(((reached - targets).norm(dim=-1) / targets.norm(dim=-1)).tolist())
