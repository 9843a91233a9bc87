"""Several layers that share one residual: z* at the last block's output, written layer by layer (MEMIT §4.3).

Only where a block adds its down projection's output to the residual stream as it is: what the layers below write
then arrives at the last one. A norm after the MLP (Gemma 2 and 3) breaks that.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.batch import layer_by_layer, write
from lga_core.editing.editors.editor import KeyValue, Written
from lga_core.editing.editors.rank_one import prepare_moments
from lga_core.editing.edits import Edit, applied, output_at
from lga_core.editing.search.contexts import Contexts
from lga_core.editing.search.values import shared_values
from lga_core.editing.settings import SpreadSettings
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import final_hidden
from lga_core.models.running.hooks import on_outputs
from lga_core.models.running.residual import adds_to_residual
from lga_core.models.text.own_text import prefixes
from lga_core.models.text.tokens import Batch, TokenRow
from lga_core.progress import Phase, Progress, Reporter, silent


def spread_or_each(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    settings: SpreadSettings,
    base: Sequence[Edit] = (),
    *,
    how: KeyValue,
    report: Reporter = silent,
) -> tuple[Written, ...]:
    """One residual spread over the layers, or a v* at each, as the settings say."""
    spread = len(layers) > 1 and settings.several == "spread"
    return (_spread if spread else layer_by_layer)(model, facts, layers, settings, base, how=how, report=report)


def _spread(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    settings: SpreadSettings,
    base: Sequence[Edit],
    *,
    how: KeyValue,
    report: Reporter,
) -> tuple[Written, ...]:
    """r_j = (z* − the last block's output now) / (layers left), from the lowest layer up; keys read again at each.

    A layer's target is its present output plus r_j. Raises LgaError where the model has a norm after the MLP.
    """
    order = sorted(layers)
    with model.using("checking the blocks"), applied(model, base):
        for layer in order:
            _check(model, layer)
    prepare_moments(model, order, settings, report=report)
    sampled = prefixes(model, settings.contexts, settings.seed, report=report)
    bounded = replace(settings.value, norm_bound=settings.z_bound)
    values = shared_values(
        model, facts, order[-1], bounded, sampled, mean_start=True, edits=base, site="block", report=report
    )
    goals = torch.stack([value.target for value in values])  # z* (n, d)
    contexts = [Contexts.of(model, fact, sampled) for fact in facts]
    written: list[Written] = []
    for number, layer in enumerate(order):
        before = (*base, *(item.edit for item in written))
        keys, reached = _keys_and_outputs(model, contexts, layer, order[-1], before, report)
        directions = how.prepare(model, layer, settings, before, report=report)(keys)
        residuals = (goals - reached) / (len(order) - number)
        with torch.no_grad():
            output = output_at(model.architecture.blocks[layer].down, keys.float(), before)
        written.append(
            write(model, layer, keys, directions, values, before, residuals=residuals, targets=output + residuals)
        )
    return tuple(written)


def _keys_and_outputs(
    model: LoadedModel, contexts: Sequence[Contexts], layer: int, last: int, edits: Sequence[Edit], report: Reporter
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each fact's mean key at a layer (n, d_in), float64, and mean output of the last block (n, d)."""
    keys: list[torch.Tensor] = []
    outputs: list[torch.Tensor] = []
    for fact in contexts:
        with model.using(f"keys at layer {layer}"), applied(model, edits):
            key, output = _means(model, fact, layer, last)
        keys.append(key)
        outputs.append(output)
        report(Progress(phase=Phase.EDIT, done=len(keys), total=len(contexts), detail=f"keys at layer {layer}"))
    return torch.stack(keys), torch.stack(outputs)


@torch.no_grad()
def _means(model: LoadedModel, contexts: Contexts, layer: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean over contexts at the last subject token: the layer's key (d_in,) float64, the last block's output (d,)."""
    rows = [
        TokenRow(ids=row.ids[: end + 1], start=end + 1)
        for row, end in zip(contexts.rows[:-1], contexts.subject_ends[:-1], strict=True)
    ]
    batch = Batch.of(rows, model.device)
    each = torch.arange(len(rows), device=model.device)
    ends = batch.mask.sum(-1) - 1
    seen: dict[str, torch.Tensor] = {}

    def note_key(given: torch.Tensor, _output: torch.Tensor) -> None:
        seen["key"] = given[each, ends].double().mean(0)

    def note_output(_given: torch.Tensor, output: torch.Tensor) -> None:
        seen["output"] = output[each, ends].float().mean(0)

    blocks = model.architecture.blocks
    with (
        on_outputs({blocks[layer].down.module: note_key}, model.architecture.flat),
        on_outputs({blocks[last].module: note_output}),
    ):
        final_hidden(model, batch)
    return seen["key"], seen["output"]


def _check(model: LoadedModel, layer: int) -> None:
    if not adds_to_residual(model, layer):
        raise LgaError(
            f"{model.name} does not add its down projections' outputs to the residual stream as they are (a norm "
            f"follows in block {layer}), so that one residual cannot be spread over layers.",
            hint="Choose one layer, or several = each: a v* for every layer, one after another.",
        )
