"""Stored or computed: what is in the store is read, the rest is claimed, computed and stored as soon as it is finished.

Nothing is held between two rows: the engine takes the model's lock itself, step by step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from lga_core.data.facts import Fact
from lga_core.progress import Phase, Progress, Reporter
from lga_core.results import CausalTrace, EditReport, FactRow, KnownFactCheck, Stored, TokenAttribution
from lga_core.runs.claims import claimed
from lga_core.runs.reading import rows_by_record, stored_answer
from lga_core.runs.storage.store import Run

Row = TypeVar("Row", KnownFactCheck, FactRow)
Answer = TypeVar("Answer", CausalTrace, TokenAttribution, EditReport)


def row_by_row(
    run: Run,
    row_type: type[Row],
    facts: Sequence[Fact],
    phase: Phase,
    compute: Callable[[frozenset[int], Reporter], Iterator[Row]],
    report: Reporter,
    check: Callable[[], None] = lambda: None,
) -> tuple[Row, ...]:
    """One row a fact: the stored ones, and the rest as `compute(records to leave out, reporter)` finishes them.

    `check` is called before a row is stored, and raises where it may not be. Work that is stopped loses what the batch
    that it is in has measured beside.
    """
    rows = rows_by_record(run, row_type, facts)
    if len(rows) == len(facts):
        return tuple(rows[fact.record] for fact in facts)
    run.store.facts.keep(facts)
    names = {fact.record: fact.fingerprint for fact in facts}

    def count_rows(step: Progress) -> None:
        """Report with the count of finished rows. Steps of another phase, as of a text that is read, stay."""
        report(replace(step, done=len(rows), total=len(facts)) if step.phase is phase else step)

    def take_stored() -> None:
        """What others have stored too. A row that was computed here counts also where its run was deleted meanwhile."""
        rows.update(rows_by_record(run, row_type, facts) | rows)

    left = set(names.values())
    while left := left - run.rows(row_type).keys():
        with claimed(run, left, report) as ours:
            take_stored()
            count_rows(Progress(phase=phase, done=0, total=0))
            not_wanted = frozenset(record for record, name in names.items() if record in rows or name not in ours)
            for row in compute(not_wanted, count_rows) if len(not_wanted) < len(facts) else ():
                check()
                run.append(names[row.record], row)
                rows[row.record] = row
                count_rows(Progress(phase=phase, done=0, total=0))
        left -= ours
    take_stored()
    return tuple(rows[fact.record] for fact in facts)


def computed_once(
    run: Run, answer_type: type[Answer], fact: Fact, compute: Callable[[], Answer], report: Reporter
) -> tuple[Answer, Stored]:
    """The answer of a question about one fact: the stored one, or computed and stored whole."""
    if stored := stored_answer(run, answer_type, fact):
        return stored
    while True:
        with claimed(run, [fact.fingerprint], report) as ours:
            if stored := stored_answer(run, answer_type, fact):  # by another one meanwhile
                return stored
            if ours:
                answer = compute()
                run.store.facts.keep([fact])
                run.append(fact.fingerprint, answer)
                run.finish()
                return answer, run.stored(rows=1)
