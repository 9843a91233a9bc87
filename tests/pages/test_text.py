"""Untrusted words inside Markdown, and unexpected failures: neither reaches the page as it is."""

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.scoring import results
from pages._ui.shell.text import safe
from tests.pages.driving import wait, words


@pytest.mark.parametrize(
    "text",
    [
        "**bold**",
        "[x](http://evil.example)",
        "<b>tag</b>",
        "$x$",
        "`code`",
        ":red[x]",
        "# head",
        "- item",
        "| a | b |",
        "![i](x)",
        "~~s~~",
        "a\\b",
        "&amp;",
    ],
)
def test_every_character_with_a_meaning_is_escaped(text: str):
    shown = safe(text)
    for index, letter in enumerate(shown):
        if letter in "*[]()<>$`#|!~&_":
            assert shown[index - 1] == "\\", shown
    assert shown.replace("\\", "").replace("\u2060", "") == text.replace("\\", "")


def test_links_mails_and_icons_are_broken_by_an_invisible_joiner():
    for text in ("http://evil.example", "www.evil.example", "a@evil.example", ":smile:", ":material/home:"):
        assert "\u2060" in safe(text)


def test_marks_that_turn_the_direction_of_reading_are_dropped():
    assert safe("a\u202eb\u2066c") == "abc"


def test_an_unexpected_failure_is_one_box_without_a_traceback(ready: AppTest, monkeypatch: pytest.MonkeyPatch):
    ready.button(key="score").click().run()
    wait(ready)

    def broken(_options):
        raise ZeroDivisionError("something odd")

    with monkeypatch.context() as patch:
        patch.setattr(results, "differing_options", broken)
        ready.run()
        assert len(ready.error) == 1 and "something odd" in words(ready) and "Traceback" not in words(ready)
        assert ready.button(key="score")  # the sidebar is still there
    ready.run()
    assert not ready.error
