"""What may be wrong with a record that could be read, and what is done about it. Nothing vanishes silently."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lga_core.data.answers import expects, is_one_of
from lga_core.data.drafts import Draft, Notes, Unusable, quoted
from lga_core.data.facts import Fact, Probe, Problem
from lga_core.data.spans import find_subject

PROBES_PER_GROUP = 10
"""Some records have 154 probes and most a handful: without a cap a few facts take most of an evaluation's time."""
_OVER_CAP = "over the cap of"


@dataclass(frozen=True)
class Room:
    """How many probes a record may still have in each group: the first `cap` that are fit, None for all."""

    cap: int | None
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)

    def takes(self, metric: str, probe: Probe) -> bool:
        """Whether this probe still fits; it is counted either way."""
        self.taken[metric, probe.group] += 1
        return self.cap is None or self.taken[metric, probe.group] <= self.cap

    def note(self, notes: Notes) -> None:
        """One problem a record, whatever the number of probes that were left out."""
        over = {key: count - self.cap for key, count in self.taken.items() if self.cap and count > self.cap}
        if over:
            where = ", ".join(f"{metric} {group} {count}" for (metric, group), count in over.items())
            notes.add(
                f"{sum(over.values())} probes {_OVER_CAP} {self.cap} a group were left out: {where}.", "probe dropped"
            )


def is_cap(problem: Problem) -> bool:
    """Whether it says that a record had more probes than are kept."""
    return re.match(rf"\d+ probes {_OVER_CAP} ", problem.problem) is not None


def checked(draft: Draft, notes: Notes, cap: int | None = PROBES_PER_GROUP) -> Fact:
    """The draft as a fact; what is wrong but bearable goes to the notes. Raises Unusable for the rest.

    `cap` is the largest number of probes kept in a group (None: no limit).
    """
    for name in ("prompt", "subject"):
        if not getattr(draft, name):
            raise Unusable(f"{name} is missing or empty.")
    span = find_subject(draft.prompt, draft.subject)
    if span is None:
        raise Unusable(
            f"the subject {quoted(draft.subject)} does not stand in its prompt {quoted(draft.prompt)}. "
            "Write it as it stands there."
        )
    _note_targets(draft, notes)
    for rephrase in dict.fromkeys(draft.rephrases):
        if find_subject(rephrase, draft.subject) is None:
            notes.add(f"The rephrase {quoted(rephrase)} does not contain the subject.")
    room = Room(cap)
    locality = tuple(_locality(draft, notes, room))
    portability = tuple(_portability(draft, notes, room))
    room.note(notes)
    return Fact(
        record=notes.record,
        prompt=draft.prompt,
        subject=draft.prompt[slice(*span)],
        span=span,
        target_new=draft.target_new or None,
        target_old=tuple(dict.fromkeys(draft.target_old)),
        rephrases=tuple(dict.fromkeys(draft.rephrases)),
        locality=locality,
        portability=portability,
        relation=draft.relation or None,
    )


def is_no_op(target_new: str, target_old: tuple[str, ...]) -> bool:
    """Whether the new answer is already an accepted old one: the edit would change nothing."""
    return is_one_of(target_new, target_old)


def _note_targets(draft: Draft, notes: Notes) -> None:
    if not draft.target_new:
        notes.add("There is no target_new: the fact can be traced, not edited.")
    elif is_no_op(draft.target_new, draft.target_old):
        notes.add(f"The target {quoted(draft.target_new)} equals an old answer: the edit would change nothing.")


def _locality(draft: Draft, notes: Notes, room: Room) -> Iterator[Probe]:
    """A probe whose gold is the new answer would punish a good edit; one without gold still works (METHOD.md §5)."""
    for probe in draft.locality:
        if draft.target_new and expects(probe, draft.target_new):
            notes.add(f"The locality probe {quoted(probe.prompt)} expects the new answer itself.", "probe dropped")
            continue
        if not room.takes("locality", probe):
            continue
        if not probe.answers:
            notes.add(f"The locality probe {quoted(probe.prompt)} names no answer: the model's own tokens are used.")
        yield probe


def _portability(draft: Draft, notes: Notes, room: Room) -> Iterator[Probe]:
    for probe in draft.portability:
        if not probe.answers:
            notes.add(f"The portability probe {quoted(probe.prompt)} names no answer.", "probe dropped")
            continue
        if not room.takes("portability", probe):
            continue
        if _plain(probe.prompt) == _plain(draft.prompt):
            notes.add(f"The portability probe {quoted(probe.prompt)} is the edit prompt itself.")
        yield probe


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())
