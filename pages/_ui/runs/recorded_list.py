"""The runs of the recorded example, which the page Runs offers before this machine has stored one of its own."""

import streamlit as st

from lga_core.service.reading.reopening import can_reopen
from pages._ui.runs.listed import model_title
from pages._ui.runs.one_run import open_run
from pages._ui.shell.engine import recorded_runs


def show() -> None:
    """One to choose and open in its page; nothing where no example comes with the code."""
    headers = [header for header in recorded_runs().headers() if can_reopen(header)]
    by_words = {f"{header.what} · {model_title(header)} · {header.key[:8]}": header for header in headers}
    if not by_words:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Runs of the recorded example", sorted(by_words), key="recorded_run")
        st.button(
            "Open in its page",
            key="open_recorded",
            icon=":material/open_in_new:",
            on_click=open_run,
            args=(by_words[chosen],),
        )
