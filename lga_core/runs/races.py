"""Races joined with the store: their cells are the sweep's, so a race and a sweep repeat nothing of one another."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.results import Pick, Progress, Race, Stored, SweepStep, retold
from lga_core.runs.store import Store
from lga_core.runs.sweeps import finished_sweep, sweep
from lga_core.runs.tasks import Steps, drain
from lga_core.worth import racing
from lga_core.worth.racing import Block, RaceSettings


class _Missing(Exception):
    """A cell that the race needs is not stored."""


def race(model: LoadedModel, facts_name: str, facts: Sequence[Fact], ranking: Pick, editor: str, settings: Any,
         how: RaceSettings, store: Store) -> Steps[tuple[Race, Stored]]:
    """Race the best layers of a ranking; what is stored is not edited again. `settings` None: the editor's defaults."""
    named, fresh = {fact.record: fact for fact in facts}, 0

    def count(step: Progress) -> Progress:
        nonlocal fresh
        fresh += len(step.cells) if isinstance(step, SweepStep) else 0
        return step

    def measure(records: Sequence[int], layers: Sequence[int]) -> Generator[Progress, None, Block]:
        found, _ = yield from retold(sweep(model, facts_name, [named[record] for record in records], layers, editor,
                                           settings, store), count)
        return Block.of(found, records, layers)

    found = yield from racing.race(named, ranking, measure, how)
    return found, _stored(model, facts_name, facts, found, editor, settings, store, found.cells - fresh)


def finished_race(model: LoadedModel, facts_name: str, facts: Sequence[Fact], ranking: Pick, editor: str, settings: Any,
                  how: RaceSettings, store: Store) -> tuple[Race, Stored] | None:
    """The same race from stored cells alone, computing nothing; None where one of its cells is not there."""
    named = {fact.record: fact for fact in facts}

    def measure(records: Sequence[int], layers: Sequence[int]) -> Generator[Progress, None, Block]:
        yield from ()
        found, stored = finished_sweep(model, facts_name, [named[record] for record in records], layers, editor,
                                       settings, store)
        if not stored.complete:
            raise _Missing
        return Block.of(found, records, layers)

    try:
        found = drain(racing.race(named, ranking, measure, how))
    except _Missing:
        return None
    return found, _stored(model, facts_name, facts, found, editor, settings, store, found.cells)


def _stored(model: LoadedModel, facts_name: str, facts: Sequence[Fact], found: Race, editor: str, settings: Any,
            store: Store, reused: int) -> Stored:
    """The sweep's run, which holds the race's cells; complete: the race had all that it asked for."""
    _, stored = finished_sweep(model, facts_name, facts, found.candidates, editor, settings, store)
    return replace(stored, complete=True, rows=found.cells, reused=reused)
