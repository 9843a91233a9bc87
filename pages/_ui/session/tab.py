"""The browser tab's own name: kept by the browser, so that a reload finds its jobs and results again."""

import streamlit as st

from pages._ui.runs import opening
from pages._ui.session.state import adopt

_JS = """
export default function ({ setStateValue }) {
    const key = "golden-layers-tab";
    let name = window.sessionStorage.getItem(key);
    if (!name) {
        const numbers = window.crypto.getRandomValues(new Uint32Array(4));
        name = Array.from(numbers, (number) => number.toString(16).padStart(8, "0")).join("");
        window.sessionStorage.setItem(key, name);
    }
    setStateValue("name", name);
}
"""
_component = st.components.v2.component("browser_tab", html="<span></span>", js=_JS)


def recognize() -> None:
    """Take back what the tab had before a reload, as soon as the browser has said which tab it is."""
    name = getattr(_component(key="browser_tab", height=0, on_name_change=lambda: None), "name", None)
    if not isinstance(name, str):
        return
    known = adopt(name)
    if opening.open_first(known=known) or known:
        st.rerun()
