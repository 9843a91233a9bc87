"""Which facts of a set are taken: by what they have, and split in two without a subject in both."""

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from lga_core.data.answers import folded
from lga_core.data.facts import Fact, FactSet
from lga_core.errors import LgaError

Part = Literal["target_new", "target_old", "rephrases", "locality", "portability"]


def relations(facts: Sequence[Fact]) -> dict[str, int]:
    """How many facts there are of each relation, in the order in which relations are met; without those of none."""
    return dict(Counter(fact.relation for fact in facts if fact.relation is not None))


def keep(
    facts: Sequence[Fact], *, relations: Collection[str] | None = None, having: Collection[Part] = ()
) -> tuple[Fact, ...]:
    """The facts of these relations (None: of any, or of none) that have all the parts named, in order."""
    return tuple(
        fact
        for fact in facts
        if (relations is None or fact.relation in relations) and all(getattr(fact, part) for part in having)
    )


def editable(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Those that have a new answer to write."""
    return tuple(fact for fact in facts if fact.target_new is not None)


def search(facts: Sequence[Fact], words: str) -> tuple[Fact, ...]:
    """The facts that hold every one of the words somewhere, in any case: prompt, answers, relation, rephrases."""
    wanted = words.casefold().split()
    return tuple(fact for fact in facts if all(word in _words(fact) for word in wanted)) if wanted else tuple(facts)


def part_of(whole: FactSet, facts: Sequence[Fact], name: str) -> FactSet:
    """Some of a set's facts as a set of their own, with their record numbers and what was noted about them."""
    records = {fact.record for fact in facts}
    noted = tuple(problem for problem in whole.problems if problem.record in records)
    return replace(whole, name=name, facts=tuple(facts), n_records=len(facts), problems=noted)


def split(facts: Sequence[Fact], share: float, seed: int) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """A proxy of about `share` of the facts and a test set of the others, both in the facts' order.

    All facts about a subject (case and spaces aside) fall on one side, whole subjects are drawn by the seed, and
    the proxy ends where it is nearest to its share. Both sides get at least one subject. Raises LgaError where
    that cannot be.
    """
    if not 0 < share < 1:
        raise LgaError(f"A share of {share} leaves one side empty.", hint="Give a share between 0 and 1, as 0.1.")
    sizes_of = Counter(map(_subject, facts))
    if len(sizes_of) < 2:
        raise LgaError(
            "Facts about one subject cannot be split: it would stand on both sides.",
            hint="Use facts about at least two subjects.",
        )
    order = list(sizes_of)
    random.Random(seed).shuffle(order)
    sizes = [0]
    for subject in order:
        sizes.append(sizes[-1] + sizes_of[subject])
    wanted = share * len(facts)
    taken = min(range(1, len(order)), key=lambda number: abs(sizes[number] - wanted))
    proxy = set(order[:taken])
    return (
        tuple(fact for fact in facts if _subject(fact) in proxy),
        tuple(fact for fact in facts if _subject(fact) not in proxy),
    )


def apart_from(facts: Sequence[Fact], others: Sequence[Fact]) -> tuple[Fact, ...]:
    """The facts about subjects that none of `others` is about (case and spaces aside), in order."""
    taken = set(map(_subject, others))
    return tuple(fact for fact in facts if _subject(fact) not in taken)


def subjects(facts: Sequence[Fact]) -> int:
    """How many subjects there are, case and spaces aside."""
    return len(set(map(_subject, facts)))


def _words(fact: Fact) -> str:
    parts = (fact.prompt, fact.subject, fact.target_new, fact.relation, *fact.target_old, *fact.rephrases)
    return "\n".join(filter(None, parts)).casefold()


def _subject(fact: Fact) -> str:
    return folded(fact.subject)
