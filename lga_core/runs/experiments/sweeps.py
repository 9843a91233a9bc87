"""Sweeps joined with the store: every finished cell is stored at once, whatever set of facts asked for it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.table import editor_named
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.settings import SWEEP_METRICS, SweepMetrics
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, Reporter, counted_on, silent
from lga_core.results import Stored, Sweep, SweepCell
from lga_core.runs.claims import claimed
from lga_core.runs.reading import finished_sweep
from lga_core.runs.storage.keys import asked_in_cell, cell_name, check_text, sweep_run
from lga_core.runs.storage.store import Store


def sweep(
    model: LoadedModel,
    facts_name: str,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    store: Store,
    cells: Callable[..., Iterator[SweepCell]] = sweep_cells,
    *,
    metrics: SweepMetrics = SWEEP_METRICS,
    report: Reporter = silent,
) -> tuple[Sweep, Stored]:
    """Every fact at every layer; what is stored is not edited again. `settings` None: the editor's defaults.

    `cells` is `sweep_cells` or takes its place, to measure elsewhere than in this process. Raises LgaError where the
    editor cannot write a fact, before the first, and where the text of the second moments changes meanwhile.
    """
    chosen = editor_named(editor)
    for fact in facts:  # before anything is named by what a fact asks: one without a new answer asks nothing
        chosen.check(model, [fact], layers)
    settings = settings or chosen.settings()
    run = sweep_run(model.identity, editor, settings, store, metrics)
    names = {
        (fact.record, layer): cell_name(fact.fingerprint, layer, asked)
        for fact in facts
        for asked in [asked_in_cell(fact, metrics.probes)]
        for layer in layers
    }
    places = {name: place for place, name in names.items()}  # one a cell, also where a fact stands there twice
    store.facts.keep(facts)
    computed = 0
    left = set(places)
    while left := left - run.rows(SweepCell).keys():
        with claimed(run, left, report) as ours:
            missing = ours - run.rows(SweepCell).keys()
            elsewhere = len(left - ours)
            done = names.keys() - {places[name] for name in missing}
            counted = counted_on(report, Phase.SWEEP, -elsewhere)  # what somebody else computes is not done yet
            for cell in cells(model, facts, layers, editor, settings, done, metrics=metrics, report=counted):
                check_text(run, settings)
                run.append(names[cell.record, cell.layer], cell)
                computed += 1
        left -= ours
    return finished_sweep(
        model.identity,
        facts_name,
        facts,
        layers,
        editor,
        settings,
        store,
        metrics=metrics,
        reused=len(names) - computed,
        run=run,
    )
