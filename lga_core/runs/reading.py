"""What the store has of a question, computing nothing: all of it, or what stopped work left. Needs no model."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from lga_core.data.facts import Fact, facts_fingerprint
from lga_core.evaluation.settings import SWEEP_METRICS, ManyEditsSettings, SweepMetrics
from lga_core.probes.questions import dropped_locality, left_out, left_out_of_many
from lga_core.results import (
    CausalTrace,
    EditCheckpoint,
    EditReport,
    FactRow,
    Kind,
    KnownFactCheck,
    ManyEdits,
    ModelIdentity,
    Stored,
    Sweep,
    SweepCell,
    TokenAttribution,
    TrialStage,
)
from lga_core.runs.storage.keys import (
    asked_in_cell,
    cell_place,
    known_facts_run,
    many_edits_run,
    measurement_run,
    stage_name,
    sweep_run,
    trace_run,
)
from lga_core.runs.storage.store import Run, Store
from lga_core.scores.settings import CmaSettings

Row = TypeVar("Row", KnownFactCheck, FactRow, CausalTrace, TokenAttribution, EditReport)


def rows_by_record(run: Run, row_type: type[Row], facts: Sequence[Fact]) -> dict[int, Row]:
    """Stored rows of these facts, in the facts' order.

    The store knows facts by content: the same fact may have another record number in the file of today.
    """
    stored = run.rows(row_type)
    return {
        fact.record: replace(stored[fact.fingerprint], record=fact.record)
        for fact in facts
        if fact.fingerprint in stored
    }


def stored_known_facts(model: ModelIdentity, facts: Sequence[Fact], store: Store) -> dict[int, KnownFactCheck]:
    """The known-fact checks of those of the facts that were checked, by record."""
    return rows_by_record(known_facts_run(model, store), KnownFactCheck, facts)


def choose_known(model: ModelIdentity, facts: Sequence[Fact], limit: int, store: Store) -> tuple[Fact, ...] | None:
    """The first `limit` facts that the model knows, in order; None where a fact must be checked to tell."""
    checks = stored_known_facts(model, facts, store)
    chosen: list[Fact] = []
    for fact in facts:
        if len(chosen) == limit:
            break
        if fact.record not in checks:
            return None
        if checks[fact.record].known:
            chosen.append(fact)
    return tuple(chosen)


def finished_rows(
    model: ModelIdentity, facts_name: str, facts: Sequence[Fact], measurement: str, settings: Any, store: Store
) -> tuple[tuple[FactRow, ...], Stored]:
    """A measurement's rows, in the facts' order. Where one cannot be read, the run is not complete."""
    run = measurement_run(model, facts_name, facts, measurement, settings, store)
    rows = tuple(rows_by_record(run, FactRow, facts).values())
    stored = run.stored(rows=len(rows), reused=len(rows))
    return rows, replace(stored, complete=stored.complete and len(rows) == len(facts))


def begun_trial(run: Run, fact: Fact) -> TrialStage | None:
    """How far a trial that was stopped had come; None where none of its stages is stored."""
    stages = run.rows(TrialStage)
    name = fact.fingerprint
    reached = [stage for of, stage in stages.items() if of == stage_name(name, len(stage.missing))]
    if not reached:
        return None
    furthest = min(reached, key=lambda stage: len(stage.missing))
    return replace(furthest, report=replace(furthest.report, record=fact.record))


def finished_sweep(
    model: ModelIdentity,
    facts_name: str,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    store: Store,
    *,
    metrics: SweepMetrics = SWEEP_METRICS,
    reused: int | None = None,
    run: Run | None = None,
) -> tuple[Sweep, Stored]:
    """A sweep, NaN where a cell is missing.

    `reused`: how many of its cells were there before it was asked for, where not all of them were. `run`: where its
    cells were stored just now; the text that its key names may be another one since.
    """
    run = run or sweep_run(model, editor, settings, store, metrics)
    sweep = Sweep.of(
        stored_cells(run, facts, metrics.probes),
        [fact.record for fact in facts],
        layers,
        editor,
        asdict(settings),
        answers=metrics.answers,
        left_out=left_out(facts, metrics.probes),
        dropped_locality=dropped_locality(facts),
    )
    measured = int((sweep.measured == 1).sum())
    asked = replace(run.provenance, facts=facts_name, facts_fingerprint=facts_fingerprint(facts))
    return sweep, Stored(
        provenance=asked,
        complete=sweep.complete,
        rows=measured,
        reused=measured if reused is None else min(reused, measured),
    )


def stored_cells(run: Run, facts: Sequence[Fact], per_group: int | None) -> list[SweepCell]:
    """A sweep's stored cells of these facts with at most so many probes a group, under the facts' own records."""
    records: dict[tuple[str, str], list[int]] = {}
    for fact in facts:
        records.setdefault((fact.fingerprint, asked_in_cell(fact, per_group)), []).append(fact.record)
    cells = ((cell_place(name), cell) for name, cell in run.rows(SweepCell).items())
    return [
        replace(cell, record=record)
        for (fingerprint, _layer, asked), cell in cells
        for record in records.get((fingerprint, asked), ())
    ]


def finished_many_edits(
    model: ModelIdentity,
    facts_name: str,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    how: ManyEditsSettings,
    store: Store,
    *,
    reused: int | None = None,
    run: Run | None = None,
) -> tuple[ManyEdits, Stored]:
    """A run of many edits, as far as it is. Where a checkpoint cannot be read, it is not complete.

    `reused`: how many checkpoints were there before it was asked for. `run`: as for `finished_sweep`.
    """
    run = run or many_edits_run(model, facts_name, facts, layers, editor, settings, how, store)
    rows = run.rows(EditCheckpoint).values()
    result = ManyEdits(
        editor=editor,
        layers=tuple(sorted(layers)),
        settings=asdict(settings),
        how=asdict(how),
        planned=len(facts),
        places=how.checkpoints(len(facts)),
        checkpoints=tuple(sorted(rows, key=lambda row: row.edits)),
        left_out=left_out_of_many(facts, how.rephrases, how.locality),
        dropped_locality=dropped_locality(facts),
    )
    stored = run.stored(rows=len(rows), reused=len(rows) if reused is None else reused)
    return result, replace(stored, complete=stored.complete and result.complete)


def finished_traces(
    model: ModelIdentity,
    facts_name: str,
    facts: Sequence[Fact],
    kind: Kind,
    settings: CmaSettings,
    noise_facts: Sequence[Fact],
    store: Store,
) -> list[tuple[CausalTrace, Stored]]:
    """The full traces that are stored of these facts, in the facts' order; each is a run of its own."""
    asked = [(fact, trace_run(model, facts_name, fact, kind, settings, noise_facts, store)) for fact in facts]
    stored = [stored_answer(run, CausalTrace, fact) for fact, run in asked]
    return [found for found in stored if found is not None]


def stored_answer(run: Run, answer_type: type[Row], fact: Fact) -> tuple[Row, Stored] | None:
    """The answer of a question about one fact; None where it is not stored."""
    answer = rows_by_record(run, answer_type, [fact]).get(fact.record)
    return None if answer is None else (answer, run.stored(rows=1, reused=1))
