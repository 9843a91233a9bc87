"""Where a prompt names its subject, in characters of the original prompt."""

import unicodedata
from collections.abc import Callable


def find_subject(prompt: str, subject: str) -> tuple[int, int] | None:
    r"""Character span (start, end) of the subject's last occurrence in the prompt, None where there is none.

    An exact occurrence goes before one in another case, and that before one whose accents are written as other code
    points. The span always cuts whole characters of `prompt`, also where folding changes lengths:

        find_subject("Paris is Paris", "Paris")       -> (9, 14)
        find_subject("the Straße ends", "STRASSE")    -> (4, 10)     # ß folds to ss
        find_subject("the Straße ends", "TRAS")       -> None        # would cut ß in half
        find_subject("in Orle\u0301ans", "Orléans")    -> (3, 11)     # e and a combining accent
    """
    if not subject:
        return None
    start = prompt.rfind(subject)
    if start >= 0:
        return start, start + len(subject)
    return find_in_any_case(prompt, subject)


def find_in_any_case(prompt: str, subject: str) -> tuple[int, int] | None:
    """As find_subject, but the last occurrence counts in whatever case it stands."""
    if not subject:
        return None
    return _find_folded(prompt, subject, str.casefold) or _find_folded(prompt, subject, _canonical)


def _find_folded(prompt: str, subject: str, fold: Callable[[str], str]) -> tuple[int, int] | None:
    """Last occurrence after folding character by character that begins and ends between two of the prompt's."""
    boundary = {0: 0}  # offset in the folded prompt -> offset in the prompt
    pieces = []
    length = 0
    for index, character in enumerate(prompt, start=1):
        pieces.append(fold(character))
        length += len(pieces[-1])
        boundary[length] = index
    folded = "".join(pieces)
    wanted = "".join(map(fold, subject))
    at = folded.rfind(wanted)
    while at >= 0:
        start = boundary.get(at)
        end = boundary.get(at + len(wanted))
        if start is not None and end is not None and not (fold is _canonical and _cuts_an_accent(prompt, start, end)):
            return start, end
        at = folded.rfind(wanted, 0, at + len(wanted) - 1)
    return None


def _canonical(character: str) -> str:
    """Decomposed and without case: é, e + accent, É and E + accent are all one."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", character).casefold())


def _cuts_an_accent(prompt: str, start: int, end: int) -> bool:
    """Whether a combining mark stands right behind the start or the end: the letter before it is then another one."""
    return any(at < len(prompt) and unicodedata.combining(prompt[at]) for at in (start, end))
