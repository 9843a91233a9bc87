"""The subject's span: last occurrence, exact before folded, always whole characters of the prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lga_core.data.spans import find_subject


@pytest.mark.parametrize(("case", "prompt", "subject", "found"), [
    ("once", "The capital of France is", "France", "France"),
    ("case differs", "This is about john russell reynolds.", "John Russell Reynolds", "john russell reynolds"),
    ("folding grows", "the Straße ends", "STRASSE", "Straße"),
    ("folding grows before it", "ßßß and İstanbul is", "İSTANBUL", "İstanbul"),
    ("half a folded character", "the Straße ends", "TRAS", None),
    ("absent", "The capital of France is", "Spain", None),
    ("empty subject", "The capital of France is", "", None),
])
def test_found_text(case: str, prompt: str, subject: str, found: str | None) -> None:
    span = find_subject(prompt, subject)
    assert (prompt[slice(*span)] if span else None) == found, case


@pytest.mark.parametrize(("case", "prompt", "subject", "span"), [
    ("last of several", "Paris is Paris", "Paris", (9, 14)),
    ("last of several in another case", "PARIS is PARIS", "Paris", (9, 14)),
    ("an exact one before a later folded one", "Paris is PARIS", "Paris", (0, 5)),
    ("overlapping", "anana", "ANA", (2, 5)),
    ("only an earlier folded one is whole", "ss then ß", "S", (1, 2)),
])
def test_span(case: str, prompt: str, subject: str, span: tuple[int, int]) -> None:
    assert find_subject(prompt, subject) == span, case


LETTERS = st.text(alphabet="aAbßẞİıΣσςŉǰéÉ 東", max_size=8)


@given(before=LETTERS, subject=LETTERS.filter(bool), after=LETTERS)
def test_finds_what_was_put_in_whatever_its_case(before: str, subject: str, after: str) -> None:
    prompt = before + subject + after
    for asked in (subject, subject.casefold()):
        start, end = find_subject(prompt, asked)
        assert 0 <= start < end <= len(prompt)
        assert prompt[start:end].casefold() == asked.casefold()
        exact = asked in prompt
        later = [at for at in range(start + 1, len(prompt)) for to in range(at + 1, len(prompt) + 1)
                 if (prompt[at:to] == asked if exact else prompt[at:to].casefold() == asked.casefold())]
        assert not later


@given(prompt=st.text(max_size=30), subject=st.text(min_size=1, max_size=4))
def test_agrees_with_trying_every_piece_of_the_prompt(prompt: str, subject: str) -> None:
    pieces = [(start, end) for start in range(len(prompt)) for end in range(start + 1, len(prompt) + 1)]
    exact = [span for span in pieces if prompt[slice(*span)] == subject]
    folded = [span for span in pieces if prompt[slice(*span)].casefold() == subject.casefold()]
    assert find_subject(prompt, subject) == max(exact or folded, default=None)
