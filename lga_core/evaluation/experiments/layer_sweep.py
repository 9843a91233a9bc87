"""Ground truth: every fact edited at every layer alone, and measured (METHOD.md §6).

The edits are values: those of one layer share a batch, each acting on its own fact's rows. For the editors that write
a v* at a key the searches of a batch of facts, at some layers, are one optimization as well; the others edit one fact
at a time. What lies below the edited layer is computed once a batch of facts, for many layers.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.batch import at_keys, residuals_at, write
from lga_core.editing.editors.editor import KeyValue, Written
from lga_core.editing.search.search import Contexts, Search, batches, search_tokens
from lga_core.editing.search.value import Value, layers_in_words
from lga_core.editing.search.values import shared_values, values_at_layers
from lga_core.editing.table import Editor, editor_named
from lga_core.evaluation.experiments.sweep_cell import cell_cost, cell_of
from lga_core.evaluation.metrics.asking import ProbeQuestions, probe_questions
from lga_core.evaluation.metrics.forced import ForcedProbes
from lga_core.evaluation.settings import SWEEP_METRICS, SweepMetrics
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.halving import Halving
from lga_core.models.running.memory import batch_room, batch_tokens, gradient_bytes
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import SweepCell

FACTS_AT_ONCE = 8  # of an editor that edits one fact at a time: they are measured together
TOKENS_TOGETHER = 256  # of a step of a search that several layers share: more fill matrix products hardly better
KEPT_BYTES = 512 * 2**20  # of what blocks were given, where they fit: layers are swept in groups


@dataclass(kw_only=True)
class CellCount:
    """Counts the finished cells of a sweep, and reports the steps of its parts as steps of the sweep."""

    report: Reporter
    done: int
    total: int
    halving: Halving

    def step(self, detail: str) -> None:
        """Report where the sweep is, and what it is at."""
        self.report(
            Progress(
                phase=Phase.SWEEP,
                done=self.done,
                total=self.total,
                detail=", ".join(filter(None, (detail, self.halving.detail))),
            )
        )

    def during(self, detail: str) -> Reporter:
        """The reporter of a part. Work that comes before the cells, as second moments, keeps its own count."""
        return lambda step: self.step(detail) if step.phase in (Phase.EDIT, Phase.PROBES) else self.report(step)


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
    count = CellCount(report=report, done=len(measured), total=len(facts) * len(layers), halving=halving)

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
    begin = perf_counter()
    probes = []
    for fact in facts:
        probes.append(probe_questions(model, fact, answers=metrics.answers, per_group=metrics.probes))
        count.step("preparing the probes")
    for group in _groups(model, probes, layers):
        asking = count.during("probes before the edits")
        forced = ForcedProbes.prepare(model, probes, group, report=asking)
        before = forced.before(model, report=asking)
        for layer, written, owed in _edits(model, facts, group, editor, settings, count):
            after = forced.after(
                model, layer, [item.edit for item in written], report=count.during(f"layer {layer}: probes")
            )
            seconds = (perf_counter() - begin + owed) / len(facts)
            yield [
                cell_of(fact, layer, asked, old, new, item, cell_cost(model, asked, layer, item, settings, seconds))
                for fact, asked, old, new, item in zip(facts, probes, before, after, written, strict=True)
            ]
            begin = perf_counter()


def _groups(model: LoadedModel, probes: Sequence[ProbeQuestions], layers: Sequence[int]) -> list[Sequence[int]]:
    """The layers in groups whose inputs, for all questions, fit in KEPT_BYTES and in what is free."""
    tokens = sum(len(row) for fact in probes for question in fact.questions for row in question.rows)
    width = model.architecture.blocks[0].down.d_out
    layer_bytes = tokens * width * torch.finfo(model.dtype).bits // 8
    size = max(1, min(KEPT_BYTES, batch_room(model)) // layer_bytes)
    return [layers[first : first + size] for first in range(0, len(layers), size)]


def _edits(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: Editor,
    settings: Any,
    count: CellCount,
) -> Iterator[tuple[int, list[Written], float]]:
    """The facts' edits, layer by layer; of the editors that write a v* at a key some layers' searches are one.

    With the seconds that a layer owes: its part of the search that ran before the first of them.
    """
    how = editor.key_value
    if how is None:
        for layer in layers:
            report = count.during(f"layer {layer}: edits")
            yield layer, edits_at(model, facts, layer, editor, settings, report=report), 0.0
        return
    before = prefixes(model, settings.contexts, settings.seed)
    contexts = [Contexts.of(model, fact, before) for fact in facts]

    @cache
    def search() -> Search:  # when it is first needed: a v* that is kept needs none
        with model.using("the contexts of v*"):
            return Search.prepare(model, contexts, layers)

    for together in _together(model, contexts, layers):
        begin = perf_counter()
        values = values_at_layers(
            model,
            facts,
            together,
            settings.value,
            before,
            search,
            mean_start=how.mean_start(settings),
            report=count.during(f"{layers_in_words(together)}: v*"),
        )
        spent = perf_counter() - begin
        for layer in together:
            report = count.during(f"layer {layer}: v*")
            owed = spent / len(together) - (spent if layer == together[0] else 0)
            yield layer, _written(model, layer, how, settings, values[layer], report=report), owed


def _together(model: LoadedModel, contexts: Sequence[Contexts], layers: Sequence[int]) -> list[Sequence[int]]:
    """The layers in groups, each searched at once: as many as fill a batch."""
    most = batch_tokens(model, "The search for v*", gradient_bytes(model), TOKENS_TOGETHER)
    size = max(1, most // search_tokens(contexts))
    return [layers[first : first + size] for first in range(0, len(layers), size)]


def edits_at(
    model: LoadedModel,
    facts: Sequence[Fact],
    layer: int,
    editor: Editor,
    settings: Any,
    *,
    report: Reporter = silent,
) -> list[Written]:
    """Each fact's edit alone at one layer; the searches of editors that write a v* at a key are one."""
    how = editor.key_value
    if how is None:
        return [editor.run(model, [fact], (layer,), settings, (), report=report)[0] for fact in facts]
    before = prefixes(model, settings.contexts, settings.seed, report=report)
    values = shared_values(
        model, facts, layer, settings.value, before, mean_start=how.mean_start(settings), report=report
    )
    return _written(model, layer, how, settings, values, report=report)


def _written(
    model: LoadedModel, layer: int, how: KeyValue, settings: Any, values: Sequence[Value], *, report: Reporter
) -> list[Written]:
    """Each value's edit alone."""
    solve = how.prepare(model, layer, settings, (), report=report)
    alone = torch.cat([solve(value.mean_key[None]) for value in values])  # (facts, d_in)
    keys, directions = at_keys(how, values, alone)
    residuals = residuals_at(model, layer, how, settings, keys, values, ())
    return [
        write(
            model,
            layer,
            keys[[i]],
            directions[[i]],
            [value],
            (),
            residuals=residuals[[i]],
            targets=value.target[None],
        )
        for i, value in enumerate(values)
    ]
