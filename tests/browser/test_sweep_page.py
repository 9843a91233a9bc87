"""The sweep page in a real Chromium on the tiny model: sweep, judge on held-out facts, take a layer to the trial."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.resting import SLOW, idle
from tests.browser.walking import choose_model_and_facts, click_a_cell, photograph

pytestmark = pytest.mark.browser


def test_a_sweep_and_its_verdict(page: Page, address: str, tiny_folder: Path, tmp_path: Path):
    page.goto(f"{address}/layer_sweep")
    expect(page.get_by_role("heading", name="Layer sweep")).to_be_visible(timeout=SLOW)
    choose_model_and_facts(page, tiny_folder, tmp_path)
    number = page.get_by_role("spinbutton", name="How many")
    number.fill("6")
    number.press("Enter")
    page.get_by_role("combobox", name="Test facts").click()
    page.get_by_role("option", name="Others of this set").click()
    expect(page.get_by_text("6 proxy facts and 4 test facts")).to_be_visible(timeout=SLOW)
    idle(page)

    page.get_by_role("button", name="Sweep", exact=True).click()
    expect(page.get_by_text("All 40 edits are measured")).to_be_visible(timeout=SLOW)
    idle(page)
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Golden layer")).to_contain_text("regret", timeout=SLOW)
    idle(page)
    expect(page.get_by_text("held out from the picks").first).to_be_visible()
    page.get_by_text("Proxy facts, in-sample").click()
    expect(page.get_by_text("in-sample, so flattering").first).to_be_visible()
    idle(page)
    click_a_cell(page, layer=2, panel=3)  # Overall
    expect(page.get_by_role("button", name="Try an edit at layer 2")).to_be_visible()
    photograph(page, "8-sweep")
    page.get_by_role("button", name="Try an edit at layer 2").click()
    expect(page.get_by_role("heading", name="Trial edit")).to_be_visible()
    expect(page.get_by_test_id("stMultiSelect").first).to_contain_text("2")
