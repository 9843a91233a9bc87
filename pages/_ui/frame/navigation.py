"""The list of pages, and what stands around every one of them."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages._ui.frame import guide, narrow, theme
from pages._ui.runs import opening, recorded
from pages._ui.session import tab
from pages._ui.session.state import session
from pages._ui.shell import layer_choice
from pages._ui.shell.engine import warm_up
from pages._ui.shell.errors import boxed

PAGES = (
    ("golden_layers.py", "Golden layers", ":material/bar_chart:"),
    ("facts.py", "Facts", ":material/fact_check:"),
    ("causal_trace.py", "Causal trace", ":material/grid_on:"),
    ("trial_edit.py", "Trial edit", ":material/edit:"),
    ("layer_sweep.py", "Layer sweep", ":material/stacked_line_chart:"),
    ("edits.py", "Edits", ":material/library_books:"),
    ("playground.py", "Playground", ":material/forum:"),
    ("runs.py", "Runs", ":material/history:"),
)


def chosen_page(*, listed: bool) -> StreamlitPage:
    """The page that the address asks for; the first one is the default. `listed`: the pages are shown in a menu."""
    return st.navigation(
        [st.Page(path, title=title, icon=icon, default=index == 0) for index, (path, title, icon) in enumerate(PAGES)],
        position="top" if listed else "hidden",
    )


def run(page: StreamlitPage) -> None:
    """Run the page with what stands around it: theme, guide, notices, the mark of recorded numbers, the address."""
    layer_choice.apply_clicks()
    theme.watch()
    narrow.frames()
    warm_up()
    opening.show_notices()
    session().shown_run = None
    session().also_shown.clear()
    session().compute = None
    above = st.container()  # it is drawn after the page, which says what it shows
    _tab_and_guide()
    with boxed("The page"):  # what follows is for one that failed, too
        page.run()
    session().pressed = None  # a button that this page does not have
    session().put.clear()
    with above:
        recorded.mark()
    opening.write_address()


@st.fragment(key="tab_and_guide")
def _tab_and_guide() -> None:
    """The browser says which tab this is once it has begun to draw the page: then this runs again, and nothing else."""
    tab.recognize()
    guide.show()
