"""Races joined with the store: their cells are the sweep's, so a race and a sweep repeat nothing of one another."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Reporter, silent
from lga_core.results import Pick, Race, Stored
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.reading import finished_sweep
from lga_core.runs.storage.store import Store
from lga_core.worth import racing
from lga_core.worth.racing import RaceBlock, RaceSettings


def race(
    model: LoadedModel,
    facts_name: str,
    facts: Sequence[Fact],
    ranking: Pick,
    editor: str,
    settings: Any,
    how: RaceSettings,
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[Race, Stored]:
    """Race the best layers of a ranking; what is stored is not edited again.

    The pointer is to the sweep's run, which holds the race's cells; complete: the race had all that it asked for.
    """
    by_record = {fact.record: fact for fact in facts}
    reused = 0

    def measure(records: Sequence[int], layers: Sequence[int], report: Reporter) -> RaceBlock:
        nonlocal reused
        block, stored = sweep(
            model, facts_name, [by_record[record] for record in records], layers, editor, settings, store, report=report
        )
        reused += stored.reused
        return RaceBlock.of(block, records, layers)

    result = racing.race(by_record, ranking, measure, how, report=report)
    _, stored = finished_sweep(model.identity, facts_name, facts, result.candidates, editor, settings, store)
    return result, replace(stored, complete=True, rows=result.cells, reused=reused)
