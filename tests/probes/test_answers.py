"""One rule for the same answer, for what a probe expects, and for a free generation that begins with an answer."""

import pytest

from lga_core.data.answers import (
    accepted_answers,
    begins_with,
    expects,
    gold_answer,
    has_no_words,
    is_one_of,
    normalize,
    same_answer,
)
from lga_core.data.facts import Probe


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        (" Boston, Massachusetts", "boston", True),
        ("the U.S.A. is", "U.S.A.", True),
        ("Bostonian", "Boston", False),
        ("in Boston", "Boston", False),
        ("The Beatles sang", "Beatles", True),
        ("", "Boston", False),
        ("x", "", False),
        # nothing is left of the answer once normalized
        (" A, which", "A", True),
        ("a", "A", True),
        ("Apple", "A", False),
        ("The first", "a", False),
        ("! Yes", "!", True),
        ("? Yes", "!", False),
        ("", "!", False),
        # no spaces between words
        ("東京です", "東京", True),
        (" 東京 です", "東京", True),
        ("大阪です", "東京", False),
        ("人々が", "人々", True),
        ("กรุงเทพมหานคร", "กรุงเทพ", True),
        ("서울은", "서울", False),  # words have spaces
    ],
)
def test_free_generation_matches_a_whole_word_prefix(text, answer, expected):
    assert begins_with(text, answer) is expected


def test_normalize():
    assert normalize("  The  Space-Needle, a Tower! ") == "space needle tower"


def whole_words(text: str, answer: str) -> bool:
    """The rule of before: by whole words alone."""
    wanted = normalize(answer).split()
    return bool(wanted) and normalize(text).split()[: len(wanted)] == wanted


@pytest.mark.parametrize(
    ("answer", "otherwise"),
    [
        ("A", True),
        ("!", True),
        ("東京", True),
        ("Tokyo 東京", True),
        ("東京 Tokyo", False),
        ("Boston", False),
        ("서울", False),
    ],
)
def test_an_answer_without_words_is_one_on_which_the_rule_of_whole_words_can_disagree(answer, otherwise):
    texts = [answer, f"{answer}です", f"{answer}x", f" {answer}, which", "Boston", "", "x"]
    assert has_no_words(answer) == otherwise
    assert any(begins_with(text, answer) != whole_words(text, answer) for text in texts) == otherwise


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Boston", " boston ", True),
        ("mezzo-soprano", "mezzo soprano", True),
        ("The Beatles", "Beatles", True),
        ("Straße", "STRASSE", True),
        ("Boston", "Boston, Massachusetts", False),
        ("Rome", "Roma", False),
        ("A", "The", False),
        ("!", "?", False),
        ("A", "a ", True),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_same_answer(first, second, expected):
    assert same_answer(first, second) is expected
    assert same_answer(second, first) is expected
    assert is_one_of(first, ("nothing like it", second)) is expected


def probe(*answers: tuple[str, ...]) -> Probe:
    return Probe(prompt="The capital of Italy is", answers=answers, group="Neighborhood")


@pytest.mark.parametrize(
    ("answers", "gold", "accepted"),
    [
        ((), None, ()),
        ((("", " "),), None, ()),
        (((" ",), ("Rome", "Roma")), "Rome", ("Rome", "Roma")),
        ((("Rome",), ("Rome", "Milan")), "Rome", ("Rome", "Milan")),
    ],
)
def test_the_first_answer_that_is_not_empty_is_gold(answers, gold, accepted):
    assert gold_answer(probe(*answers)) == gold
    assert accepted_answers(probe(*answers)) == accepted


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((("Roma", "rome"),), True),
        ((("",), ("Rome",)), True),
        ((("Milan",), ("Rome",)), False),
        ((), False),
    ],
)
def test_a_probe_expects_its_gold_answer_and_that_answers_aliases(answers, expected):
    assert expects(probe(*answers), "Rome") is expected
