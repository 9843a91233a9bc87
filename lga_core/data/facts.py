"""What a fact is: a prompt about a subject, its old and new answer, and the probes that judge an edit."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal

Action = Literal["kept", "probe dropped", "record skipped"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A prompt with its accepted answers. `answers` is () where the data names none."""

    prompt: str
    answers: tuple[tuple[str, ...], ...]  # distinct right answers, each with its aliases
    group: str  # "Relation_Specificity", "Reasoning", …

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every accepted answer and alias, in order."""
        return tuple(alias for answer in self.answers for alias in answer)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One fact. Without `target_new` it can be traced but not edited."""

    record: int  # 0-based index in its file
    prompt: str
    subject: str  # exactly as it stands in the prompt
    span: tuple[int, int]  # characters of the subject's last occurrence in the prompt
    target_new: str | None
    target_old: tuple[str, ...] = ()  # accepted old answers, the canonical one first
    rephrases: tuple[str, ...] = ()
    locality: tuple[Probe, ...] = ()
    portability: tuple[Probe, ...] = ()
    relation: str | None = None
    # Locality probes that reading left out, for they expect the new answer; None: not recorded. Not part of the fact.
    dropped_locality: int | None = field(default=None, compare=False)

    @cached_property
    def fingerprint(self) -> str:
        """Content hash, without the record number: the same fact in another file is the same fact."""
        content = {key: value for key, value in asdict(self).items() if key not in ("record", "dropped_locality")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something found in a record, and what was done about it."""

    record: int
    problem: str
    action: Action


@dataclass(frozen=True, kw_only=True)
class FactSet:
    """Facts read from one source, with everything that was wrong with it."""

    name: str
    facts: tuple[Fact, ...]
    n_records: int
    problems: tuple[Problem, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        return facts_fingerprint(self.facts)

    @cached_property
    def mark(self) -> str:
        """Tells this set from all others in this process, also from the same facts under other record numbers."""
        return f"{self.fingerprint}-{hash((tuple(fact.record for fact in self.facts), self.problems)):x}"

    def by_record(self, record: int) -> Fact | None:
        return next((fact for fact in self.facts if fact.record == record), None)


def facts_fingerprint(facts: Sequence[Fact]) -> str:
    """Content hash of facts in their order."""
    return hashlib.sha256("".join(fact.fingerprint for fact in facts).encode()).hexdigest()


def fact_label(fact: Fact) -> str:
    """A fact in a few words: what it is about, and what would change."""
    old = fact.target_old[0] if fact.target_old else "?"
    return f"{fact.subject}: {old} → {fact.target_new}" if fact.target_new else f"{fact.subject}: {old}"
