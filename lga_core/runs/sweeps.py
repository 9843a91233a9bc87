"""Sweeps joined with the store: every finished batch of cells is kept at once, whatever set of facts asked for it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from lga_core.data.facts import Fact, facts_fingerprint
from lga_core.editing.table import editor_named
from lga_core.evaluation import sweep as evaluation
from lga_core.evaluation.sweep import sweep_cells
from lga_core.models.loaded import LoadedModel
from lga_core.models.texts import IDENTITY, content_key
from lga_core.results import Stored, Sweep, SweepCell, SweepStep
from lga_core.runs.provenance import provenance
from lga_core.runs.store import Run, Store
from lga_core.runs.tasks import Steps


def sweep(model: LoadedModel, facts_name: str, facts: Sequence[Fact], layers: Sequence[int], editor: str,
          settings: Any, store: Store, measure: Callable[..., Steps] = sweep_cells) -> Steps[tuple[Sweep, Stored]]:
    """Every fact at every layer; what is stored is not edited again. `settings` None: the editor's defaults.

    `measure` is `sweep_cells` or takes its place, elsewhere than in this process.
    """
    settings = settings or editor_named(editor).settings()
    run, names = _run(model, editor, settings, store), {fact.record: fact.fingerprint for fact in facts}
    kept = _cells(run, facts)
    done = {(cell.record, cell.layer) for cell in kept if cell.layer in layers}
    with closing(measure(model, facts, layers, editor, settings, done)) as steps:
        for step in steps:
            if isinstance(step, SweepStep):
                run.extend({_name(names[cell.record], cell.layer): cell for cell in step.cells})
            yield step
    return finished_sweep(model, facts_name, facts, layers, editor, settings, store, reused=len(done))


def finished_sweep(model: LoadedModel, facts_name: str, facts: Sequence[Fact], layers: Sequence[int], editor: str,
                   settings: Any, store: Store, *, reused: int | None = None) -> tuple[Sweep, Stored]:
    """What the store has of it, computing nothing: all of it, or what a stopped sweep left."""
    settings = settings or editor_named(editor).settings()
    run = _run(model, editor, settings, store)
    found = Sweep.of(_cells(run, facts), [fact.record for fact in facts], layers, editor, asdict(settings))
    rows = int((found.measured == 1).sum())
    asked = replace(run.provenance, facts=facts_name, facts_fingerprint=facts_fingerprint(facts))
    return found, Stored(provenance=asked, complete=found.complete, rows=rows,
                         reused=rows if reused is None else min(reused, rows))


def _run(model: LoadedModel, editor: str, settings: Any, store: Store) -> Run:
    """One run for a model, an editor and its settings: sets, their parts and their orders share its cells."""
    return store.open(provenance(
        model, "every fact swept", (), method=f"sweep-{editor}", version=editor_named(editor).version,
        settings={**asdict(settings), "sweep_version": evaluation.VERSION,
                  "text": content_key(getattr(settings, "covariance", IDENTITY))}))


def _cells(run: Run, facts: Sequence[Fact]) -> list[SweepCell]:
    """Stored cells of these facts; the store knows facts by content, records are those of today's file."""
    records: dict[str, list[int]] = {}
    for fact in facts:
        records.setdefault(fact.fingerprint, []).append(fact.record)
    return [replace(cell, record=record) for name, cell in run.rows(SweepCell).items()
            for record in records.get(name.partition("/")[0], ())]


def _name(fingerprint: str, layer: int) -> str:
    return f"{fingerprint}/{layer}"
