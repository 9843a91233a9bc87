"""What every page mends of Streamlit's look: contrast, stillness, its plain CSV; and a page that follows the theme.

Streamlit repaints its own elements by itself, but a figure keeps the colours that it was drawn with: the page runs
again when the theme changes, by the system or in the menu.
"""

import streamlit as st

from lga_core.view.figures.parts.style import THEMES
from pages._ui.shell.charts import theme_name

# WCAG AA asks for a contrast of 4.5. Streamlit writes white on the primary colour, which on the dark theme must be
# bright enough for text and lines, and darkens that colour under the pointer. It fades the label of a disabled widget
# to 40 % and the Stop button to 60 %. A link that has the keyboard's focus it marks by a shade that is hardly seen.
# The browser chooses between the two themes' colours: at a first visit the server does not know the theme yet.
_CONTRAST = """
button[kind^="primary"]:not(:disabled), button[kind^="primary"]:not(:disabled) * {{
    color: light-dark({light.page}, {dark.page}); }}
button[kind^="primary"]:is(:hover, :active, :focus-visible):not(:disabled) {{
    background-color: light-dark(#24507d, #7db2e8); border-color: light-dark(#24507d, #7db2e8); }}
[data-testid="stWidgetLabel"][disabled] p, [data-testid="stStatusWidget"] button {{
    color: light-dark({light.muted}, {dark.muted}); }}
:is([data-testid="stTopNavLink"], [data-testid="stPageLink-NavLink"]):focus-visible {{
    outline: 2px solid light-dark({light.muted}, {dark.muted}); }}
[data-testid="stCode"] .token {{ color: inherit !important; }}
[data-testid="stStatusWidget"], [data-testid="stStatusWidget"] * {{ opacity: 1 !important; }}
""".format(**THEMES)
# An animation has the browser draw 60 times a second. On the engine's own cores each time stops a thread that the
# others then wait for: with Streamlit's animations a trial edit took 34 s, without them 28 s (2 cores, SmolLM2). What
# Streamlit fades after a while (an element that is out of date) changes after that while, in one step.
_CALM = "* { animation: none !important; transition-duration: 0s !important; }"
# Streamlit's own download of a table leaves cells as they are, which a spreadsheet may run; the pages' buttons do not.
_NO_PLAIN_CSV = """
[data-testid="stElementToolbarButton"]:has([aria-label^="Download as CSV"]) { display: none; }
"""
# Components that show nothing. Each would leave the gap that is between two elements, above the first one; and one that
# can scroll takes a stop of the Tab key.
_UNSEEN = """
:is(.st-key-theme_watcher, .st-key-scrolling_frames, .st-key-browser_tab, [class*="_listener"]) {
    position: absolute; overflow: clip; }
"""
LOOK = _CONTRAST + _CALM + _NO_PLAIN_CSV + _UNSEEN
_DIALOGS = "<style>[role='dialog'] {{ color-scheme: {} }}</style>"  # they lie outside of what Streamlit gives a scheme
# Streamlit calls this again whenever the theme changes.
_JS = """
export default function ({ parentElement, setTriggerValue }) {
    const style = getComputedStyle(parentElement.querySelector("span"));
    const before = window.goldenLayersPage;
    window.goldenLayersPage = style.getPropertyValue("--st-background-color");
    if (before && before !== window.goldenLayersPage) setTriggerValue("changed", true);
}
"""
_watcher = st.components.v2.component("theme_watcher", html="<span></span>", js=_JS)


def watch() -> None:
    """Run the page again whenever the theme changes."""
    st.html(_DIALOGS.format(theme_name()))
    _watcher(key="theme_watcher", height=0, on_changed_change=lambda: None)
