"""One browser tab of the dashboard: opening, choosing, waiting. For every benchmark that drives a real Chromium."""

import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from lga_core.bench.dashboard.server import Server
from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import OTHER_TITLE, resolve

VIEWPORT = {"width": 1280, "height": 900}
PATIENCE_MS = 600_000
POLL_MS = 20  # while the first sign of something is awaited
CALM_MS = 500  # while work goes on: looking costs the browser time
CLICK_MS = 10_000  # for what may be gone by then
LIST_TRIES = 10  # to choose from a list
REST_MS = 1_000  # after an address was opened, before a person would click
JOB = "[class*=st-key-job_]"  # a job of this tab, in the sidebar
RUNNING = "[data-testid=stStatusWidget]"  # Streamlit's mark of a page that is being drawn
SAYS = """([selector, text, exact]) => [...document.querySelectorAll(selector)].some(element => {
    const words = element.textContent.replace(/\\s+/g, " ").trim();
    return exact ? words === text : words.includes(text);
})"""
PAGES = {  # link -> title
    "Golden layers": "Golden layers|Which layer should be edited?",
    "Facts": "Facts",
    "Causal trace": "Causal trace",
    "Trial edit": "Trial edit",
    "Layer sweep": "Layer sweep",
    "Edits": "Edits",
    "Playground": "Playground",
    "Runs": "Runs",
}


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    """The machine's Chromium. Raises LgaError without it, or without playwright."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise LgaError(
            "This benchmark drives a browser with playwright, which is not installed.",
            hint="pip install -r tests/requirements.txt",
        ) from error
    if program is None:
        raise LgaError("There is no Chromium on this machine.", hint="Install it (Debian: apt-get install chromium).")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


def button_of(key: str) -> str:
    """The CSS selector of a button by its key: its words depend on what the store has."""
    return f".st-key-{key} button"


class Tab:
    """A tab in a browser session of its own. `model`: an id of the catalogue, or a folder."""

    def __init__(self, page: Any, server: Server, model: str) -> None:
        self.page = page
        self._server = server
        self._model = model

    @classmethod
    async def opened(cls, browser: Any, server: Server, model: str, patience_ms: int = PATIENCE_MS) -> "Tab":
        """A new session with one empty tab. `patience_ms`: for what does not wait for a job."""
        context = await browser.new_context(viewport=VIEWPORT)
        page = await context.new_page()
        page.set_default_timeout(patience_ms)
        return cls(page, server, model)

    async def go(self, page: str, *, facts: int, seed: int) -> None:
        """Open an address, in which a choice has the words that the list shows."""
        if "/" in self._model:
            model = {"model": OTHER_TITLE, "other_model": self._model}
        else:
            model = {"model": resolve(self._model).title}
        question = {**model, "n": facts, "seed": seed}  # of the set that a new tab begins with
        await self.page.goto(f"{self._server.address}/{page}?{urlencode(question)}")

    async def open(self, page: str, *, facts: int, seed: int) -> None:
        """Open an address, and wait until the page shows what it asks for and has come to rest."""
        await self.go(page, facts=facts, seed=seed)
        await self.until_shown("How many", facts)
        await self.until_shown("Seed", seed)
        await self.page.wait_for_timeout(REST_MS)
        await self.until_idle()

    async def switch(self, link: str) -> float:
        """Seconds from a click on a page's link to its title."""
        begin = time.perf_counter()
        await self.page.get_by_role("link", name=link, exact=True).first.click()
        titles = PAGES[link].split("|")

        async def titled() -> bool:
            return any([await self.says("h1", name, exact=True) for name in titles])

        await self.until(titled)
        return time.perf_counter() - begin

    def button(self, key: str) -> Any:
        return self.page.locator(button_of(key)).first

    async def choose_only(self, layer: int) -> None:
        """Take out the chosen layers, the recommended one among them, and choose this one."""
        box = self.page.get_by_test_id("stMultiSelect").first
        tries = 0
        while self.chosen_layers() != (layer,):
            if tries == LIST_TRIES:
                raise LgaError(f"The page did not take layer {layer}.", hint="Look at it by `streamlit run app.py`.")
            tries += 1
            clear = box.get_by_label("Clear all")
            if await clear.count():
                await self.clicked(clear.first)
                await self.until_drawn()
            await box.locator("input").fill(str(layer))
            await self.clicked(self.page.get_by_role("option", name=str(layer), exact=True).first)
            await self.page.keyboard.press("Escape")
            await self.until_drawn()

    async def clicked(self, what: Any) -> bool:
        """Click what may be gone by then: a list closes, and a button is off, when the page is drawn meanwhile."""
        from playwright.async_api import TimeoutError as BrowserTimeout

        try:
            await what.click(timeout=CLICK_MS)
        except BrowserTimeout:
            return False
        return True

    def chosen_layers(self) -> tuple[int, ...]:
        """As the address has them."""
        named = parse_qs(urlsplit(self.page.url).query).get("layers", [""])[0]
        return tuple(sorted(map(int, filter(None, named.split(",")))))

    async def choose_layer_range(self, first: int, last: int) -> None:
        """Move both ends of the slider there."""
        sliders = self.page.get_by_role("slider")
        for slider, wanted in ((sliders.nth(1), last), (sliders.nth(0), first)):
            while (now := int(await slider.input_value())) != wanted:
                await slider.press("ArrowRight" if now < wanted else "ArrowLeft")
        await self.page.wait_for_timeout(500)

    async def until_shown(self, name: str, value: int) -> None:
        """Until a number field has this value."""
        box = self.page.get_by_role("spinbutton", name=name)

        async def shown() -> bool:
            return await box.count() > 0 and await box.first.input_value() == str(value)

        await self.until(shown, CALM_MS)

    async def until_drawn(self) -> None:
        """At rest, and a moment later still: the browser tells its tab late, and the page then runs again."""
        await self.page.wait_for_timeout(REST_MS)
        await self.until_idle()

    async def until_busy(self) -> None:
        """Until a job of this tab is shown."""

        async def busy() -> bool:
            return await self.has(JOB)

        await self.until(busy)

    async def until_idle(self) -> None:
        """Until no job of this tab is shown and the page has been drawn."""

        async def idle() -> bool:
            return not await self.has(f"{JOB}, {RUNNING}")

        await self.until(idle, CALM_MS)

    async def until(self, holds: Callable[[], Awaitable[bool]], every_ms: int = POLL_MS) -> None:
        """Raises LgaError where it does not come to that."""
        if not await self.comes_to(holds, every_ms, PATIENCE_MS):
            raise LgaError("The page did not get there.", hint="Look at it by `streamlit run app.py`.")

    async def comes_to(self, holds: Callable[[], Awaitable[bool]], every_ms: int, patience_ms: int) -> bool:
        """Whether it holds by then."""
        limit = time.monotonic() + patience_ms / 1000
        while not await holds():
            if time.monotonic() > limit:
                return False
            await self.page.wait_for_timeout(every_ms)
        return True

    async def says(self, selector: str, text: str, *, exact: bool = False) -> bool:
        """Whether such an element's text has these words, or is these words.

        Asked of the page itself, as `has` is: a locator by role or text costs the browser ten times as much, 8 to 10 ms
        of a core, which eight tabs ask for all the time.
        """
        return await self.page.evaluate(SAYS, [selector, text, exact])

    async def has(self, selector: str) -> bool:
        return await self.page.evaluate("selector => document.querySelector(selector) !== null", selector)
