"""Untrusted words on a page: facts, tokens, file names and paths, shown letter by letter inside Markdown."""

import re

from lga_core.data.facts import Fact
from lga_core.view.words.text import in_order, shorten

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&:@])")
# Streamlit and its Markdown plugins look for links, mail addresses, :emoji: and :material/icons: once more after the
# escapes are gone. An invisible word joiner behind these characters keeps them from being found.
_JOINER = "\u2060"


def safe(text: str) -> str:
    """`text` so that Streamlit's Markdown shows it as it is, on one line."""
    line = " ".join(in_order(text).split())
    return re.sub(r"(\\[:@]|www|WWW)", rf"\1{_JOINER}", _SPECIAL.sub(r"\\\1", line))


def plain(text: str) -> str:
    """A model's text without control characters, its lines kept: for `st.text`, which interprets nothing."""
    return "".join(letter for letter in text if letter.isprintable() or letter.isspace())


def fact_line(fact: Fact) -> str:
    """A fact with its prompt, for a list to choose from."""
    change = " → ".join(filter(None, (fact.target_old[0] if fact.target_old else None, fact.target_new)))
    return f"{fact.record} · {shorten(fact.prompt, 90)} … {change}"
