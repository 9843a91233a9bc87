"""What every page is checked for in both themes: WCAG 2 A and AA by axe-core, and no cell that says "None"."""

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

from tests.browser.resting import idle, settled

RULE_SETS = ["wcag2a", "wcag2aa"]
LEAST_TEXTS = 4  # whose contrast axe-core has measured; fewer: it did not see the page
# axe-core takes everything for clipped that a <html> of no height and with "overflow: hidden" holds, so all dialogs.
_UNCLIPPED = "html, body { overflow: visible !important }"
_RUN = """async ([tags, colours]) => {
    const rules = { "color-contrast": { enabled: colours } };
    const found = await axe.run({ runOnly: { type: "tag", values: tags }, rules });
    const contrast = [...found.passes, ...found.violations].filter(rule => rule.id === "color-contrast");
    return {
        violations: found.violations.flatMap(rule => rule.nodes.map(node =>
            `${rule.id}: ${node.failureSummary} ${node.html.slice(0, 300)} at ${node.target.flat().join(" ")}`)),
        texts: contrast.flatMap(rule => rule.nodes).length,
    };
}"""
# Streamlit draws st.dataframe on a canvas, and beside it a table for those who do not see it.
_CELLS = """() => [...document.querySelectorAll("td, [role=gridcell]")]
    .filter(cell => /^(none|nan|nat|<na>|undefined|null)$/i.test(cell.textContent.trim()))
    .map(cell => cell.closest("tr, [role=row]")?.textContent ?? cell.textContent)"""


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text()


def audit(page: Page, *, contrast: bool = True) -> None:
    """Fail with all that is wrong with the page, once it is at rest. `contrast`: colours do not hang on the width.

    A page that is drawn while axe-core looks has a button's colours of before and its state of after: it looks again.
    """
    for at_rest in (idle, settled, settled):
        at_rest(page)
        found = _found(page, contrast)
        if not found["violations"]:
            break
    assert not found["violations"], "\n".join(found["violations"])
    assert not contrast or found["texts"] >= LEAST_TEXTS, "axe-core saw next to nothing of this page"
    assert page.evaluate(_CELLS) == [], "a cell without a value must say n/a or stay empty"


def _found(page: Page, contrast: bool) -> dict[str, Any]:
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe())
    style = page.add_style_tag(content=_UNCLIPPED)
    found = page.evaluate(_RUN, [RULE_SETS, contrast])
    style.evaluate("style => style.remove()")
    return found
