"""What a user may ask for, checked in one place for the command line, the Python API and the pages."""

from collections.abc import Sequence

from lga_core.data.facts import Fact, FactSet
from lga_core.errors import LgaError

MOST_LAYERS = 10_000  # more than any model has: a mistyped range must not fill the memory


def parse_layers(text: str) -> tuple[int, ...]:
    """ "5", "5,6" or "0-3,7" as layer numbers. Raises LgaError for anything else.

    Whether a model has them is not known here: a range far beyond any is cut, and still names one that none has.
    """
    layers: list[int] = []
    try:
        for part in text.split(","):
            start, _, end = part.strip().partition("-")
            first, last = int(start), int(end or start)
            if last < first:
                raise LgaError(f"{part.strip()!r} counts down.", hint="Write layers as 5 or 5,6 or 0-3.")
            layers += range(first, min(last, max(first, MOST_LAYERS)) + 1)  # what is too large is said by the model
    except ValueError:
        raise LgaError(f"{text!r} names no layers.", hint="Write layers as 5 or 5,6 or 0-3.") from None
    return tuple(layers)


def fact_at(facts: FactSet, index: int) -> Fact:
    """The fact with this 0-based record number. Raises LgaError where there is none, or where it was skipped."""
    fact = facts.by_record(index)
    if fact is not None:
        return fact
    if 0 <= index < facts.n_records:
        skipped = (p.problem for p in facts.problems if p.record == index and p.action == "record skipped")
        why = next(skipped, "it was skipped.")
        raise LgaError(
            f"Record {index} of {facts.name} cannot be used: {why}", hint="Correct it, or choose another one."
        )
    raise LgaError(
        f"{facts.name} has no record {index}: it has {facts.n_records}.",
        hint=f"Choose an index from 0 to {facts.n_records - 1}.",
    )


def some(facts: Sequence[Fact], name: str) -> Sequence[Fact]:
    """The facts, if there are any. Raises LgaError where every record was skipped."""
    if not facts:
        raise LgaError(
            f"{name} has no fact that can be used.",
            # The name may be a file's without its folder, which no command finds.
            hint="`python -m lga_core facts FACTS` lists what is wrong with each record.",
        )
    return facts
