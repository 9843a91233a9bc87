"""Writing v* at keys: what every editor of the ROME family does; the editors differ in the directions alone.

ΔW = Σ_i r_i ⊗ a_i: r_i is what fact i's key is to gain, a_i the direction along which it is read.
"""

from collections.abc import Sequence

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import KeyValue, Solve, Written
from lga_core.editing.editors.rank_one import prepare_moments
from lga_core.editing.edits import Edit, LowRankEdit, output_at
from lga_core.editing.search.value import Value
from lga_core.editing.search.values import shared_values
from lga_core.editing.settings import KeyValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Reporter, silent


def layer_by_layer(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    settings: KeyValueSettings,
    base: Sequence[Edit] = (),
    *,
    how: KeyValue,
    report: Reporter = silent,
) -> tuple[Written, ...]:
    """A v* of its own at every layer, each searched on the model with the layers before it written."""
    prepare_moments(model, layers, settings, report=report)
    sampled = prefixes(model, settings.contexts, settings.seed, report=report)
    written: list[Written] = []
    for layer in sorted(layers):
        before = (*base, *(item.edit for item in written))
        values = shared_values(
            model,
            facts,
            layer,
            settings.value,
            sampled,
            mean_start=how.mean_start(settings),
            edits=before,
            report=report,
        )
        solve = how.prepare(model, layer, settings, before, report=report)
        written.append(write_values(model, layer, how, settings, values, solve, before))
    return tuple(written)


def write_values(
    model: LoadedModel,
    layer: int,
    how: KeyValue,
    settings: KeyValueSettings,
    values: Sequence[Value],
    solve: Solve,
    before: Sequence[Edit],
) -> Written:
    """The edit that writes these facts' v* at one layer together, on the model with the edits `before`."""
    keys = torch.stack([value.mean_key for value in values])  # (n, d_in)
    directions = solve(keys)
    if how.bare:
        keys = torch.stack([value.keys[0].double() for value in values])
        directions = directions / (keys * directions).sum(-1, keepdim=True)
    targets = torch.stack([value.target for value in values])  # (n, d_out)
    if how.bare or how.mean_start(settings):  # v0 is the output at the key
        residuals = torch.stack([value.delta for value in values])
    else:
        with torch.no_grad():
            residuals = targets - output_at(model.architecture.blocks[layer].down, keys.float(), before)
    return write(model, layer, keys, directions, values, before, residuals=residuals, targets=targets)


def write(
    model: LoadedModel,
    layer: int,
    keys: torch.Tensor,
    directions: torch.Tensor,
    values: Sequence[Value],
    before: Sequence[Edit],
    *,
    residuals: torch.Tensor,
    targets: torch.Tensor,
) -> Written:
    """The edit Σ_i r_i ⊗ a_i of one layer, with residuals r and targets v* (n, d_out), keys and a (n, d_in)."""
    matrix = model.architecture.blocks[layer].down
    edit = LowRankEdit(
        layer=layer, matrix=matrix.name, left=residuals.float(), right=directions.float(), keys=keys.float()
    )
    with model.using("writing the edit"), torch.no_grad():
        reached = output_at(matrix, keys, (*before, edit))
        errors = (reached - targets).norm(dim=-1) / targets.norm(dim=-1)
    return Written(
        edit=edit,
        target_errors=tuple(errors.tolist()),
        losses=tuple(value.losses for value in values),
        clamped=tuple(value.clamped for value in values),
        weight_norm=float(matrix.weight.float().norm()),
    )
