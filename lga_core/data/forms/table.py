"""Facts as rows of plain cells, and edited rows as facts again, through the same checks as an upload.

Several values share a cell with " | " between them, a probe is "prompt => answer". A cell that nobody changed keeps
its fact's values exactly, also where they hold such a separator and where a probe has more answers than are shown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lga_core.data.facts import Fact, FactSet, Probe, Problem
from lga_core.data.load import Table, probe_groups, record_of, repeated
from lga_core.data.readers.flat import PROBE_GROUPS

BETWEEN = " | "
ARROW = "=>"
RECORD = "record"
CELLS = ("prompt", "subject", "target_old", "target_new", "rephrases", "locality", "portability", "relation")
_KEYS = {"target_old": "ground_truth", "rephrases": "rephrase_prompt"}  # what a record calls a cell


def to_rows(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """One row a fact: its record number and a text for each of CELLS, "" for what it does not have."""
    return [{RECORD: fact.record} | _cells(fact) for fact in facts]


def from_rows(before: FactSet, rows: Sequence[Mapping[str, Any]]) -> FactSet:
    """The rows as a set. A row with the record number of a fact of `before` is that fact with the cells that differ.

    Rows without a number are numbered on; those without any text are passed over. What is wrong with a changed row is
    in the set's `problems`, by its number; what was noted about the others stays there.
    """
    known = {fact.record: fact for fact in before.facts}
    free = max(known, default=-1) + 1
    kept: dict[int, Fact] = {}
    records: dict[int, Any] = {}
    for row in rows:
        cells = {name: (row.get(name) or "").strip() for name in CELLS}
        fact = known.pop(row.get(RECORD), None)
        if not any(cells.values()):
            continue
        if fact is not None and cells == _stripped(fact):
            kept[fact.record] = fact
            continue
        records[free if fact is None else fact.record] = _record(cells, fact)
        free += fact is None
    read = Table(name=before.name, records=tuple(records.values()), numbers=tuple(records)).facts()
    facts = sorted((*kept.values(), *read.facts), key=lambda fact: fact.record)
    problems = [problem for problem in before.problems if problem.record in kept]
    problems += [*read.problems, *_repeated(kept.values(), read.facts)]
    problems.sort(key=lambda problem: problem.record)
    return FactSet(name=before.name, facts=tuple(facts), n_records=len(kept) + len(records), problems=tuple(problems))


def _repeated(kept: Iterable[Fact], read: Iterable[Fact]) -> Iterator[Problem]:
    """Changed rows that now have the prompt of an unchanged one."""
    there = {fact.prompt: fact.record for fact in kept}
    for fact in read:
        if fact.prompt in there:
            yield Problem(record=fact.record, problem=repeated(fact, there[fact.prompt]), action="kept")


def changed(before: FactSet, after: FactSet) -> tuple[set[int], set[int]]:
    """Record numbers of what is new or different in `after`, unusable rows included, and of what it no longer has."""
    earlier = {fact.record: fact for fact in before.facts}
    later = {fact.record: fact for fact in after.facts}
    skipped = {problem.record for problem in after.problems if problem.action == "record skipped"}
    return (
        {record for record, fact in later.items() if earlier.get(record) != fact} | skipped,
        set(earlier) - set(later) - skipped,
    )


def _cells(fact: Fact) -> dict[str, str]:
    return {
        "prompt": fact.prompt,
        "subject": fact.subject,
        "target_old": BETWEEN.join(fact.target_old),
        "target_new": fact.target_new or "",
        "rephrases": BETWEEN.join(fact.rephrases),
        "locality": BETWEEN.join(map(_words, fact.locality)),
        "portability": BETWEEN.join(map(_words, fact.portability)),
        "relation": fact.relation or "",
    }


def _stripped(fact: Fact) -> dict[str, str]:
    """The cells as they come back from a form."""
    return {name: cell.strip() for name, cell in _cells(fact).items()}


def _words(probe: Probe) -> str:
    return f"{probe.prompt} {ARROW} {probe.accepted[0]}" if probe.accepted else probe.prompt


def _record(cells: Mapping[str, str], fact: Fact | None) -> dict[str, Any]:
    """The record to read: the fact's own values, and parsed ones for the cells that say something else."""
    record: dict[str, Any] = {"target_new": None} if fact is None else record_of(fact)
    shown = dict.fromkeys(CELLS, "") if fact is None else _stripped(fact)
    for name, cell in cells.items():
        if cell == shown[name]:
            continue
        if name in PROBE_GROUPS:
            record[name] = _probes(cell, name, () if fact is None else getattr(fact, name))
        elif name in _KEYS:
            record[_KEYS[name]] = [value.strip() for value in cell.split(BETWEEN) if value.strip()]
        else:
            record[name] = cell
    return record


def _probes(cell: str, metric: str, before: Sequence[Probe]) -> dict[str, list[dict[str, Any]]]:
    """Probes whose words are unchanged stay whole; another answer to a known prompt stays in that prompt's group."""
    whole = {_words(probe): probe for probe in before}
    groups = {probe.prompt: probe.group for probe in before}
    probes = []
    for words in filter(None, map(str.strip, cell.split(BETWEEN))):
        prompt, _, answer = (part.strip() for part in words.partition(ARROW))
        probes.append(
            whole.get(words)
            or Probe(
                prompt=prompt, answers=((answer,),) if answer else (), group=groups.get(prompt, PROBE_GROUPS[metric])
            )
        )
    return probe_groups(probes)
