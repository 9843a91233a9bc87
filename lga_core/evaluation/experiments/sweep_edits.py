"""The edits of a sweep: each fact's edit alone, at one layer after another.

For the editors that write a v* at a key, the searches of a batch of facts at some layers are one optimization. Of the
others, which train ΔW, a batch of facts is trained together at one layer.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.editors.batch import write_values
from lga_core.editing.editors.editor import KeyValue, Written
from lga_core.editing.editors.rank_one import prepare_moments
from lga_core.editing.search.contexts import Contexts, search_tokens
from lga_core.editing.search.search import Search
from lga_core.editing.search.value import Value, layer_span
from lga_core.editing.search.values import shared_values, values_at_layers
from lga_core.editing.table import Editor
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.memory import batch_tokens, gradient_bytes
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Reporter, silent
from lga_core.scores.steps import Stopwatch

TOKENS_TOGETHER = 256  # of a step of a search that several layers share: more fill matrix products hardly better


def edits_by_layer(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: Editor,
    settings: Any,
    during: Callable[[str], Reporter],
    watch: Stopwatch,
) -> Iterator[tuple[int, list[Written], float]]:
    """The facts' edits, layer by layer; of the editors that write a v* at a key some layers' searches are one.

    Yields (layer, its edits, seconds to add to the time that the layer took). A search that several layers share runs
    in the time of the first of them: each gets an equal part of it added, and the first has the whole taken off.
    `during` gives the reporter of a part by what it is at; `watch` is the one that all of them report through.
    """
    how = editor.key_value
    if how is None:
        for layer in layers:
            report = during(f"layer {layer}: edits")
            yield layer, edits_at(model, facts, layer, editor, settings, report=report), 0.0
        return
    prepare_moments(model, layers, settings, report=during("second moments"))
    before = prefixes(model, settings.contexts, settings.seed)
    contexts = [Contexts.of(model, fact, before) for fact in facts]

    @cache
    def search() -> Search:  # when it is first needed: a v* that is kept needs none
        with model.using("the contexts of v*"):
            return Search.prepare(model, contexts, layers)

    for together in _together(model, contexts, layers):
        begin = watch.seconds
        values = values_at_layers(
            model,
            facts,
            together,
            settings.value,
            before,
            search,
            mean_start=how.mean_start(settings),
            report=during(f"{layer_span(together)}: v*"),
        )
        spent = watch.seconds - begin
        for layer in together:
            report = during(f"layer {layer}: v*")
            owed = spent / len(together) - (spent if layer == together[0] else 0)
            yield layer, _written(model, layer, how, settings, values[layer], report=report), owed


def edits_at(
    model: LoadedModel,
    facts: Sequence[Fact],
    layer: int,
    editor: Editor,
    settings: Any,
    *,
    report: Reporter = silent,
) -> list[Written]:
    """Each fact's edit alone at one layer; their searches, or their training, share batches."""
    how = editor.key_value
    if how is None:
        return editor.each_alone(model, facts, layer, settings, report=report)
    before = prefixes(model, settings.contexts, settings.seed, report=report)
    values = shared_values(
        model, facts, layer, settings.value, before, mean_start=how.mean_start(settings), report=report
    )
    return _written(model, layer, how, settings, values, report=report)


def _together(model: LoadedModel, contexts: Sequence[Contexts], layers: Sequence[int]) -> list[Sequence[int]]:
    """The layers in groups, each searched at once: as many as fill a batch."""
    most = batch_tokens(model, "The search for v*", gradient_bytes(model), TOKENS_TOGETHER)
    size = max(1, most // search_tokens(contexts))
    return [layers[first : first + size] for first in range(0, len(layers), size)]


def _written(
    model: LoadedModel, layer: int, how: KeyValue, settings: Any, values: Sequence[Value], *, report: Reporter
) -> list[Written]:
    """Each value's edit alone."""
    solve = how.prepare(model, layer, settings, (), report=report)
    return [write_values(model, layer, how, settings, [value], solve, ()) for value in values]
