"""Writing v* at keys: what every editor of the ROME family does; the editors differ in the directions alone.

ΔW = Σ_i r_i ⊗ a_i: r_i is what fact i's key is to gain, a_i the direction along which it is read.
"""

from collections.abc import Sequence

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import KeyValue, Written, target_errors
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
        means = torch.stack([value.mean_key for value in values])  # (n, d_in)
        keys, directions = at_keys(how, values, solve(means))
        written.append(
            write(
                model,
                layer,
                keys,
                directions,
                values,
                before,
                residuals=residuals_at(model, layer, how, settings, keys, values, before),
                targets=torch.stack([value.target for value in values]),
            )
        )
    return tuple(written)


def residuals_at(
    model: LoadedModel,
    layer: int,
    how: KeyValue,
    settings: KeyValueSettings,
    keys: torch.Tensor,
    values: Sequence[Value],
    before: Sequence[Edit],
) -> torch.Tensor:
    """What each of these keys (n, d_in) is to gain, v* − (W k + b) (n, d_out): δ, where v0 is the output at k."""
    if how.bare or how.mean_start(settings):
        return torch.stack([value.delta for value in values])
    with torch.no_grad():
        outputs = output_at(model.architecture.blocks[layer].down, keys.float(), before)
    return torch.stack([value.target for value in values]) - outputs


def at_keys(how: KeyValue, values: Sequence[Value], directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The keys (n, d_in) at which the editor writes, float64, and the directions scaled for these keys."""
    if not how.bare:
        return torch.stack([value.mean_key for value in values]), directions
    keys = torch.stack([value.keys[0].double() for value in values])
    return keys, directions / (keys * directions).sum(-1, keepdim=True)


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
    with model.using("writing the edit"):
        errors = target_errors(model, edit, keys, targets, before)
    return Written(
        edit=edit,
        target_errors=errors,
        losses=tuple(value.losses for value in values),
        clamped=tuple(value.clamped for value in values),
        weight_norm=float(matrix.weight.float().norm()),
    )
