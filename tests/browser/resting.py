"""Waiting until a page is at rest: nothing computes, nothing is drawn, nothing fades."""

from playwright.sync_api import Page

SLOW = 600_000  # ms, for whatever is waited for: the machine may have much other work
QUIET = 750  # ms of rest without a break
LOOK = 50  # ms that one look counts at most: a page that is being drawn does not look, and that is no rest
# No job is shown, the script has come to its end, and what it drew stands in its own colours: Streamlit fades what it
# is about to draw again, fades it in when it is there, and has a skeleton in its place before.
_AT_REST = """() => !document.querySelector("[class*=st-key-job_], [data-stale=true]")
    && !document.querySelector("[data-testid=stStatusWidget], [data-testid=stSkeleton]")
    && document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
    && document.getAnimations().every(animation =>
        animation.playState !== "running" || animation.effect.getComputedTiming().endTime === Infinity)"""
_QUIET = f"""([quiet, look]) => {{
    const now = performance.now(), passed = Math.min(now - (window.looked ?? now), look);
    window.looked = now;
    window.rested = ({_AT_REST})() ? (window.rested ?? 0) + passed : 0;
    return window.rested >= quiet;
}}"""


def idle(page: Page, timeout: float = SLOW) -> None:
    """Until the page is at rest."""
    page.wait_for_function(_AT_REST, timeout=timeout)


def settled(page: Page) -> None:
    """Until the page has come to rest for good: the browser tells its theme and its tab, and it runs again for each."""
    page.evaluate("window.rested = 0")
    page.wait_for_function(_QUIET, arg=[QUIET, LOOK], timeout=SLOW)
