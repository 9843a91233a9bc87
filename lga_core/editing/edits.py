"""An edit is a value: a change of one named matrix, added in a forward hook and never written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.structure.architecture import Linear


@dataclass(frozen=True, kw_only=True, eq=False)
class LowRankEdit:
    """ΔW = Σ_r left[r] ⊗ right[r] on a down projection."""

    layer: int
    matrix: str  # dotted name of the weight's module
    left: torch.Tensor  # (r, d_out) float32
    right: torch.Tensor  # (r, d_in) float32
    keys: torch.Tensor | None = None  # (n, d_in) of its facts; AlphaEdit keeps later edits off them

    def change(self, inputs: torch.Tensor) -> torch.Tensor:
        """ΔW x for inputs (…, d_in), (…, d_out), in float32 or better."""
        precise = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        return precise @ self.right.to(precise).T @ self.left.to(precise)

    @property
    def delta(self) -> torch.Tensor:
        """ΔW (d_out, d_in), float32."""
        return self.left.T @ self.right

    @property
    def norm(self) -> float:
        """Frobenius norm of ΔW."""
        grams = (self.left.double() @ self.left.double().T) * (self.right.double() @ self.right.double().T)
        return float(grams.sum().clamp(min=0).sqrt())


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseEdit:
    """ΔW as a whole matrix: what fine-tuning leaves."""

    layer: int
    matrix: str
    delta: torch.Tensor  # (d_out, d_in) float32
    keys: torch.Tensor | None = None

    def change(self, inputs: torch.Tensor) -> torch.Tensor:
        """ΔW x for inputs (…, d_in), (…, d_out), in float32 or better."""
        precise = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        return precise @ self.delta.to(precise).T

    @property
    def norm(self) -> float:
        """Frobenius norm of ΔW."""
        return float(self.delta.double().norm())


Edit = LowRankEdit | DenseEdit


def by_matrix(edits: Sequence[Edit]) -> dict[str, list[Edit]]:
    """The edits of each matrix, in order."""
    groups: dict[str, list[Edit]] = {}
    for edit in edits:
        groups.setdefault(edit.matrix, []).append(edit)
    return groups


def summed(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """One edit a matrix that changes it as all of its edits do together; the lowest layer first."""
    together = [_sum(group) for group in by_matrix(edits).values()]
    return tuple(sorted(together, key=lambda edit: (edit.layer, edit.matrix)))


def _sum(edits: Sequence[Edit]) -> Edit:
    first = edits[0]
    if len(edits) == 1:
        return first
    low_rank = [edit for edit in edits if isinstance(edit, LowRankEdit)]
    if len(low_rank) == len(edits):
        return LowRankEdit(
            layer=first.layer,
            matrix=first.matrix,
            left=torch.cat([edit.left for edit in low_rank]),
            right=torch.cat([edit.right for edit in low_rank]),
        )
    return replace(_dense(edits), keys=None)


def dense_sum(edits: Sequence[Edit]) -> tuple[DenseEdit, ...]:
    """As `summed`, each ΔW as a whole matrix: however many edits there were, to apply them costs the same.

    The keys of all facts stay with it, in order, for editors that keep later edits off them.
    """
    return tuple(_dense(group) for group in by_matrix(edits).values())


def _dense(edits: Sequence[Edit]) -> DenseEdit:
    first = edits[0]
    keys = [edit.keys for edit in edits if edit.keys is not None]
    return DenseEdit(
        layer=first.layer,
        matrix=first.matrix,
        delta=sum((edit.delta for edit in edits[1:]), first.delta),
        keys=torch.cat(keys) if keys else None,
    )


@contextmanager
def applied(model: LoadedModel, edits: Sequence[Edit], *, first_row: int = 0) -> Iterator[None]:
    """The model with edits added to its outputs; the weights themselves stay as they are.

    The batch's rows before `first_row` run without the edits, so that before and after can be one batch.
    """

    def hook_for(edit: Edit) -> OutputFunction:
        def add(given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            return (output + edit.change(given)).to(output.dtype)

        def add_below(given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            return torch.cat([output[:first_row], add(given[first_row:], output[first_row:])])

        return add_below if first_row else add

    # Those of one matrix together: one by one, hundreds of small products would take longer than the model itself.
    hooks = {model.model.get_submodule(edit.matrix): hook_for(edit) for edit in summed(edits)}
    with on_outputs(hooks, model.architecture.flat if first_row else {}):
        yield


@contextmanager
def applied_by_row(model: LoadedModel, edits: Sequence[Edit]) -> Iterator[None]:
    """The model with another edit in every row of the batch, all of one matrix; rows may share an edit."""
    changes = _by_row(edits)

    def add(given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        return (output + changes(given)).to(output.dtype)

    with on_outputs({model.model.get_submodule(edits[0].matrix): add}, model.architecture.flat):
        yield


def _by_row(edits: Sequence[Edit]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Inputs (B, T, d_in) -> each row's own ΔW x (B, T, d_out)."""
    low_rank = [edit for edit in edits if isinstance(edit, LowRankEdit)]
    if len(low_rank) == len(edits) and len({edit.left.shape for edit in low_rank}) == 1:
        left = torch.stack([edit.left for edit in low_rank])  # (B, r, d_out)
        right = torch.stack([edit.right for edit in low_rank])  # (B, r, d_in)

        def together(given: torch.Tensor) -> torch.Tensor:  # (x·a_row) b_row
            precise = given.to(torch.promote_types(given.dtype, torch.float32))
            return precise @ right.to(precise).mT @ left.to(precise)

        return together
    rows: dict[int, list[int]] = {}  # id of an edit -> its rows of the batch
    for row, edit in enumerate(edits):
        rows.setdefault(id(edit), []).append(row)

    def one_after_another(given: torch.Tensor) -> torch.Tensor:  # as whole matrices they are too large to stack
        changed = [edits[own[0]].change(given[own]) for own in rows.values()]
        order = torch.tensor([row for own in rows.values() for row in own], device=given.device)
        return torch.cat(changed)[order.argsort()]

    return one_after_another


def output_at(matrix: Linear, key: torch.Tensor, edits: Sequence[Edit] = ()) -> torch.Tensor:
    """W k + b (+ ΔW k) of keys (…, d_in), in float32 or better."""
    precise = key.to(torch.promote_types(key.dtype, torch.float32))
    output = precise @ matrix.weight.to(precise).T
    if isinstance(bias := matrix.module.bias, torch.Tensor):
        output = output + bias.to(precise)
    return output + sum(edit.change(precise) for edit in edits if edit.matrix == matrix.name)
