"""The reader's theme: the contrast that Streamlit's own colours lack, and a page that follows a change of theme.

Streamlit repaints its own elements by itself, but a figure keeps the colours that it was drawn with: the page runs
again when the theme changes, by the system or in the menu.
"""

import streamlit as st

from lga_core.view.figures.parts.style import THEMES
from pages._ui.shell.charts import theme_name

# WCAG AA asks for a contrast of 4.5. Streamlit writes white on the primary colour, which on the dark theme must be
# bright enough for text and lines, and fades the label of a disabled widget to 40 %.
_CONTRAST = """<style>
button[kind^="primary"]:not(:disabled), button[kind^="primary"]:not(:disabled) * {{ color: {page}; }}
[data-testid="stWidgetLabel"][disabled] p {{ color: {muted}; }}
</style>"""
# A dot in the page's own colour, which nobody sees: a transition starts exactly when that colour becomes another one.
_CSS = """
.probe { position: absolute; width: 1px; height: 1px; background-color: var(--st-background-color);
         transition: background-color 1ms; }
"""
_JS = """
export default function ({ parentElement, setTriggerValue }) {
    const probe = parentElement.querySelector(".probe");
    const tell = () => setTriggerValue("changed", true);
    probe.addEventListener("transitionrun", tell);
    return () => probe.removeEventListener("transitionrun", tell);
}
"""
_watcher = st.components.v2.component("theme_watcher", html='<span class="probe"></span>', css=_CSS, js=_JS)


def watch() -> None:
    """Mend the theme's contrast, and run the page again whenever the theme changes."""
    look = THEMES[theme_name()]
    st.html(_CONTRAST.format(page=look.page, muted=look.muted))
    _watcher(key="theme_watcher", height=0, on_changed_change=lambda: None)
