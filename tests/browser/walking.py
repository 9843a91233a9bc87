"""What every walk through the app does: choose a model and facts, wait for rest, take pictures."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.auditing import audit
from tests.browser.resting import SLOW, idle, settled
from tests.pages.driving import RECORDS

SCREENSHOTS = Path(__file__).parent / "screenshots"
PHONE = 390
OPENED = 60_000  # ms: a list is open by then, or it was closed
# With the recorded example, or before anything is there to see.
FIRST_HEADING = re.compile("Golden layers|Which layer should be edited")
WIDTHS, THEMES = (1280, 1920, PHONE), ("light", "dark")
_DRAWN_IN = """theme => [...document.querySelectorAll("style")].some(
    style => style.textContent.includes(`[role='dialog'] { color-scheme: ${theme} }`))"""


def choose_model_and_facts(page: Page, model: Path, folder: Path) -> None:
    settled(page)
    choose_option(page, "Model", "Hub id or local folder")
    name = page.get_by_role("textbox", name="Hub id or local folder")
    name.fill(str(model))
    name.press("Enter")
    expect(page.get_by_text("4 layers").first).to_be_visible()
    settled(page)  # a page that is drawn anew closes the dialog
    page.get_by_role("button", name="Add facts").click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(write_facts(folder))
    expect(page.get_by_text("10 facts from 10 records")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Use these facts").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("spinbutton", name="How many")).to_have_value("10")


def choose_option(page: Page, name: str, option: str) -> None:
    """Open the list and choose; a page that is drawn anew meanwhile closes it, so it is opened again."""
    entry = page.get_by_role("option", name=option)
    for last in (False, False, True):
        page.get_by_role("combobox", name=name).click()
        try:
            return entry.click(timeout=OPENED)
        except TimeoutError:
            if last:
                raise


def write_facts(folder: Path) -> Path:
    """Ten facts as a file."""
    path = folder / "ten.json"
    path.write_text(json.dumps(RECORDS))
    return path


def each_theme(page: Page) -> Iterator[str]:
    """The page at rest in each theme; first in the one that it is in: another one draws the whole page again."""
    dark = page.evaluate("window.matchMedia('(prefers-color-scheme: dark)').matches")
    for theme in reversed(THEMES) if dark else THEMES:
        _turn(page, theme)
        yield theme


def _turn(page: Page, theme: str) -> None:
    """The page runs again by itself: figures follow the theme. What it writes for dialogs names the theme."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(_DRAWN_IN, arg=theme, timeout=SLOW)
    idle(page)


def photograph(page: Page, name: str) -> None:
    """Both themes, and all widths; nothing broken, nothing wider than the window, nothing that cannot be read."""
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    SCREENSHOTS.mkdir(exist_ok=True)
    for theme in each_theme(page):
        audit(page)
        for width in WIDTHS if theme == THEMES[0] else WIDTHS[:1]:  # what a theme changes is colours
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function("document.scrollingElement.scrollWidth <= window.innerWidth")
            if width == PHONE:
                settled(page)  # frames are made reachable once the page has taken the new width
                audit(page, contrast=False)  # what scrolls sideways there must be reached by keyboard
            page.screenshot(path=SCREENSHOTS / f"{name}-{theme}-{width}.png")
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def click_a_cell(page: Page, layer: int, panel: int) -> None:
    """The middle of a heatmap cell, in the figure's row of panels of that number; the layer is then chosen."""
    plot = page.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer").first.wait_for()
    plot.evaluate("plot => plot.scrollIntoView({block: 'center'})")  # at once: the page may draw it anew meanwhile
    place = """(plot, [layer, panel]) => {
        const box = plot.getBoundingClientRect(), full = plot._fullLayout;
        const x = full[`xaxis${panel}`], y = full[`yaxis${panel}`];
        return [box.left + x._offset + x.l2p(layer), box.top + y._offset + y.l2p(1)];
    }"""
    for _ in range(100):  # a click on what is not yet seen to be under the pointer does nothing
        page.mouse.move(*plot.evaluate(place, [layer, panel]))
        page.wait_for_timeout(300)
        if plot.evaluate("plot => Boolean(plot._hoverdata?.length)"):
            break
    page.mouse.click(*plot.evaluate(place, [layer, panel]))
    expect(page.get_by_test_id("stMultiSelect").first).to_contain_text(str(layer))
