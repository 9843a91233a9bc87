"""What may be wrong with a record that could be read, and what is done about it. Nothing vanishes silently."""

from collections.abc import Iterator

from lga_core.data.answers import expects, folded, is_one_of
from lga_core.data.checking.drafts import Draft, Notes, Unusable, quoted
from lga_core.data.facts import Fact, Probe
from lga_core.data.spans import find_subject


def checked(draft: Draft, notes: Notes) -> Fact:
    """The draft as a fact; what is wrong but bearable goes to the notes. Raises Unusable for the rest."""
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
    locality = tuple(_locality(draft, notes))
    portability = tuple(_portability(draft, notes))
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
        dropped_locality=sum(_expects_new(draft, probe) for probe in draft.locality),
    )


def is_no_op(target_new: str, target_old: tuple[str, ...]) -> bool:
    """Whether the new answer is already an accepted old one: the edit would change nothing."""
    return is_one_of(target_new, target_old)


def _note_targets(draft: Draft, notes: Notes) -> None:
    if not draft.target_new:
        notes.add("There is no target_new: the fact can be traced, not edited.")
    elif is_no_op(draft.target_new, draft.target_old):
        notes.add(f"The target {quoted(draft.target_new)} equals an old answer: the edit would change nothing.")


def _locality(draft: Draft, notes: Notes) -> Iterator[Probe]:
    """A probe whose gold is the new answer would punish a good edit; one without gold still works (METHOD.md §5)."""
    for probe in draft.locality:
        if _expects_new(draft, probe):
            notes.add(f"The locality probe {quoted(probe.prompt)} expects the new answer itself.", "probe dropped")
            continue
        if not probe.answers:
            notes.add(f"The locality probe {quoted(probe.prompt)} names no answer: the model's own tokens are used.")
        yield probe


def _expects_new(draft: Draft, probe: Probe) -> bool:
    return bool(draft.target_new) and expects(probe, draft.target_new)


def _portability(draft: Draft, notes: Notes) -> Iterator[Probe]:
    for probe in draft.portability:
        if not probe.answers:
            notes.add(f"The portability probe {quoted(probe.prompt)} names no answer.", "probe dropped")
            continue
        if folded(probe.prompt) == folded(draft.prompt):
            notes.add(f"The portability probe {quoted(probe.prompt)} is the edit prompt itself.")
        yield probe
