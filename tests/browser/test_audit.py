"""Every page before anything is measured, and the dialog for facts, can be read in both themes (WCAG AA)."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.auditing import audit
from tests.browser.resting import SLOW, idle, settled
from tests.browser.walking import FIRST_HEADING, THEMES, each_theme, write_facts

pytestmark = pytest.mark.browser

MOST_STOPS = 120
_FOCUSED = """() => {
    const place = document.activeElement, box = place.getBoundingClientRect();
    return {
        tag: place.tagName,
        text: place.textContent.slice(0, 60),
        area: box.width * box.height,
        link: place.matches('[data-testid="stTopNavLink"], [data-testid="stPageLink-NavLink"]'),
        outline: getComputedStyle(place).outlineStyle === "solid",
    };
}"""
PAGES = ("Facts", "Causal trace", "Trial edit", "Layer sweep", "Edits", "Playground", "Runs")


@pytest.mark.parametrize("theme", THEMES)
def test_every_empty_page(page: Page, address: str, theme: str):
    page.emulate_media(color_scheme=theme)
    open_first_page(page, address)
    audit(page)
    for name in PAGES:
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible(timeout=SLOW)
        idle(page)
        audit(page)


def test_every_stop_of_the_tab_key_is_seen(page: Page, address: str):
    open_first_page(page, address)
    stops: list[dict] = []
    while len(stops) < MOST_STOPS and (not stops or stops[-1]["tag"] != "BODY"):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(_FOCUSED))
    *seen, last = stops
    assert last["tag"] == "BODY", "the way through the page must end"
    assert [stop for stop in seen if not stop["area"]] == []
    assert [stop for stop in seen if stop["link"] and not stop["outline"]] == []
    assert any("Score layers" in stop["text"] for stop in seen)


def test_the_dialog_for_facts(page: Page, address: str, tmp_path: Path):
    open_first_page(page, address)
    page.get_by_role("button", name="Add facts").first.click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(write_facts(tmp_path))
    expect(page.get_by_text("10 facts from 10 records")).to_be_visible(timeout=SLOW)
    audit_in_both_themes(page)
    page.get_by_role("tab", name="Type one fact").click()
    page.get_by_role("button", name="Add this fact").click()
    expect(page.get_by_test_id("stAlertContentError")).to_be_visible()
    audit_in_both_themes(page)


def open_first_page(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name=FIRST_HEADING)).to_be_visible(timeout=SLOW)
    settled(page)


def audit_in_both_themes(page: Page) -> None:
    for _theme in each_theme(page):
        audit(page)
