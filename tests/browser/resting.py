"""Waiting until a page is at rest: nothing computes, nothing is drawn, nothing fades."""

from playwright.sync_api import Page, expect

SLOW = 150_000  # ms, for what is computed: the machine may have other work
SETTLED = 1500  # ms
# Streamlit fades what it is about to draw again, and fades it in when it is there: its colours are then not its own.
_AT_REST = """() => !document.querySelector("[data-stale=true]") && document.getAnimations().every(
    animation => animation.playState !== "running" || animation.effect.getComputedTiming().endTime === Infinity)"""


def idle(page: Page) -> None:
    """Until no job is shown, the script has come to rest and what it drew stands in its own colours."""
    expect(page.locator("[class*=st-key-job_]")).to_have_count(0, timeout=SLOW)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=SLOW)
    page.wait_for_function(_AT_REST, timeout=SLOW)


def settled(page: Page) -> None:
    """Until the page has come to rest for good: the browser tells its theme and its tab, and it runs again for each."""
    page.wait_for_timeout(SETTLED)
    idle(page)
