"""The frame around every page: the list of pages, and the promise that a page runs inside app.py.

Because there is a folder named pages/, Streamlit runs a page's file alone, without app.py, when a fresh server's very
first visitor opens a page's own address. Calling st.navigation once ends that mode for the whole server.
"""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages._ui.runs import opening, recorded
from pages._ui.session import tab
from pages._ui.session.state import session
from pages._ui.shell import layer_choice, narrow, theme
from pages._ui.shell.engine import warm_up

PAGES = (
    ("pages/golden_layers.py", "Golden layers", ":material/bar_chart:"),
    ("pages/facts.py", "Facts", ":material/fact_check:"),
    ("pages/causal_trace.py", "Causal trace", ":material/grid_on:"),
    ("pages/trial_edit.py", "Trial edit", ":material/edit:"),
    ("pages/layer_sweep.py", "Layer sweep", ":material/stacked_line_chart:"),
    ("pages/edits.py", "Edits", ":material/library_books:"),
    ("pages/playground.py", "Playground", ":material/forum:"),
    ("pages/runs.py", "Runs", ":material/history:"),
)


def navigation(*, icons: bool = True) -> StreamlitPage:
    """The page that the address asks for; the first one is the default."""
    return st.navigation(
        [
            st.Page(path, title=title, icon=icon if icons else None, default=index == 0)
            for index, (path, title, icon) in enumerate(PAGES)
        ],
        position="top",
    )


def run(page: StreamlitPage) -> None:
    """Run the page inside the frame."""
    session().framed = True
    layer_choice.take_clicks()
    theme.watch()
    narrow.frames()
    tab.recognize()
    warm_up()
    opening.notice()
    session().shown_run = None
    session().compute = None
    above = st.container()  # it is drawn after the page, which says what it shows
    try:
        page.run()
    finally:
        session().framed = False
    with above:
        recorded.mark()
    opening.write_address()


def require() -> None:
    """First line of every page: begin again with app.py where the page was run without it."""
    if not session().framed:
        navigation(icons=False)  # before set_page_config the browser would fetch an icon from elsewhere
        st.rerun()
