"""Hostile facts in a real Chromium: shown letter by letter on every page; nothing of them is run."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.resting import SLOW, idle, settled
from tests.browser.walking import choose_option
from tests.pages.driving import record

pytestmark = pytest.mark.browser

IMAGE = "<img src=x onerror=window.hit=1>"
SCRIPT = "<script>window.hit=1</script>"
LINK = "[go](javascript:window.hit=1)"
MARKS = ":material/delete: $\\frac12$ **b**"
NAME = "<b onmouseover=window.hit=1>set :red[x] [l](http://e.example).json"


def test_hostile_facts_are_shown_as_text_and_execute_nothing(page: Page, address: str, tiny_folder: Path):
    records = [record(f"Rome {IMAGE} {LINK} {MARKS} {n}", f"Italy {SCRIPT}", f"Spain {IMAGE}") for n in range(3)]
    upload = {"name": NAME, "mimeType": "application/json", "buffer": json.dumps(records).encode()}
    page.goto(address)
    settled(page)
    choose_option(page, "Model", "Hub id or local folder")
    name = page.get_by_role("textbox", name="Hub id or local folder")
    name.fill(str(tiny_folder))
    name.press("Enter")
    expect(page.get_by_text("4 layers").first).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Add facts").click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(upload)
    page.get_by_role("button", name="Use these facts").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    settled(page)
    inert(page, "<b onmouseover")

    page.get_by_role("button", name="Score layers").last.click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Facts used")).to_contain_text("3 of 3", timeout=SLOW)
    idle(page)
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
    hover(page)
    inert(page, "Rome <img")
    for tab in page.get_by_role("tab").all():  # each is drawn when it is opened
        tab.click()
        settled(page)
        inert(page, "<b onmouseover")

    open_page(page, "Facts")
    inert(page, "<b onmouseover")
    page.get_by_test_id("stDataFrame").first.hover()
    expect(page.get_by_role("button", name=re.compile("^Search: "))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Download as CSV"))).to_have_count(0)  # a spreadsheet runs it
    open_page(page, "Causal trace")
    page.get_by_role("button", name="Trace this fact").click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)
    idle(page, timeout=4 * SLOW)  # 63 tokens, each attributed in 64 steps
    hover(page)
    inert(page, "Rome <img")
    open_page(page, "Trial edit")
    page.get_by_role("button", name=re.compile("^Edit at layer")).click()
    expect(page.get_by_role("heading", name=re.compile("^R-ROME at layer"))).to_be_visible(timeout=SLOW)
    idle(page)
    inert(page, "Spain <img")
    page.get_by_role("button", name="Keep edit").click()
    expect(page.get_by_role("button", name="Kept")).to_be_disabled(timeout=SLOW)
    open_page(page, "Edits")
    expect(page.locator("[class*=st-key-on_]")).to_have_count(1)
    idle(page)
    inert(page, "Spain <img")
    open_page(page, "Layer sweep")
    page.get_by_role("button", name="Sweep", exact=True).click()
    expect(page.get_by_text("edits are measured")).to_be_visible(timeout=SLOW)
    idle(page)
    hover(page)
    inert(page, "<b onmouseover")
    open_page(page, "Playground")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)
    idle(page)
    hover(page)
    inert(page, "Rome <img")
    open_page(page, "Runs")
    inert(page, "<b onmouseover")


def open_page(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name).first).to_be_visible(timeout=SLOW)
    idle(page)


def hover(page: Page) -> None:
    """Over the first figure: hover texts have the facts' words."""
    plot = page.locator(".js-plotly-plot").first
    plot.evaluate("plot => plot.scrollIntoView({block: 'center'})")
    box = plot.bounding_box()
    for share in (0.3, 0.5, 0.7):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + min(box["height"], 800) * share)
        page.wait_for_timeout(200)


def inert(page: Page, words: str) -> None:
    """Nothing was run, no element was made of a fact's words, and they stand there as text."""
    made = "img[src='x'], script:not([src]), a[href^='javascript'], a[href*='e.example'], [onmouseover], [onerror]"
    hits = page.evaluate(f"[...document.querySelectorAll(`{made}`)].map(item => item.outerHTML.slice(0, 200))")
    assert not [hit for hit in hits if "hit=1" in hit or "e.example" in hit], hits
    shown = "document.body.textContent + [...document.querySelectorAll('input')].map(item => item.value)"
    assert words in page.evaluate(shown)
    assert page.evaluate("window.hit === undefined")
