"""Two stored runs: scores and an edit."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.driving import wait


@pytest.fixture
def scored(ready: AppTest) -> AppTest:
    """Four facts are scored and one is edited; both runs are the last ones of the store."""
    ready.number_input(key="n").set_value(4).run()
    ready.button(key="score").click().run()
    wait(ready)
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    ready.selectbox(key="set_r-rome_covariance").select("identity").run()
    ready.button(key="edit").click().run()
    return wait(ready)
