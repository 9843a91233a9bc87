"""The reader's theme: when it changes, by the system or in the menu, the page runs again so that figures follow it.

Streamlit repaints its own elements by itself, but a figure keeps the colours that it was drawn with.
"""

import streamlit as st

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
    """Run the page again whenever the theme changes."""
    _watcher(key="theme_watcher", height=0, on_changed_change=lambda: None)
