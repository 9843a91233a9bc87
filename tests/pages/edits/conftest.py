"""The trial page after an edit that can be kept."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.driving import quick, wait


@pytest.fixture
def steps(ready: AppTest) -> AppTest:
    """The trial page after a trial edit at layer 1, with short searches and without a second moment."""
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    quick(ready)
    ready.button(key="edit").click().run()
    return wait(ready)
