"""Ground truth: every fact edited at every layer alone, and measured (METHOD.md §6).

The edits are values: those of one layer share a batch, each acting on its own fact's rows. What lies below the edited
layer is computed once a batch of facts, for many layers. How the edits are made is in `sweep_edits`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lga_core.data.facts import Fact
from lga_core.editing.search.contexts import Contexts, batches
from lga_core.editing.table import Editor, editor_named
from lga_core.evaluation.experiments.sweep_cell import FactRows, cell_of
from lga_core.evaluation.experiments.sweep_edits import edits_by_layer
from lga_core.evaluation.metrics.asking import ProbeQuestions, probe_questions
from lga_core.evaluation.metrics.forced import ForcedProbes
from lga_core.evaluation.settings import SWEEP_METRICS, SweepMetrics
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.halving import Halving
from lga_core.models.running.memory import batch_room
from lga_core.models.running.residual import adds_to_residual
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import SweepCell
from lga_core.scores.steps import Stopwatch

FACTS_AT_ONCE = 8  # of an editor that edits one fact at a time: they are measured together
KEPT_BYTES = 512 * 2**20  # of what blocks were given, where they fit: layers are swept in groups


@dataclass(kw_only=True)
class CellCount:
    """Counts the finished cells of a sweep, and reports the steps of its parts as steps of the sweep."""

    watch: Stopwatch  # around the sweep's reporter
    done: int
    total: int
    halving: Halving

    def step(self, detail: str) -> None:
        """Report where the sweep is, and what it is at."""
        self.watch.report(
            Progress(
                phase=Phase.SWEEP,
                done=self.done,
                total=self.total,
                detail=", ".join(filter(None, (detail, self.halving.detail))),
            )
        )

    def during(self, detail: str) -> Reporter:
        """The reporter of a part. Work that comes before the cells, as second moments, keeps its own count."""
        return lambda step: self.step(detail) if step.phase in (Phase.EDIT, Phase.PROBES) else self.watch.report(step)


def sweep_cells(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    done: Collection[tuple[int, int]] = frozenset(),
    *,
    metrics: SweepMetrics = SWEEP_METRICS,
    report: Reporter = silent,
) -> Iterator[SweepCell]:
    """Edit each fact at each layer alone and measure; yields the cells of one layer and batch of facts together.

    `done` are the (record, layer) that need not be measured. A batch that runs out of memory goes on in halves.
    Reports how many cells are done, after every step of a search and every batch of probes. Raises LgaError for a
    fact without a new answer, a layer that is not there, or an unknown editor.
    """
    chosen = editor_named(editor)
    halving = Halving(phase=Phase.SWEEP)
    measured = {(fact.record, layer) for fact in facts for layer in layers if (fact.record, layer) in done}
    count = CellCount(watch=Stopwatch(report), done=len(measured), total=len(facts) * len(layers), halving=halving)

    def sweep_part(part: Sequence[Fact]) -> Iterator[list[SweepCell]]:
        missing = [layer for layer in layers if (part[0].record, layer) not in measured]  # the same for all of them
        return _sweep_batch(model, part, missing, chosen, settings, metrics, count)

    for batch, _missing in batches_left(model, facts, layers, editor, settings, done):
        for cells in halving.each(sweep_part, batch, report=lambda _step: count.step("")):
            yield from cells
            measured.update((cell.record, cell.layer) for cell in cells)
            count.done = len(measured)
            count.step(f"layer {cells[0].layer}")


def batches_left(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    done: Collection[tuple[int, int]],
) -> Iterator[tuple[list[Fact], tuple[int, ...]]]:
    """Facts that are swept together, with the layers that they lack. Raises LgaError as `sweep_cells` does."""
    chosen = editor_named(editor)
    for fact in facts:
        chosen.check(model, [fact], layers)
    missing = {fact.record: tuple(layer for layer in layers if (fact.record, layer) not in done) for fact in facts}
    for wanted in filter(None, dict.fromkeys(missing.values())):
        alike = [fact for fact in facts if missing[fact.record] == wanted]
        for batch in _batches(model, alike, chosen, settings):
            yield batch, wanted


def _batches(model: LoadedModel, facts: Sequence[Fact], editor: Editor, settings: Any) -> Iterator[list[Fact]]:
    """Facts that are swept together."""
    if editor.key_value is None:
        yield from (list(facts[first : first + FACTS_AT_ONCE]) for first in range(0, len(facts), FACTS_AT_ONCE))
    else:
        before = prefixes(model, settings.contexts, settings.seed)
        contexts = {place: Contexts.of(model, fact, before) for place, fact in enumerate(facts)}
        yield from ([facts[place] for place in places] for places in batches(model, contexts))


def _sweep_batch(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: Editor,
    settings: Any,
    metrics: SweepMetrics,
    count: CellCount,
) -> Iterator[list[SweepCell]]:
    """The facts' cells, layer by layer."""
    begin = count.watch.seconds
    probes = []
    for fact in facts:
        probes.append(probe_questions(model, fact, answers=metrics.answers, per_group=metrics.probes))
        count.step("preparing the probes")
    rows = _fact_rows(model, facts, probes, layers, editor, settings)
    for group in _groups(model, probes, layers):
        asking = count.during("probes before the edits")
        forced = ForcedProbes.prepare(model, probes, group, report=asking)
        before = forced.ask(model, report=asking)
        for layer, written, owed in edits_by_layer(model, facts, group, editor, settings, count.during, count.watch):
            edits = [item.edit for item in written]
            after = forced.ask(model, edits, report=count.during(f"layer {layer}: probes"))
            seconds = (count.watch.seconds - begin + owed) / len(facts)
            yield [
                cell_of(fact, layer, asked, old, new, item, own.cost(model.layers, layer, len(item.losses[0]), seconds))
                for fact, asked, old, new, item, own in zip(facts, probes, before, after, written, rows, strict=True)
            ]
            begin = count.watch.seconds


def _fact_rows(
    model: LoadedModel,
    facts: Sequence[Fact],
    probes: Sequence[ProbeQuestions],
    layers: Sequence[int],
    editor: Editor,
    settings: Any,
) -> list[FactRows]:
    """What each fact's cells run."""
    if editor.key_value is None:
        return [FactRows.of_training(asked, settings.steps) for asked in probes]
    with model.using("checking the blocks"):
        spared = frozenset(layer for layer in layers if adds_to_residual(model, layer))
    before = prefixes(model, settings.contexts, settings.seed)
    contexts = [Contexts.of(model, fact, before) for fact in facts]
    return [FactRows.of_search(own, asked, spared) for own, asked in zip(contexts, probes, strict=True)]


def _groups(model: LoadedModel, probes: Sequence[ProbeQuestions], layers: Sequence[int]) -> list[Sequence[int]]:
    """The layers in groups whose inputs, for all questions, fit in KEPT_BYTES and in what is free."""
    tokens = sum(len(row) for fact in probes for question in fact.questions for row in question.rows)
    width = model.architecture.blocks[0].down.d_out
    layer_bytes = tokens * width * torch.finfo(model.dtype).bits // 8
    size = max(1, min(KEPT_BYTES, batch_room(model)) // layer_bytes)
    return [layers[first : first + size] for first in range(0, len(layers), size)]
