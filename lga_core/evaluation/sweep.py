"""Ground truth: every fact edited at every layer alone, and measured (METHOD §6).

The edits are values: those of one layer share a batch, each acting on its own fact's rows. For the editors that write
a v* at a key the searches of a batch of facts are one optimization as well; the others edit one fact at a time. What
lies below the edited layer is computed once a batch of facts, for many layers.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache
from math import isfinite
from time import perf_counter
from typing import Any

import torch

from lga_core.data.facts import Fact
from lga_core.editing.batch import at_keys, write
from lga_core.editing.editor import Editor, Written
from lga_core.editing.search import Contexts, Search, batches
from lga_core.editing.table import editor_named
from lga_core.editing.values import shared_values
from lga_core.evaluation.forced import Exam, Replies
from lga_core.evaluation.metrics import Quiz, forced_shares, mean_over_groups, prepare
from lga_core.models.halving import Halving
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import batch_room
from lga_core.models.own_text import prefixes
from lga_core.results import METRICS, Cost, Progress, SweepCell, SweepStep, retold

VERSION = 1
LABEL = "sweep"
FACTS_AT_ONCE = 8                            # of an editor that edits one fact at a time: they are measured together
KEPT_BYTES = 512 * 2**20                     # of what blocks were given, where they fit: layers are swept in groups

Steps = Generator[Progress, None, None]


def sweep_cells(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], editor: str, settings: Any,
                done: Collection[tuple[int, int]] = frozenset()) -> Steps:
    """Edit each fact at each layer alone and measure; a `SweepStep` holds the cells of a finished (layer, batch).

    `done` are the (record, layer) that need not be measured. A batch that runs out of memory goes on in halves.
    Raises LgaError for a fact without a new answer, a layer that is not there, or an unknown editor.
    """
    chosen, halving, total = editor_named(editor), Halving(what="The sweep"), len(facts) * len(layers)
    measured = {(fact.record, layer) for fact in facts for layer in layers if (fact.record, layer) in done}

    def sweep_part(part: Sequence[Fact]) -> Generator[Progress, None, Sequence[Fact]]:
        left = [layer for layer in layers if (part[0].record, layer) not in measured]      # the same for all of them
        yield from _sweep_batch(model, part, left, chosen, settings)
        return part

    def tell(step: Progress) -> Progress:
        if isinstance(step, SweepStep):
            measured.update((cell.record, cell.layer) for cell in step.cells)
        if step.label not in (LABEL, f"{halving.what}{halving.told}"):
            return step
        return replace(step, label=f"{LABEL}{halving.told}", done=len(measured), total=total)

    for batch, _wanted in batches_left(model, facts, layers, editor, settings, done):
        yield from retold(halving.steps(sweep_part, batch), tell)


def batches_left(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], editor: str, settings: Any,
                 done: Collection[tuple[int, int]]) -> Iterator[tuple[list[Fact], tuple[int, ...]]]:
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
        yield from (list(facts[first:first + FACTS_AT_ONCE]) for first in range(0, len(facts), FACTS_AT_ONCE))
    else:
        beginnings = prefixes(model, settings.contexts, settings.seed)
        contexts = {place: Contexts.of(model, fact, beginnings) for place, fact in enumerate(facts)}
        yield from ([facts[place] for place in places] for places in batches(model, contexts))


def _sweep_batch(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], editor: Editor,
                 settings: Any) -> Steps:
    begin, quizzes = perf_counter(), []
    for fact in facts:
        quizzes.append(prepare(model, fact))
        yield Progress(label=LABEL, done=0, total=0)
    for group in _groups(model, quizzes, layers):
        with model.using("asking before the edits"):
            exam = Exam.prepare(model, quizzes, group)
            before = exam.before(model)
        search = _search(model, facts, group, settings) if editor.key_value else None
        for layer in group:
            written = yield from edits_at(model, facts, layer, editor, settings, search)
            with model.using("asking after the edits"):
                after = exam.after(model, layer, [item.edit for item in written])
            seconds, begin = (perf_counter() - begin) / len(facts), perf_counter()
            yield SweepStep(label=LABEL, done=0, total=0, cells=tuple(
                _cell(fact, layer, quiz, was, now, item, _cost(model, quiz, layer, item, settings, seconds))
                for fact, quiz, was, now, item in zip(facts, quizzes, before, after, written, strict=True)))


def _groups(model: LoadedModel, quizzes: Sequence[Quiz], layers: Sequence[int]) -> list[Sequence[int]]:
    """The layers in groups whose inputs, for all questions, fit in KEPT_BYTES and in what is free."""
    tokens = sum(len(row) for quiz in quizzes for question in quiz.questions for row in question.rows)
    width = model.architecture.blocks[0].down.d_out
    size = max(1, min(KEPT_BYTES, batch_room(model)) // (tokens * width * torch.finfo(model.dtype).bits // 8))
    return [layers[first:first + size] for first in range(0, len(layers), size)]


def _search(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: Any) -> Callable[[], Search]:
    """One search for all layers of a group, prepared when it is first needed: a v* that is kept needs none."""
    @cache
    def search() -> Search:
        beginnings = prefixes(model, settings.contexts, settings.seed)
        contexts = [Contexts.of(model, fact, beginnings) for fact in facts]
        with model.using("the contexts of v*"):
            return Search.prepare(model, contexts, layers)

    return search


def edits_at(model: LoadedModel, facts: Sequence[Fact], layer: int, editor: Editor, settings: Any,
             search: Callable[[], Search] | None = None) -> Generator[Progress, None, list[Written]]:
    """Each fact's edit alone at one layer; the searches of rank-one editors are one (`search`, where it is there)."""
    if editor.key_value is None:
        return (yield from _one_at_a_time(model, facts, layer, editor, settings))
    return (yield from _together(model, facts, layer, editor, settings, search))


def _together(model: LoadedModel, facts: Sequence[Fact], layer: int, editor: Editor, settings: Any,
              search: Callable[[], Search] | None) -> Generator[Progress, None, list[Written]]:
    how = editor.key_value
    solve = yield from how.prepare(model, layer, settings, ())
    values = yield from retold(
        shared_values(model, facts, layer, settings.value, prefixes(model, settings.contexts, settings.seed),
                      mean_start=not how.bare, prepared=search), _still)
    alone = torch.cat([solve(value.mean_key[None]) for value in values])
    keys, directions = at_keys(how, values, alone)
    return [write(model, layer, keys[[i]], directions[[i]], [value], (), residuals=value.delta[None],
                  targets=value.target[None]) for i, value in enumerate(values)]


def _one_at_a_time(model: LoadedModel, facts: Sequence[Fact], layer: int, editor: Editor,
                   settings: Any) -> Generator[Progress, None, list[Written]]:
    written = []
    for fact in facts:
        one, = yield from retold(editor.run(model, [fact], (layer,), settings, ()), _still)
        written.append(one)
    return written


def _still(_step: Progress) -> Progress:
    """A step within a batch: the sweep is where it was."""
    return Progress(label=LABEL, done=0, total=0)


def _cell(fact: Fact, layer: int, quiz: Quiz, before: Replies, after: Replies, written: Written,
          cost: Cost) -> SweepCell:
    was, now, nll = [], [], []
    for question, old, new in zip(quiz.questions, before, after, strict=True):
        first, second, _best = forced_shares(question, [said.predicted for said in old],
                                             [said.predicted for said in new])
        was.append(first)
        now.append(second)
        nll.append(min(said.nll for said in new))

    def by_metric(values: Sequence[float]) -> dict[str, float | None]:
        means = {name: mean_over_groups(quiz.questions, values, name) for name in METRICS}
        return {name: mean if mean is not None and isfinite(mean) else None for name, mean in means.items()}

    return SweepCell(
        record=fact.record, layer=layer, before=by_metric(was), after=by_metric(now), nll=by_metric(nll),
        probes={name: sum(question.metric == name for question in quiz.questions) for name in METRICS},
        target_error=written.target_errors[0], delta_norm=written.edit.norm, clamped=written.clamped[0],
        losses=written.losses[0], cost=cost)


def _cost(model: LoadedModel, quiz: Quiz, layer: int, written: Written, settings: Any, seconds: float) -> Cost:
    """Rows by the share of blocks that they run through, for an editor's search from nothing."""
    share, evaluations = 1 - layer / model.layers, len(written.losses[0])
    rows = getattr(settings, "contexts", -1) + 2               # the bare prompt and the KL prompt; fine-tuning: one
    asked = sum(len(question.rows) for question in quiz.questions)
    return Cost(seconds=seconds, forward_rows=(evaluations * rows + asked) * share,
                backward_rows=(evaluations - 1) * rows * share)
