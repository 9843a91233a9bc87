r"""A prompt in one line whose subject stands in brackets: "The capital of [France] is". A bracket or backslash of the
prompt's own has a backslash before it."""

import re

from lga_core.data.checking.drafts import quoted
from lga_core.data.spans import find_subject
from lga_core.errors import LgaError

EXAMPLE = "The capital of [France] is"
_PIECE = re.compile(r"\\([\\\[\]])|([\[\]])")  # an escaped character, or a mark


def write_marked(prompt: str, span: tuple[int, int]) -> str:
    """The prompt with the characters of `span` (start, end) in brackets."""
    start, end = span
    return f"{_escaped(prompt[:start])}[{_escaped(prompt[start:end])}]{_escaped(prompt[end:])}"


def read_marked(line: str) -> tuple[str, str]:
    """Prompt and subject of a line, spaces around either left out. Raises LgaError where no one subject is marked.

    The subject is where the prompt names it last, as in every fact: a mark further in front is refused.
    """
    prompt, marks = _without_marks(line.strip())
    if [mark for mark, _ in marks] != ["[", "]"]:
        raise LgaError(_wrong(line, marks), hint=f"Put one pair of brackets around the subject, as in “{EXAMPLE}”.")
    (_, first), (_, end) = marks
    subject = prompt[first:end].strip()
    if not subject:
        raise LgaError("Nothing stands in the brackets.", hint=f"Put the subject into them, as in “{EXAMPLE}”.")
    start = first + len(prompt[first:end]) - len(prompt[first:end].lstrip())
    last = find_subject(prompt, subject)
    if last is not None and last[0] != start:
        raise LgaError(
            f"The subject {quoted(subject)} stands again behind the marked place, and the last one counts.",
            hint=f"Mark that one: “{write_marked(prompt, last)}”.",
        )
    return prompt.strip(), subject


def _without_marks(line: str) -> tuple[str, list[tuple[str, int]]]:
    """The text, and each mark with its place in it."""
    text = ""
    marks: list[tuple[str, int]] = []
    at = 0
    for piece in _PIECE.finditer(line):
        text += line[at : piece.start()] + (piece[1] or "")
        at = piece.end()
        if piece[2]:
            marks.append((piece[2], len(text)))
    return text + line[at:], marks


def _wrong(line: str, marks: list[tuple[str, int]]) -> str:
    if not line.strip():
        return "The prompt is empty."
    if not marks:
        return "No subject is marked."
    pairs = [mark for mark, _ in marks].count("[")
    return f"{pairs} subjects are marked." if pairs > 1 else "The brackets around the subject do not match."


def _escaped(text: str) -> str:
    return re.sub(r"([\\\[\]])", r"\\\1", text)
