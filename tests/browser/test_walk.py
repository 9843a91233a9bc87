"""The whole path in a real Chromium on the tiny model: score, choose a layer, trace, edit, keep edits, play."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lga_core.view.figures.parts.style import THEMES
from tests.browser.resting import SLOW, idle, settled
from tests.browser.walking import FIRST_HEADING, OPENED, choose_model_and_facts, click_a_cell, photograph

pytestmark = pytest.mark.browser


def test_a_pages_own_address_works_as_the_first_request_of_a_server(page: Page, address: str):
    """Stands first on purpose: the frame and the sidebar have to be there too."""
    page.goto(f"{address}/trial_edit?n=7&seed=3")
    expect(page.get_by_role("heading", name="Trial edit")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("spinbutton", name="How many")).to_have_value("7")
    expect(page.get_by_role("spinbutton", name="Seed").first).to_have_value("3")


def test_the_whole_path(page: Page, address: str, tiny_folder: Path, tmp_path: Path):
    page.goto(address)
    expect(page.get_by_role("heading", name=FIRST_HEADING)).to_be_visible(timeout=SLOW)
    photograph(page, "1-first")
    choose_model_and_facts(page, tiny_folder, tmp_path)

    page.get_by_role("button", name="Score layers").last.click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Facts used")).to_contain_text("10 of 10", timeout=SLOW)
    idle(page)
    figures_follow_the_theme(page)
    click_a_cell(page, layer=2, panel=2)
    expect(chosen(page)).to_contain_text("2")
    choose_by_keyboard(page, "3")
    expect(page.get_by_role("button", name="Try an edit at layers 2 and 3")).to_be_visible()
    photograph(page, "2-golden")

    page.get_by_role("link", name="Causal trace").click()
    page.get_by_role("button", name="Trace this fact").click()
    expect(page.locator(".js-plotly-plot")).to_have_count(4, timeout=SLOW)
    idle(page)
    photograph(page, "3-trace")

    page.get_by_role("link", name="Golden layers").click()
    page.get_by_role("button", name="Try an edit at layers 2 and 3").click()
    expect(page.get_by_role("heading", name="Trial edit")).to_be_visible()
    page.get_by_role("button", name="Edit at layers 2 and 3").click()
    expect(page.get_by_role("heading", name="R-ROME at layers 2 and 3")).to_be_visible(timeout=SLOW)
    idle(page)
    expect(page.get_by_test_id("stMetric").filter(has_text="Rewrite")).to_contain_text("→")
    expect(page.get_by_role("table").filter(has_text="rephrase")).to_contain_text("Everybody knows the")
    photograph(page, "4-trial")

    page.get_by_role("button", name="Keep edit").click()
    expect(page.get_by_role("button", name="Kept")).to_be_disabled(timeout=SLOW)
    idle(page)
    page.get_by_role("link", name="Edits", exact=True).click()
    expect(rows(page)).to_have_count(1)
    edit_three_facts(page)
    photograph(page, "5-edits")
    change_the_ledger(page)
    save_and_load(page, tmp_path)
    play(page)


def figures_follow_the_theme(page: Page) -> None:
    """The system turns dark while the page is open, and light again: nobody presses anything."""
    ink = "document.querySelector('.js-plotly-plot')?._fullLayout?.font.color"
    for theme in ("light", "dark", "light"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"{ink} === '{THEMES[theme].ink}'", timeout=SLOW)
    settled(page)


def rows(page: Page):
    """The switches of the ledger's rows."""
    return page.locator("[class*=st-key-on_]")


def row_button(page: Page, what: str, row: int):
    return page.locator(f"[class*=st-key-{what}_]").nth(row).locator("button:visible")


def edit_three_facts(page: Page) -> None:
    show(page, "Edit several facts")
    number = page.get_by_role("spinbutton", name="How many of the sidebar’s facts")
    number.fill("3")
    number.press("Enter")
    page.get_by_role("button", name="Edit 3 facts at layers 2 and 3").click()
    expect(rows(page)).to_have_count(4, timeout=SLOW)
    idle(page)
    # The first fact is written twice, by the trial and again here, and counts once.
    expect(page.get_by_test_id("stMetric").filter(has_text="Rewrite, n 3")).to_contain_text("→")
    expect(page.locator(".js-plotly-plot")).to_have_count(1)


def change_the_ledger(page: Page) -> None:
    """One edit off, one up, one removed; what stands on another set of edits says so, until it is computed anew."""
    rows(page).nth(1).locator("label").click()
    settled(page)
    expect(page.get_by_test_id("stMetric").filter(has_text="Rewrite, n 3")).to_be_visible()
    expect(page.get_by_text("computed on another set of edits")).to_have_count(2)
    ledger = page.locator(".st-key-ledger")
    second = ledger.get_by_text("→").nth(1).inner_text()
    row_button(page, "up", 1).click()
    settled(page)
    expect(ledger.get_by_text("→").nth(0)).to_have_text(second)
    settled(page)  # it is shown before the facts are measured again, and meanwhile nothing else can be changed
    row_button(page, "remove", 3).click()
    expect(rows(page)).to_have_count(3, timeout=SLOW)
    settled(page)
    page.get_by_role("button", name="Recompute").click()
    expect(page.get_by_text("computed on another set of edits")).to_have_count(0, timeout=SLOW)
    settled(page)


def save_and_load(page: Page, folder: Path) -> None:
    """The saved set comes back after all was undone; a damaged file is refused, and the ledger stays."""
    show(page, "Save, load, export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download 3 edits").click()
    saved = folder / "edits.zip"
    download.value.save_as(saved)
    photograph(page, "6-files")
    page.get_by_role("button", name="Undo all").click()
    expect(page.get_by_text("No edit is kept")).to_be_visible(timeout=SLOW)
    expect(rows(page)).to_have_count(0)
    load(page, saved)
    expect(rows(page)).to_have_count(3, timeout=SLOW)
    idle(page)
    damaged = folder / "damaged.zip"
    damaged.write_bytes(saved.read_bytes()[:-200])
    load(page, damaged)
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("no .zip file, or a damaged one", timeout=SLOW)
    expect(rows(page)).to_have_count(3)


def show(page: Page, view: str) -> None:
    """While the page is drawn anew there are two of them for a moment."""
    place = page.get_by_text(view, exact=True)
    expect(place).to_have_count(1)
    place.click()


def load(page: Page, file: Path) -> None:
    idle(page)
    page.get_by_test_id("stFileUploader").filter(has_text="Edit set").locator("input").set_input_files(file)
    expect(page.get_by_text(file.name, exact=True)).to_be_visible()


def play(page: Page) -> None:
    """Two texts grow while they are written, then the tokens and the lens are there."""
    page.get_by_role("link", name="Playground", exact=True).click()
    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("violin piano")
    prompt.press("Control+Enter")
    settled(page)
    length = page.get_by_role("spinbutton", name="Tokens, at most")
    length.fill("500")
    length.press("Enter")
    settled(page)
    page.get_by_role("button", name="Write", exact=True).click()
    original = page.get_by_test_id("stText").first
    expect(original).to_contain_text("violin pianoian", timeout=SLOW)
    sizes = [len(original.inner_text())]
    while page.locator("[class*=st-key-job_]").count():
        page.wait_for_timeout(100)
        sizes.append(len(original.inner_text()))
    idle(page)
    sizes.append(len(original.inner_text()))
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1], "the text did not grow on the page"
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    photograph(page, "7-playground")


def chosen(page: Page):
    return page.get_by_test_id("stMultiSelect").first


def choose_by_keyboard(page: Page, layer: str) -> None:
    settled(page)  # a page that is still being drawn takes the focus away
    offered = page.get_by_role("option")
    for _ in range(3):  # a redraw in between takes the letter or the list away
        chosen(page).get_by_role("combobox").focus()
        page.keyboard.type(layer)
        try:
            expect(offered).to_have_count(1, timeout=OPENED)
            break
        except AssertionError:
            page.keyboard.press("Escape")
            settled(page)
    expect(offered).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    settled(page)
    if page.get_by_role("listbox").count():  # the page was drawn anew between the two keys, and opened it again
        page.mouse.click(640, 5)
    expect(page.get_by_role("listbox")).to_have_count(0)
