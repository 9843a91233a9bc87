"""What became of every record of a set: one line each, gravest outcome first, with the flags that readers look for."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lga_core.data.checking.checks import is_no_op
from lga_core.data.facts import Action, Fact, FactSet

_GRAVITY: tuple[Action, ...] = ("kept", "probe dropped", "record skipped")


@dataclass(frozen=True, kw_only=True)
class RecordReport:
    """One record. A skipped one has no fact, so no prompt and no flag."""

    record: int
    outcome: Action  # the gravest of what was done about it
    prompt: str | None
    duplicate: bool  # an earlier record has the same prompt
    no_op: bool  # the new answer is an accepted old one: an edit would change nothing
    problems: tuple[str, ...]  # the gravest first

    @property
    def flags(self) -> tuple[str, ...]:
        """What readers look for, in words."""
        flags = (("duplicate", self.duplicate), ("no-op", self.no_op))
        return tuple(word for word, holds in flags if holds)


KINDS: Mapping[str, Callable[[RecordReport], bool]] = {
    "all records": lambda record: True,
    "with a note": lambda record: bool(record.problems),
    "probe dropped": lambda record: record.outcome == "probe dropped",
    "skipped": lambda record: record.outcome == "record skipped",
    "duplicate": lambda record: record.duplicate,
    "no-op": lambda record: record.no_op,
}


def by_record(facts_read: FactSet) -> tuple[RecordReport, ...]:
    """Every record of the set, those without any problem too, in the order of their numbers."""
    facts: dict[int, Fact] = {}
    seen: set[str] = set()
    repeated: set[int] = set()
    for fact in facts_read.facts:
        facts[fact.record] = fact
        if fact.prompt in seen:
            repeated.add(fact.record)
        seen.add(fact.prompt)
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
                duplicate=record in repeated,
                no_op=fact is not None and fact.target_new is not None and is_no_op(fact.target_new, fact.target_old),
                problems=tuple(problem.problem for problem in noted),
            )
        )
    return tuple(reports)
