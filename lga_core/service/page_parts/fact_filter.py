"""Which facts of a set pass the filters of a page, and how that is put in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lga_core.data.facts import Fact
from lga_core.data.select import Part, keep, search
from lga_core.results import KnownFactCheck

PARTS: Mapping[Part, str] = {  # of a fact that can be asked for, and what they are called
    "target_new": "a new answer",
    "target_old": "an old answer",
    "rephrases": "rephrases",
    "locality": "locality",
    "portability": "portability",
}
VERDICTS: Mapping[bool, str] = {True: "known", False: "not known"}


@dataclass(frozen=True, kw_only=True)
class Picked:
    """What the filters leave."""

    facts: tuple[Fact, ...]
    wide: tuple[Fact, ...]  # the same before the model's verdict is looked at
    verdict: bool | None  # the verdict asked for, None: any
    words: tuple[str, ...]  # what was filtered by, for a name; () without a filter


def pick_facts(
    facts: Sequence[Fact],
    checks: Mapping[int, KnownFactCheck],
    *,
    words: str = "",
    relations: Sequence[str] = (),
    having: Sequence[Part] = (),
    verdict: bool | None = None,
) -> Picked:
    """The facts that pass every filter. One that was not asked has no verdict, so it passes neither.

    `checks`: what the model said, by record. `words` are searched for; `having`: names of PARTS; `relations`: one of
    them; nothing in any of these filters nothing.
    """
    words = words.strip()
    wide = search(keep(facts, relations=relations or None, having=having), words)
    passing = wide
    if verdict is not None:
        passing = tuple(fact for fact in wide if fact.record in checks and checks[fact.record].known is verdict)
    said = [
        *([f"“{words}”"] if words else []),
        *relations,
        *(PARTS[part] for part in having),
        *([] if verdict is None else [VERDICTS[verdict]]),
    ]
    return Picked(facts=passing, wide=wide, verdict=verdict, words=tuple(said))
