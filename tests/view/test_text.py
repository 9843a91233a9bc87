"""Untrusted text cannot become markup, and numbers read as people write them."""

import html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lga_core.view.words.text import columns, count, escape, in_order, number, power_of_ten, shorten, token_label, wrap


@given(st.text())
def test_escaped_text_holds_no_markup_and_loses_no_visible_letter(text):
    escaped = escape(text)
    assert not set(escaped) & set("<>$")
    assert html.unescape(escaped) == "".join(
        c
        for c in text
        if c in "\n\t" or unicodedata.category(c)[0] != "C" or unicodedata.category(c) in ("Co", "Cn", "Cs")
    )


def test_markup_entities_and_tex_are_shown_letter_by_letter():
    assert escape("<br><a href='x'>&lt;</a> $a$") == ("&lt;br&gt;&lt;a href='x'&gt;&amp;lt;&lt;/a&gt; &#36;a&#36;")


def test_control_and_direction_changing_characters_are_dropped():
    assert escape("a\u202eb\u0007c\u200f") == "abc"


def test_marks_that_turn_the_direction_are_dropped_and_the_letters_of_every_language_kept():
    assert in_order("a\u202eb\u2066c\u2069") == "abc" and in_order("שלום مرحبا") == "שלום مرحبا"


@given(st.text(), st.integers(2, 40))
def test_shortened_text_fits_and_stays_on_one_line(text, width):
    short = shorten(text, width)
    assert columns(short) <= width
    assert "\n" not in short


def test_wrapped_text_is_escaped_after_it_was_cut():
    assert wrap("<b>" + "word " * 100, width=20, lines=2).count("<br>") == 1
    assert "&lt;b&gt;word" in wrap("<b>word")


@pytest.mark.parametrize(
    ("token", "subject", "label"),
    [
        (" Needle", True, "·Needle*"),
        ("\n", False, "⏎"),
        ("", False, "∅"),
        ("<br>", False, "&lt;br&gt;"),
        ("  ", False, "··"),
    ],
)
def test_token_labels(token, subject, label):
    assert token_label(token, subject=subject) == label


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (171558.4, "171,558"),
        (-1234.0, "−1,234"),
        (0.03121, "0.03121"),
        (0, "0"),
        (float("nan"), "n/a"),
        (None, "n/a"),
        (-2.14e-7, "−2.14·10⁻⁷"),
        (1.5e9, "1.5·10⁹"),
        (0.5, "0.5"),
        (100.0, "100"),
        (9.99999e-6, "1·10⁻⁵"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_powers_of_ten():
    assert [power_of_ten(value) for value in (1e5, -1e4, 100, 0.01, 1e-6)] == ["10⁵", "−10⁴", "100", "0.01", "10⁻⁶"]


def test_counts():
    assert (count(1, "fact"), count(1200, "fact")) == ("1 fact", "1,200 facts")
