"""The bar of a job in a real Chromium, where the job's end is easily missed."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lga_core.bench.dashboard.server import served

pytestmark = pytest.mark.browser

PAGE = """
import streamlit as st

from lga_core.service.process.jobs import Job
from lga_core.service.requests import LoadRequest
from pages._ui.shell.progress_bar import progress_bar

if "job" not in st.session_state:
    st.session_state.job = Job(1, "Scoring layers", LoadRequest(model="tiny"))
    st.session_state.runs = 0
    st.session_state.job.end("finished")


@st.fragment
def bars():
    st.session_state.runs += 1
    if st.session_state.runs < 3:  # the first words are lost on the script
        progress_bar(st.session_state.job, "bar")
    else:
        st.write("The script knows.")


bars()
"""
APP = """
import streamlit as st

from pages._ui.shell.progress_feed import ROUTE

app = st.App("page.py", routes=[ROUTE])
"""


def test_a_job_that_ended_while_its_bar_was_drawn(page: Page, tmp_path: Path):
    """Nothing but the bar can say so: the script has looked at the job before."""
    (tmp_path / "page.py").write_text(PAGE, encoding="utf-8")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    with served(tmp_path / "home", {}, tmp_path / "server.log", tmp_path / "app.py") as server:
        page.goto(server.address)
        expect(page.get_by_text("The script knows.")).to_be_visible()
