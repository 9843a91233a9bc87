"""The app under Streamlit's own test runner, on a tiny model in a local folder and facts of the test's own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.pages.driving import RECORDS, name_model, upload

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache folder of its own, and no cache of an earlier test."""
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LGA_ACCEPT_TERMS", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def app() -> Iterator[AppTest]:
    """The first screen. No page may end in an exception element."""
    running = AppTest.from_file(str(APP), default_timeout=60).run()
    yield running
    assert not running.exception


@pytest.fixture
def ready(app: AppTest, tiny_folder: Path) -> AppTest:
    """The tiny model and ten uploaded facts are chosen."""
    name_model(app, str(tiny_folder))
    upload(app, "ten.json", json.dumps(RECORDS).encode())
    app.button(key="use_upload").click().run()
    return app
