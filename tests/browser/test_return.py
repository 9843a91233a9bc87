"""What is there again in a real Chromium: after a reload, in a second tab, by a link, after an undo. The tiny model."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lga_core.data.load import load_facts, write_facts
from tests.browser.resting import SLOW, idle, settled

pytestmark = pytest.mark.browser

NAME = "window.sessionStorage.getItem('golden-layers-tab')"
SHOWN_ON_THE_WAY = ("model", "other_model", "n", "seed", "layers", "fact", "run")


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Page]:
    """Another person's browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(SLOW)
    yield context.new_page()
    context.close()


def test_a_reload_in_mid_job_loses_nothing_and_a_second_tab_opens_with_it(page: Page, address: str, tiny_folder: Path):
    """Stands first on purpose: the engine has to start, so that the job is sure to outlive the reload."""
    opened(page, asking(address, tiny_folder, n="24"))
    button(page, "score").click()
    expect(running_jobs(page)).to_have_count(1)
    page.reload()
    expect(running_jobs(page)).to_have_count(1)
    scored(page, facts=24)
    second = page.context.new_page()
    second.goto(address)
    scored(second, facts=24)
    assert sidebar(second) == sidebar(page)
    assert queried(second)["run"] == queried(page)["run"]


def test_a_question_that_is_asked_in_a_hurry_is_asked_and_outlives_a_reload(
    page: Page, address: str, tiny_folder: Path
):
    """The click comes while the page is drawn for the new seed, the reload while it shows the run of the one before."""
    opened(page, asking(address, tiny_folder))
    for seed in (17, 18):
        page.get_by_role("spinbutton", name="Seed").fill(str(seed))
        button(page, "score").click()
        asked = page.get_by_test_id("stMain").get_by_text(re.compile(f"3 facts of world · seed {seed}$"))
        expect(page.get_by_role("heading", name="Golden layers")).to_be_visible()
        expect(asked).to_be_visible()
        page.reload()
        scored(page, facts=3)
        expect(asked).to_be_visible()
        assert queried(page)["seed"] == [str(seed)]


def test_a_duplicated_tab_is_a_tab_of_its_own(page: Page, address: str, tiny_folder: Path):
    """The browser copies what the tab keeps, its name too, as it does for a window that the page opens."""
    opened(page, asking(address, tiny_folder))
    name = page.evaluate(NAME)
    with page.expect_popup() as duplicate:
        page.evaluate("void window.open(location.href)")
    duplicate.value.wait_for_function(f"![null, '{name}'].includes({NAME})")
    own = duplicate.value.evaluate(NAME)
    for tab, its_name in ((page, name), (duplicate.value, own)):
        tab.reload()
        settled(tab)
        assert tab.evaluate(NAME) == its_name


def test_a_link_shows_what_its_sender_saw(page: Page, elsewhere: Page, address: str, tiny_folder: Path):
    opened(page, asking(address, tiny_folder, n="4", seed="5", layers="1,2"))
    button(page, "score").click()
    scored(page, facts=4)
    opened(elsewhere, without_run(page.url))
    scored(elsewhere, facts=4)
    assert queried(elsewhere) == queried(page) and shown(elsewhere) == shown(page)
    same_by_link(page, elsewhere)

    page.get_by_role("link", name="Trial edit", exact=True).click()
    choose_another_fact(page)
    button(page, "edit").click()
    expect(page.get_by_role("button", name="Keep edit")).to_be_visible(timeout=SLOW)
    idle(page)
    same_by_link(page, elsewhere)
    assert set(SHOWN_ON_THE_WAY) <= queried(page).keys()


def test_an_address_in_a_tab_with_facts_of_its_own(page: Page, address: str, tiny_folder: Path, tmp_path: Path):
    """A bare one asks what the tab asked. One that asks for something leaves out what has its default value."""
    own = tmp_path / "own.json"
    own.write_text(write_facts(load_facts("world").facts[:4]), encoding="utf-8")
    opened(page, asking(address, tiny_folder))
    button(page, "add_facts").click()
    page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(own)
    button(page, "use_upload").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(sets(page)).to_have_value("own.json")
    settled(page)
    before = sidebar(page)
    for again in (page.url, address):
        opened(page, again)
        expect(sets(page)).to_have_value("own.json")
        assert sidebar(page) == before
    page.get_by_role("link", name="Trial edit", exact=True).click()
    choose_another_fact(page)
    chosen = queried(page)["fact"]
    opened(page, f"{address}/trial_edit")
    assert queried(page)["fact"] == chosen
    opened(page, asking(address, tiny_folder, n="6", seed="7"))
    assert sidebar(page)[-3:] == ["World facts", "6", "7"]


def test_a_deleted_run_comes_back(page: Page, address: str, tiny_folder: Path):
    opened(page, asking(address, tiny_folder, n="2", seed="9"))
    button(page, "score").click()
    scored(page, facts=2)
    opened(page, f"{address}/runs")
    choose_first_run(page)
    title = page.get_by_role("heading", level=3).first.inner_text()
    before = listed(page)
    button(page, "delete_run").click()
    expect(page.get_by_text("It can be brought back")).to_be_visible()
    idle(page)
    assert listed(page) == before - 1
    expect(button(page, "delete_run")).to_have_count(0)
    button(page, "undo_delete").click()
    expect(page.get_by_text("It can be brought back")).to_have_count(0)
    expect(page.get_by_role("heading", level=3).first).to_have_text(title)
    assert listed(page) == before


def test_the_chat_template_that_was_switched_off_stays_off(page: Page, address: str, chat_folder: Path):
    opened(page, asking(address, chat_folder))
    toggle = page.get_by_role("switch", name="Chat template")
    for wanted in (True, False):
        page.locator(".st-key-chat label").click()
        expect(toggle).to_be_checked(checked=wanted)
        page.wait_for_url(lambda url, wanted=wanted: ("chat" in parse_qs(urlsplit(url).query)) == wanted)
        settled(page)
    page.reload()
    settled(page)
    expect(toggle).not_to_be_checked()
    assert "chat" not in queried(page)


def asking(address: str, model: Path, **more: str) -> str:
    """The first page with this model and some facts of a shipped set."""
    question = {"model": "Hub id or local folder", "other_model": str(model), "n": "3", "seed": "1", **more}
    return f"{address}/?{urlencode(question)}"


def opened(page: Page, url: str) -> None:
    """Until it stands there."""
    page.goto(url)
    expect(button(page, "score")).to_be_visible(timeout=SLOW)
    settled(page)


def queried(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def without_run(url: str) -> str:
    """The same address as someone may write it down: with the question, and not the run that answers it."""
    parts = urlsplit(url)
    left = {name: values for name, values in parse_qs(parts.query).items() if name != "run"}
    return urlunsplit(parts._replace(query=urlencode(left, doseq=True)))


def button(page: Page, key: str) -> Locator:
    """By its key: its words depend on what the store has."""
    return page.locator(f".st-key-{key} button:visible")


def running_jobs(page: Page) -> Locator:
    return page.locator("[class*=st-key-job_]")


def scored(page: Page, facts: int) -> None:
    """Until the scores of so many facts stand on the page."""
    used = page.get_by_test_id("stMetric").filter(has_text="Facts used")
    expect(used).to_contain_text(f"{facts} of {facts}", timeout=SLOW)
    settled(page)


def sets(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Proxy set of facts")


def sidebar(page: Page) -> list[str]:
    """What its fields say."""
    fields = page.get_by_test_id("stSidebar").locator("input").all()
    return [field.input_value() for field in fields if field.get_attribute("type") != "checkbox"]


def same_by_link(page: Page, elsewhere: Page) -> None:
    """The address as it is in the one browser shows the same in the other, and stays the same there."""
    opened(elsewhere, page.url)
    expect(parts(elsewhere)).to_have_count(parts(page).count(), timeout=SLOW)  # the run opens a moment later
    assert sidebar(elsewhere) == sidebar(page)
    assert queried(elsewhere) == queried(page)
    assert shown(elsewhere) == shown(page)


def shown(page: Page) -> list[str]:
    """The title, the choices and the numbers of the page."""
    choices = page.get_by_test_id("stMain").get_by_role("combobox").all()
    return [*parts(page).all_inner_texts(), *(field.input_value() for field in choices)]


def parts(page: Page) -> Locator:
    return page.get_by_test_id("stMain").locator("h1, h3, [data-testid=stMultiSelect], [data-testid=stMetric]")


def choose_another_fact(page: Page) -> None:
    settled(page)
    before = page.url
    page.get_by_role("combobox", name="Fact", exact=True).click()
    page.get_by_role("option").nth(2).click()
    page.wait_for_url(lambda url: url != before)
    settled(page)


def choose_first_run(page: Page) -> None:
    box = page.get_by_role("combobox", name="One run, or two to compare")
    box.click()
    page.get_by_role("option", name="Scores").first.click()
    page.keyboard.press("Escape")
    expect(button(page, "delete_run")).to_be_visible()
    settled(page)


def listed(page: Page) -> int:
    """How many runs the page says there are."""
    return int(page.get_by_text("the last one first").inner_text().split()[0])
