"""Text for figures: untrusted strings made harmless for plotly, shortened, wrapped, and numbers written readably."""

import math
import re
import textwrap
import unicodedata
from collections.abc import Iterable

MINUS = "\u2212"
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SUPERSCRIPT = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")


def escape(text: str) -> str:
    """`text` so that plotly shows it letter by letter, in hover text, tick labels, titles and annotations.

    Plotly interprets <br>, <b>, <a href>, <span style> and entities everywhere, and $…$ as TeX where MathJax is
    loaded. Control and direction-changing characters are dropped: they can hide or reorder what is read.
    """
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf"))
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("$", "&#36;")):
        kept = kept.replace(character, entity)
    return kept


def printable(text: str) -> str:
    """`text` for a terminal: what would steer it, or cannot be written, is shown as \ufffd. Line ends stay."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs") else "\ufffd" for c in text)


def in_order(text: str) -> str:
    """`text` without the marks that change the direction of what follows: they can hide or reorder what is read."""
    return _DIRECTIONS.sub("", text)


def columns(text: str) -> int:
    """How wide `text` stands, in columns of a Latin letter: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def shorten(text: str, width: int = 28) -> str:
    """At most `width` columns on one line, an ellipsis where something is cut. Shorten first, then escape."""
    line = " ".join(text.split())
    if columns(line) <= width:
        return line
    kept = line[:width]
    while columns(kept) > width - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def wrap(text: str, width: int = 64, lines: int = 4) -> str:
    """Escaped `text` for a hover box: lines of `width` characters joined by <br>, an ellipsis after `lines`."""
    pieces = textwrap.wrap(" ".join(text.split()), width, max_lines=lines, placeholder=" …")
    return "<br>".join(escape(piece) for piece in pieces)


def token_label(token: str, *, subject: bool = False, width: int = 18) -> str:
    """One token as an escaped tick label: its leading space as a dot, line breaks visible, * after a subject token."""
    visible = token.replace("\r", "").replace("\n", "⏎").replace("\t", "⇥").replace(" ", "·")
    return escape(shorten(visible or "∅", width)) + ("*" if subject else "")


def number(value: float | None, digits: int = 4) -> str:
    """A number as people write it: 171,558 · 0.0312 · −2.1·10⁻⁷; "n/a" for what cannot be had."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    sign, size = (MINUS if value < 0 else ""), abs(value)
    exponent = math.floor(math.log10(size))
    if exponent >= 7 or exponent < -4:
        power = math.floor(math.log10(float(f"{size:.{digits - 1}e}")))
        return f"{sign}{float(f'{size / 10.0**power:.{digits - 1}f}'):g}·10{str(power).translate(_SUPERSCRIPT)}"
    if exponent >= digits - 1:
        return f"{sign}{size:,.0f}"
    text = f"{size:.{max(digits - 1 - exponent, 0)}f}"
    return sign + (text.rstrip("0").rstrip(".") if "." in text else text)


def fixed(value: float | None, digits: int = 0) -> str:
    """A number with so many digits after the point, where all of its kind have them: 62 · 1,234.5 · n/a."""
    return "n/a" if value is None else f"{value:,.{digits}f}"


def power_of_ten(value: float) -> str:
    """A signed power of ten as a short tick label: 0.01, −100, 10⁵."""
    exponent = round(math.log10(abs(value)))
    sign = MINUS if value < 0 else ""
    if -3 <= exponent <= 2:
        return sign + (str(10**exponent) if exponent >= 0 else f"{10.0**exponent:.{-exponent}f}")
    return f"{sign}10{str(exponent).translate(_SUPERSCRIPT)}"


def count(number_of: int, noun: str) -> str:
    """1 fact, 32 facts."""
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"


def capitalized(text: str) -> str:
    """`text` at the beginning of a line, the rest of it as it is: "Hidden state", "MLP output"."""
    return text[:1].upper() + text[1:]


def listed(items: Iterable[object]) -> str:
    """3 · 3 and 10 · 3, 10 and 11."""
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def yes_no(value: bool | None) -> str:
    """A table's cell; n/a for what cannot be had."""
    return "n/a" if value is None else "yes" if value else "no"
