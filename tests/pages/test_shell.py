"""What all pages share: they run without torch, and a click on a chart chooses layers."""

import os
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.progress import STATE, Phase, Progress
from lga_core.service.process.jobs import Snapshot
from pages._ui.shell.progress_feed import how_far
from tests.pages.conftest import APP
from tests.pages.driving import wait

EVERY_PAGE = """
import sys
for name in ("torch", "transformers", "captum", "datasets"):
    sys.modules[name] = None
from streamlit.testing.v1 import AppTest
from pages._ui.shell import engine
from pages._ui.frame import navigation
engine.SECONDS_FIRST = 3600.0                # no engine in this test
app = AppTest.from_file("pages/dashboard.py", default_timeout=900).run()
for path, title, _ in navigation.PAGES:
    app.switch_page(path).run()
    assert not app.exception and app.title, title
"""


def test_every_page_runs_without_torch_engine_and_model(tmp_path):
    """The server's process never imports it; nothing is stored and no model is fetched."""
    done = subprocess.run(
        [sys.executable, "-c", EVERY_PAGE],
        cwd=APP.parents[1],
        capture_output=True,
        text=True,
        env={**os.environ, "LGA_HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_number_that_the_address_leaves_out_is_the_one_that_it_means(app: AppTest):
    """A widget's default is not in the address: with another default than 32 a link would show other facts."""
    assert app.number_input(key="n").proto.default == app.number_input(key="n").value == 32


@pytest.mark.parametrize(
    "phase, done, total, unit, words",
    [
        (Phase.FETCH, 50_000_000, 98_000_000, "", "Fetching the model · 50 of 98 MB"),
        (Phase.FETCH, 0, 1, "", "Fetching the model"),  # its size is not known yet
        (Phase.CHECK_FILES, 2_000_000, 5_000_000, "", "Checking the files · 2 of 5 MB"),
        (Phase.SWEEP, 41_000, 120_000, "", "Sweep · 41,000 of 120,000 edits"),
        (Phase.SECOND_MOMENTS, 30_000, 100_000, "", "Second moments · 30,000 of 100,000"),
        (Phase.CMA_MLP, 40, 330, STATE, "CMA, MLP · 40 of 330 states"),
        (Phase.CMA_MLP, 4, 32, "", "CMA, MLP · 4 of 32 facts"),
        (Phase.LGA, 4, 32, "", "LGA · 4 of 32 facts"),
    ],
)
def test_steps_are_bytes_facts_states_or_edits_where_the_phase_or_the_step_says_so(
    phase: Phase, done: int, total: int, unit: str, words: str
):
    progress = Progress(phase=phase, done=done, total=total, unit=unit)
    assert how_far(Snapshot(state="running", progress=progress, behind="", left=None)) == words


@pytest.fixture
def scored(ready: AppTest) -> AppTest:
    ready.button(key="score").click().run()
    return wait(ready)


def test_a_clicked_layer_is_chosen_and_a_second_click_takes_it_out(scored: AppTest):
    memory = scored.session_state["lga"]
    memory.clicked = {2}  # as the chart's callback leaves it, which the test runner does not call
    scored.run()
    assert scored.multiselect(key="layers").value == [2] and not memory.clicked
    memory.clicked = {1, 2}
    scored.run()
    assert scored.multiselect(key="layers").value == [1]
