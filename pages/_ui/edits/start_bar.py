"""The bar of work that goes on from what is stored: what it takes, and the button that starts it or goes on."""

import streamlit as st

from lga_core.service.requests import Request
from pages._ui.shell import jobs
from pages._ui.shell.errors import job_outcome


def start_bar(
    words: str, label: str, area: str, request: Request, title: str, *, key: str, begun: bool, complete: bool, kept: str
) -> None:
    """`label` is the button's before anything is measured; `kept`: what a cancelled job has left."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"{area}_bar"):
        st.markdown(words, width="stretch")
        jobs.start_button(
            "Go on" if begun and not complete else label,
            "stacked_line_chart",
            area,
            request,
            title,
            disabled=complete,
            key=key,
            type="secondary" if complete else "primary",
        )
    job_outcome(jobs.last_job_of(area, request), kept)
