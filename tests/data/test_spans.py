"""The subject's span: last occurrence, exact before folded, always whole characters of the prompt."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lga_core.data.spans import find_in_any_case, find_subject


@pytest.mark.parametrize(
    ("case", "prompt", "subject", "expected"),
    [
        ("once", "The capital of France is", "France", "France"),
        ("case differs", "This is about john russell reynolds.", "John Russell Reynolds", "john russell reynolds"),
        ("folding grows", "the Straße ends", "STRASSE", "Straße"),
        ("folding grows before it", "ßßß and İstanbul is", "İSTANBUL", "İstanbul"),
        ("half a folded character", "the Straße ends", "TRAS", None),
        ("accents apart", "in Orle\u0301ans it", "Orléans", "Orle\u0301ans"),
        ("accents together", "in ORLÉANS it", "orle\u0301ans", "ORLÉANS"),
        ("half a letter with its accent", "in Orle\u0301ans it", "ORLE", "Orle"),
        ("Hangul apart", "in \u1109\u1165\u110b\u116e\u11af it", "서울", "\u1109\u1165\u110b\u116e\u11af"),
        ("emoji of several code points", "the 👩‍🚀 flies", "👩‍🚀", "👩‍🚀"),
        ("right to left", "עיר הבירה של צרפת היא", "צרפת", "צרפת"),
        ("no words", "東京の首都は", "東京", "東京"),
        ("absent", "The capital of France is", "Spain", None),
        ("empty subject", "The capital of France is", "", None),
    ],
)
def test_found_text(case: str, prompt: str, subject: str, expected: str | None) -> None:
    span = find_subject(prompt, subject)
    assert (prompt[slice(*span)] if span else None) == expected, case


@pytest.mark.parametrize(
    ("case", "prompt", "subject", "span"),
    [
        ("last of several", "Paris is Paris", "Paris", (9, 14)),
        ("last of several in another case", "PARIS is PARIS", "Paris", (9, 14)),
        ("an exact one before a later folded one", "Paris is PARIS", "Paris", (0, 5)),
        ("overlapping", "anana", "ANA", (2, 5)),
        ("only an earlier folded one is whole", "ss then ß", "S", (1, 2)),
    ],
)
def test_span(case: str, prompt: str, subject: str, span: tuple[int, int]) -> None:
    assert find_subject(prompt, subject) == span, case


SPELLED = st.text(alphabet="aAbßẞİıΣσςŉǰéÉe\u0301 東", max_size=8)
LETTERS = st.text(alphabet="aAbßẞİıΣσςŉǰéÉ 東", max_size=8)


@given(before=LETTERS, subject=LETTERS.filter(bool), after=LETTERS)
def test_finds_what_was_put_in_whatever_its_case(before: str, subject: str, after: str) -> None:
    prompt = before + subject + after
    for asked in (subject, subject.casefold()):
        start, end = find_subject(prompt, asked)
        assert 0 <= start < end <= len(prompt)
        assert prompt[start:end].casefold() == asked.casefold()
        exact = asked in prompt
        later = [
            at
            for at in range(start + 1, len(prompt))
            for to in range(at + 1, len(prompt) + 1)
            if (prompt[at:to] == asked if exact else prompt[at:to].casefold() == asked.casefold())
        ]
        assert not later


@given(prompt=SPELLED, subject=SPELLED.filter(bool))
def test_agrees_with_trying_every_piece_of_the_prompt(prompt: str, subject: str) -> None:
    pieces = [(start, end) for start in range(len(prompt)) for end in range(start + 1, len(prompt) + 1)]
    exact = [span for span in pieces if prompt[slice(*span)] == subject]
    folded = [span for span in pieces if prompt[slice(*span)].casefold() == subject.casefold()]
    plain = [
        span
        for span in pieces
        if canonical(prompt[slice(*span)]) == canonical(subject)
        and not any(at < len(prompt) and unicodedata.combining(prompt[at]) for at in span)
    ]
    assert find_subject(prompt, subject) == max(exact or folded or plain, default=None)
    assert find_in_any_case(prompt, subject) == max(folded or plain, default=None)


def canonical(words: str) -> str:
    """Case and the way accents are written taken away, character by character."""
    return "".join(unicodedata.normalize("NFD", unicodedata.normalize("NFD", one).casefold()) for one in words)


@given(before=st.text(max_size=10), subject=st.text(min_size=1, max_size=8), after=st.text(max_size=10))
def test_unicode_subjects_are_found_in_every_spelling(before: str, subject: str, after: str) -> None:
    prompt = before + subject + after
    start, end = find_subject(prompt, subject)
    assert prompt[start:end] == subject and subject not in prompt[start + 1 :]
    span = find_in_any_case(prompt, subject)
    assert span is not None and prompt[slice(*span)].casefold() == subject.casefold() and span >= (start, end)


LATIN = st.text(alphabet="aeiouçñåÉÖßx -", min_size=1, max_size=10)


@given(before=LATIN, subject=LATIN, after=LATIN, forms=st.permutations(["NFC", "NFD"]))
def test_accents_in_either_form_are_found(before: str, subject: str, after: str, forms: list[str]) -> None:
    written, asked = (unicodedata.normalize(form, subject) for form in forms)
    prompt = f"{before} {written} {after}"
    start, end = find_subject(prompt, asked)
    assert canonical(prompt[start:end]) == canonical(subject)
