"""The bar of a job, and a part of a page that listens to one, in a real Chromium, where news are easily missed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lga_core.bench.dashboard.server import served

pytestmark = pytest.mark.browser

ENDED = """
import streamlit as st

from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request
from pages._ui.shell.progress_bar import progress_bar

if "job" not in st.session_state:
    st.session_state.job = Job(1, "Scoring layers", Request(model="tiny"))
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
NEWS = """
import streamlit as st

from lga_core.progress import Phase, Progress
from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request
from pages._ui.shell.progress_bar import drawn_with_news

if "job" not in st.session_state:
    st.session_state.job = Job(1, "Editing", Request(model="tiny"))
    st.session_state.page_runs = st.session_state.part_runs = 0
job = st.session_state.job
st.session_state.page_runs += 1


def part():
    st.session_state.part_runs += 1
    st.write(f"Shown: {job.published}, the part {st.session_state.part_runs}, the page {st.session_state.page_runs}.")
    if st.button("Next phase"):
        job.report(Progress(phase=Phase.FLUENCY, done=0, total=4))
    if st.button("Show"):
        job.show("the first numbers")


drawn_with_news(job, "live", part)
"""
APP = """
import streamlit as st

from pages._ui.shell.progress_feed import ROUTE

app = st.App("page.py", routes=[ROUTE])
"""


def test_a_job_that_ended_while_its_bar_was_drawn(page: Page, tmp_path: Path):
    """Nothing but the bar can say so: the script has looked at the job before."""
    with opened(page, tmp_path, ENDED):
        expect(page.get_by_text("The script knows.")).to_be_visible()


def test_a_part_of_a_page_runs_alone_at_the_news_of_its_job(page: Page, tmp_path: Path):
    """And not when the job begins another phase."""
    with opened(page, tmp_path, NEWS):
        expect(page.get_by_text("Shown: None, the part 1, the page 1.")).to_be_visible()
        page.get_by_role("button", name="Next phase").click()
        expect(page.get_by_text("Shown: None, the part 2, the page 1.")).to_be_visible()
        page.wait_for_timeout(2500)
        expect(page.get_by_text("Shown: None, the part 2, the page 1.")).to_be_visible()
        page.get_by_role("button", name="Show", exact=True).click()
        # A part that takes long to run is told once more.
        expect(
            page.get_by_text(re.compile(r"Shown: the first numbers, the part ([4-9]|\d\d), the page 1\."))
        ).to_be_visible()


@contextmanager
def opened(page: Page, folder: Path, script: str) -> Iterator[None]:
    """This script's page."""
    (folder / "page.py").write_text(script, encoding="utf-8")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    with served(folder / "home", {}, folder / "server.log", folder / "app.py") as server:
        page.goto(server.address)
        yield
        page.goto("about:blank")  # what it asks of the server would fail
