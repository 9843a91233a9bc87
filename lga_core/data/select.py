"""Which facts of a set are taken: by what they have, and split in two without a subject in both."""

import random
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal

from lga_core.data.facts import Fact
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
        fact for fact in facts
        if (relations is None or fact.relation in relations) and all(getattr(fact, part) for part in having)
    )


def split(facts: Sequence[Fact], share: float, seed: int) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """A proxy of about `share` of the facts and a test set of the others, both in the facts' order.

    All facts about a subject (case and spaces aside) fall on one side, whole subjects are drawn by the seed, and
    the proxy ends where it is nearest to its share. Both sides get at least one subject. Raises LgaError where
    that cannot be.
    """
    if not 0 < share < 1:
        raise LgaError(f"A share of {share} leaves one side empty.", mend="Give a share between 0 and 1, as 0.1.")
    subjects = Counter(map(_subject, facts))
    if len(subjects) < 2:
        raise LgaError("Facts about one subject cannot be split: it would stand on both sides.",
                       mend="Use facts about at least two subjects.")
    order = list(subjects)
    random.Random(seed).shuffle(order)
    sizes = [0]
    for subject in order:
        sizes.append(sizes[-1] + subjects[subject])
    wanted = share * len(facts)
    taken = min(range(1, len(order)), key=lambda number: abs(sizes[number] - wanted))
    proxy = set(order[:taken])
    return (tuple(fact for fact in facts if _subject(fact) in proxy),
            tuple(fact for fact in facts if _subject(fact) not in proxy))


def _subject(fact: Fact) -> str:
    return " ".join(fact.subject.casefold().split())
