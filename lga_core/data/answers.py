"""What counts as the same answer, and which answer a probe expects: one rule for checks, metrics and scores."""

import re
import string
import unicodedata
from collections.abc import Iterable

from lga_core.data.facts import Probe

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation, " "))
# Scripts without spaces between words, by how the Unicode names of their characters begin.
_WITHOUT_SPACES = (
    "CJK",
    "IDEOGRAPHIC",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
)


def normalize(text: str) -> str:
    """Lower case without punctuation, articles and extra spaces, as question answering is scored.

    >>> normalize("The Space-Needle, a tower!")
    'space needle tower'
    """
    return " ".join(_ARTICLES.sub(" ", text.casefold().translate(_PUNCTUATION)).split())


def folded(text: str) -> str:
    """In lower case and with single spaces: one rule for what is the same but for case and spaces.

    >>> folded(" The  Space Needle")
    'the space needle'
    """
    return " ".join(text.casefold().split())


def same_answer(first: str, second: str) -> bool:
    """Whether two answers are equal once normalized; where nothing is left of either, case and spaces aside."""
    one = normalize(first)
    other = normalize(second)
    if one or other:
        return one == other
    return folded(first) == folded(second)


def is_one_of(answer: str, accepted: Iterable[str]) -> bool:
    """Whether an answer is the same as one of the accepted ones."""
    return any(same_answer(answer, other) for other in accepted)


def begins_with(text: str, answer: str) -> bool:
    """Whether the normalized answer is a prefix of the normalized text, by whole words.

    An answer that ends in a script without spaces between words is looked for as a prefix by characters, spaces aside.
    One of which nothing is left once normalized is looked for as it is, in any case.

    >>> begins_with("東京です", "東京"), begins_with("A, which is", "A"), begins_with("Apple", "A")
    (True, True, False)
    """
    wanted = normalize(answer)
    given = normalize(text)
    if not wanted:
        return _begins_as_it_is(folded(text), folded(answer))
    if _without_spaces(wanted):
        return given.replace(" ", "").startswith(wanted.replace(" ", ""))
    words = wanted.split()
    return given.split()[: len(words)] == words


def has_no_words(answer: str) -> bool:
    """Whether `begins_with` looks for an answer otherwise than by whole words."""
    wanted = normalize(answer)
    return not wanted or _without_spaces(wanted)


def _without_spaces(wanted: str) -> bool:
    """Whether a normalized answer ends in a script without spaces between words."""
    return unicodedata.name(wanted[-1], "").startswith(_WITHOUT_SPACES)


def _begins_as_it_is(text: str, answer: str) -> bool:
    """Whether an answer of articles and punctuation is a prefix of the text that does not end inside a word."""
    if not answer or not text.startswith(answer):
        return False
    return not (answer[-1].isalnum() and text[len(answer) :][:1].isalnum())


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
