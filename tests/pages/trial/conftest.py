"""The trial page with a layer chosen."""

import pytest
from streamlit.testing.v1 import AppTest


@pytest.fixture
def page(ready: AppTest) -> AppTest:
    """The trial page with layer 1; no job has run, so the model is not in memory."""
    ready.switch_page("trial_edit.py").run()
    return ready.multiselect(key="layers").set_value([1]).run()
