"""What counts as the same answer, and which answer a probe expects: one rule for checks, metrics and scores."""

import re
import string
from collections.abc import Iterable

from lga_core.data.facts import Probe

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation, " "))


def normalize(text: str) -> str:
    """Lower case without punctuation, articles and extra spaces, as question answering is scored.

    >>> normalize("The Space-Needle, a tower!")
    'space needle tower'
    """
    return " ".join(_ARTICLES.sub(" ", text.casefold().translate(_PUNCTUATION)).split())


def same_answer(first: str, second: str) -> bool:
    """Whether two answers are equal once normalized; where nothing is left of either, case and spaces aside."""
    one = normalize(first)
    other = normalize(second)
    if one or other:
        return one == other
    return first.casefold().split() == second.casefold().split()


def is_one_of(answer: str, accepted: Iterable[str]) -> bool:
    """Whether an answer is the same as one of the accepted ones."""
    return any(same_answer(answer, other) for other in accepted)


def begins_with(text: str, answer: str) -> bool:
    """Whether the normalized answer is a prefix of the normalized text, by whole words."""
    wanted = normalize(answer).split()
    return bool(wanted) and normalize(text).split()[: len(wanted)] == wanted


def accepted_answers(probe: Probe) -> tuple[str, ...]:
    """Every accepted answer and alias that is not empty, in order, each once."""
    return tuple(dict.fromkeys(answer for answer in probe.accepted if answer.strip()))


def gold_answer(probe: Probe) -> str | None:
    """The first accepted answer that is not empty; None where the data names none."""
    return next(iter(accepted_answers(probe)), None)


def expects(probe: Probe, answer: str) -> bool:
    """Whether the probe's gold answer, or one of its aliases, is this answer."""
    aliases = next((aliases for aliases in probe.answers if any(map(str.strip, aliases))), ())
    return is_one_of(answer, filter(str.strip, aliases))
