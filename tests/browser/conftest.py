"""A server of the app, and pages of a real Chromium that may not fail in silence."""

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lga_core.bench.dashboard.server import served
from tests.browser.resting import SLOW

expect.set_options(timeout=SLOW)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, with an empty cache folder."""
    home = tmp_path_factory.mktemp("home")
    with served(home, {"LGA_OFFLINE": "1"}, home / "server.log") as server:
        yield server.address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: .ci/run installs it")
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh session in the light theme. The console must stay clean and no host but our own is asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    opened, wrong = context.new_page(), []
    context.set_default_timeout(SLOW)
    opened.on(
        "console",
        lambda message: (
            wrong.append(f"{message.text} {message.location['url']}")
            if message.type == "error" and not _is_probe(message.location["url"])
            else None
        ),
    )
    opened.on(
        "request",
        lambda request: (
            wrong.append(request.url) if request.url.startswith("http") and "127.0.0.1" not in request.url else None
        ),
    )
    yield opened
    context.close()
    assert wrong == []


def _is_probe(url: str) -> bool:
    """Streamlit's page looks for its server below the page's own address first, in vain."""
    path = urlsplit(url).path
    return path.count("/") == 3 and path.endswith(("/_stcore/health", "/_stcore/host-config"))
