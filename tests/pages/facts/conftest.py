"""The facts page opened on ten facts, and what its download buttons would hand over."""

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.pages.facts.driving import open_page


@pytest.fixture
def page(ready: AppTest) -> AppTest:
    """The facts page with the tiny model and the ten facts."""
    return open_page(ready)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], str]]:
    """What each download button would hand to the browser, by its key: Streamlit makes it when it is asked for."""
    made, original = {}, st.download_button

    def button(label, data, **settings):
        made[settings["key"]] = data
        return original(label, data, **settings)

    monkeypatch.setattr(st, "download_button", button)
    return made
