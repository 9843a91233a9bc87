"""Narrow screens: figures and tables keep a readable width and scroll sideways in their own frame, the page does not.

Narrower, a figure's headings would be cut and a table's words broken into letters. A frame that scrolls can be reached
by keyboard, which Streamlit's cannot.
"""

import streamlit as st

from lga_core.view.figures.parts.style import LEAST_WIDTH

_PHONE = 640  # px of the window: from there on Streamlit puts columns below one another
_TABLET = LEAST_WIDTH + 360  # with the sidebar
_TABLE = 560  # px
LOOK = f"""
@media (max-width: {_TABLET}px) {{
    [data-testid="stFullScreenFrame"]:has(> [data-testid="stPlotlyChart"]):not([data-testid="stColumn"] *) {{
        min-width: {LEAST_WIDTH}px; }}
}}
@media (max-width: {_PHONE}px) {{
    [data-testid="stFullScreenFrame"]:has(> [data-testid="stPlotlyChart"]) {{ min-width: {LEAST_WIDTH}px; }}
    [data-testid="stTable"] table {{ min-width: {_TABLE}px; }}
    .st-key-ledger {{ overflow-x: auto; }}
    .st-key-ledger [data-testid="stHorizontalBlock"] {{ flex-wrap: nowrap; min-width: {LEAST_WIDTH}px; }}
    .st-key-ledger [data-testid="stColumn"] {{ min-width: 0; }}
    [data-testid="stColumn"]:has([data-testid="stElementContainer"]:only-child > [data-testid="stMetric"]) {{
        min-width: calc(50% - 0.5rem); flex-basis: calc(50% - 0.5rem); }}
}}
"""
_SETTLED = 250  # ms: a page that is being drawn changes many times
# Streamlit calls this again whenever the theme changes, and at the end the cleanup of the last call alone.
_JS = f"""
const FRAMES = '[data-testid="stTable"] > div, '
    + '[data-testid="stElementContainer"]:has(> [data-testid="stFullScreenFrame"] > [data-testid="stPlotlyChart"])';
export default function ({{ parentElement }}) {{
    parentElement.goldenLayersStop?.();
    let waiting = 0;
    const look = () => {{
        waiting = 0;
        for (const frame of document.querySelectorAll(FRAMES)) {{
            const scrolls = frame.scrollWidth > frame.clientWidth + 1;
            const label = frame.querySelector("[aria-label]")?.getAttribute("aria-label");
            const said = {{ tabindex: "0", ...(label && {{ role: "region", "aria-label": label }}) }};
            for (const name of ["tabindex", "role", "aria-label"]) {{
                if (scrolls && said[name]) frame.setAttribute(name, said[name]);
                else frame.removeAttribute(name);
            }}
        }}
    }};
    const soon = () => {{ waiting ||= setTimeout(look, {_SETTLED}); }};
    const watcher = new MutationObserver(soon);
    watcher.observe(document.body, {{ childList: true, subtree: true }});
    addEventListener("resize", soon);
    soon();
    const stop = () => {{ watcher.disconnect(); removeEventListener("resize", soon); clearTimeout(waiting); }};
    parentElement.goldenLayersStop = stop;
    return stop;
}}
"""
_frames = st.components.v2.component("scrolling_frames", html="<span></span>", js=_JS)


def frames() -> None:
    """Once a page, before it is drawn."""
    _frames(key="scrolling_frames", height=0)
