"""A written report is opened without any network: every figure is drawn, in either theme, and nothing is asked for."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from view.made_report import whole

from lga_core.view.export.report_html import report_html
from lga_core.view.figures.parts.style import THEMES
from tests.browser.resting import SLOW

pytestmark = pytest.mark.browser

GROUND = "plot => plot._fullLayout.paper_bgcolor"


def test_a_report_needs_no_network(browser: Browser, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(report_html(whole()), encoding="utf-8")
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark", offline=True)
    page = context.new_page()
    page.set_default_timeout(SLOW)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(file.as_uri())
    plots = page.locator(".plot").all()
    assert plots
    for plot in plots:
        plot.locator(".main-svg").first.wait_for(state="attached")
        assert plot.evaluate(GROUND) == THEMES["dark"].page
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    page.emulate_media(color_scheme="light")
    for plot in plots:
        page.wait_for_function(
            f"([plot, ground]) => ({GROUND})(plot) === ground", arg=[plot.element_handle(), THEMES["light"].page]
        )
    context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith("blob:")] == [file.as_uri()]
