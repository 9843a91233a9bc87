"""What became of every record of a set: one line each, gravest outcome first, with the flags that readers look for."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lga_core.data.checking.checks import is_no_op
from lga_core.data.facts import Action, FactSet

_GRAVITY: tuple[Action, ...] = ("kept", "probe dropped", "record skipped")


@dataclass(frozen=True, kw_only=True)
class RecordReport:
    """One record. A skipped one has no fact, so no prompt and no flag."""

    record: int
    outcome: Action  # the gravest of what was done about it
    prompt: str | None
    flags: tuple[str, ...]  # "duplicate": an earlier record has the same prompt; "no-op": an edit would change nothing
    problems: tuple[str, ...]  # the gravest first


KINDS: Mapping[str, Callable[[RecordReport], bool]] = {
    "all records": lambda record: True,
    "with a note": lambda record: bool(record.problems),
    "probe dropped": lambda record: record.outcome == "probe dropped",
    "skipped": lambda record: record.outcome == "record skipped",
    "duplicate": lambda record: "duplicate" in record.flags,
    "no-op": lambda record: "no-op" in record.flags,
}


def by_record(facts_read: FactSet) -> tuple[RecordReport, ...]:
    """Every record of the set, those without any problem too, in the order of their numbers."""
    facts = {fact.record: fact for fact in facts_read.facts}
    flags: dict[int, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for fact in facts_read.facts:
        if fact.prompt in seen:
            flags[fact.record].append("duplicate")
        seen.add(fact.prompt)
        if fact.target_new is not None and is_no_op(fact.target_new, fact.target_old):
            flags[fact.record].append("no-op")
    problems = defaultdict(list)
    for problem in facts_read.problems:
        problems[problem.record].append(problem)
    reports = []
    for record in sorted({*facts, *problems}):
        fact = facts.get(record)
        noted = sorted(problems.get(record, []), key=lambda problem: -_GRAVITY.index(problem.action))
        reports.append(
            RecordReport(
                record=record,
                outcome=noted[0].action if noted else "kept",
                prompt=fact.prompt if fact else None,
                flags=tuple(flags[record]),
                problems=tuple(problem.problem for problem in noted),
            )
        )
    return tuple(reports)
