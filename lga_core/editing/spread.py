"""Several layers that share one residual: z* at the last block's output, written layer by layer (MEMIT §4.3).

Only where a block adds its down projection's output to the residual stream as it is: what the layers below write
then arrives at the last one. A norm after the MLP (Gemma 2 and 3) breaks that.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from lga_core.data.facts import Fact
from lga_core.editing.batch import write
from lga_core.editing.editor import KeyValue, Written
from lga_core.editing.edits import Edit, applied, output_at
from lga_core.editing.rank_one import KeyValueSettings
from lga_core.editing.search import Contexts
from lga_core.editing.settings import setting
from lga_core.editing.values import shared_values
from lga_core.errors import LgaError
from lga_core.models.forward import final_hidden
from lga_core.models.hooks import on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.own_text import prefixes
from lga_core.models.tokens import Batch, TokenRow
from lga_core.results import Progress

PROBE_TOKENS = 5


@dataclass(frozen=True, kw_only=True)
class SpreadSettings(KeyValueSettings):
    """What an editor that can spread a residual over layers is told about it."""

    several: Literal["spread", "each"] = setting(
        "spread", "Several layers", "Spread one residual over the layers, or search a v* at each, one after another.",
        source="MEMIT")
    z_bound: float = setting(0.75, "Norm bound of z", "Where a residual is spread: ‖δ‖ is at most this many times the "
                             "norm of the last block's output.", source="MEMIT", above=0)


def spread_over(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: SpreadSettings,
                base: Sequence[Edit], how: KeyValue) -> Generator[Progress, None, tuple[Written, ...]]:
    """r_j = (z* − the last block's output now) / (layers left), from the lowest layer up; keys read anew at each.

    A layer's target is its present output plus r_j. Raises LgaError where the model has a norm after the MLP.
    """
    order = sorted(layers)
    with model.using("checking the blocks"), applied(model, base):
        for layer in order:
            _check(model, layer)
    beginnings = prefixes(model, settings.contexts, settings.seed)
    bounded = replace(settings.value, norm_bound=settings.z_bound)
    values = yield from shared_values(model, facts, order[-1], bounded, beginnings, mean_start=True,
                                      edits=base, site="block")
    goals = torch.stack([value.target for value in values])
    contexts = [Contexts.of(model, fact, beginnings) for fact in facts]
    written: list[Written] = []
    for number, layer in enumerate(order):
        before = (*base, *(item.edit for item in written))
        keys, reached = [], []
        for one in contexts:
            with model.using(f"keys at layer {layer}"), applied(model, before):
                key, output = _means(model, one, layer, order[-1])
            keys.append(key)
            reached.append(output)
            yield Progress(label=f"keys at layer {layer}", done=len(keys), total=len(facts))
        solve = yield from how.prepare(model, layer, settings, before)
        directions = solve(torch.stack(keys))
        residuals = (goals - torch.stack(reached)) / (len(order) - number)
        with torch.no_grad():
            now = output_at(model.architecture.blocks[layer].down, torch.stack(keys).float(), before)
        written.append(write(model, layer, torch.stack(keys), directions, values, before, residuals=residuals,
                             targets=now + residuals))
    return tuple(written)


@torch.no_grad()
def _means(model: LoadedModel, contexts: Contexts, layer: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean over contexts at the last subject token: the layer's key (d_in,) float64, and the last block's output (d,).
    """
    rows = [TokenRow(ids=row.ids[:end + 1], start=end + 1)
            for row, end in zip(contexts.rows[:-1], contexts.subject_ends[:-1], strict=True)]
    batch, seen = Batch.of(rows, model.device), {}
    each, ends = torch.arange(len(rows), device=model.device), batch.mask.sum(-1) - 1

    def note_key(given: torch.Tensor, _output: torch.Tensor) -> None:
        seen["key"] = given[each, ends].double().mean(0)

    def note_output(_given: torch.Tensor, output: torch.Tensor) -> None:
        seen["output"] = output[each, ends].float().mean(0)

    blocks = model.architecture.blocks
    with on_outputs({blocks[layer].down.module: note_key}, model.architecture.flat), \
            on_outputs({blocks[last].module: note_output}):
        final_hidden(model, batch)
    return seen["key"], seen["output"]


def _check(model: LoadedModel, layer: int) -> None:
    if not adds_to_residual(model, layer):
        raise LgaError(
            f"{model.name} does not add its down projections' outputs to the residual stream as they are (a norm "
            f"follows in block {layer}), so that one residual cannot be spread over layers.",
            mend="Choose one layer, or several = each: a v* for every layer, one after another.")


@torch.no_grad()
def adds_to_residual(model: LoadedModel, layer: int) -> bool:
    """Whether a change of the down projection's output is the very change of its block's output; seen in two runs."""
    block, seen = model.architecture.blocks[layer], []
    rows = [TokenRow(ids=tuple(range(1, 1 + PROBE_TOKENS)), start=PROBE_TOKENS)]
    batch = Batch.of(rows, model.device)

    def note(_given: torch.Tensor, output: torch.Tensor) -> None:
        seen.append(output[0, -1].float().clone())

    with on_outputs({block.module: note}):
        final_hidden(model, batch)
        # As large as the block's own output, so that rounding stays far below it.
        change = torch.randn(seen[0].shape, generator=torch.Generator().manual_seed(0)).to(seen[0])
        change = (change * seen[0].norm() / change.norm()).to(model.dtype)

        def add(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            changed[:, -1] += change
            return changed

        with on_outputs({block.down.module: add}, model.architecture.flat):
            final_hidden(model, batch)
    difference = seen[1] - seen[0] - change.float()
    return bool(difference.norm() <= 0.05 * change.float().norm())
