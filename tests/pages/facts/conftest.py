"""The facts page opened on ten facts."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.facts.driving import open_page


@pytest.fixture
def page(ready: AppTest) -> AppTest:
    """The facts page with the tiny model and the ten facts."""
    return open_page(ready)
