"""The app under Streamlit's own test runner, with a real engine process, a tiny model and facts of the test's own.

One engine serves all tests: starting one means importing torch, which takes seconds. Each test has a model of its own,
so no test is answered from what another one stored.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lga_core.runs.shipped import example
from lga_core.service.process.client import EngineClient
from pages._ui.session.state import Kept, tabs
from pages._ui.shell import engine
from tests.pages.driving import RECORDS, name_model, upload

APP = Path(__file__).parents[2] / "pages" / "dashboard.py"


class SharedEngine(EngineClient):
    """Outlives the clearing of Streamlit's caches between two tests."""

    def warm_up(self) -> None:
        """The first request starts it."""

    def close(self) -> None:
        """Not yet: `stop` ends it."""

    def stop(self) -> None:
        super().close()


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of the engine and of the pages."""
    return tmp_path_factory.mktemp("lga-home")


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[SharedEngine]:
    """The engine of all tests. Its process has the environment of the test that starts it."""
    client = SharedEngine(grace=None)
    yield client
    client.stop()


@pytest.fixture(autouse=True)
def own_server(shared_home: Path, shared_engine: SharedEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that has no results of this visitor yet."""
    monkeypatch.setenv("LGA_HOME", str(shared_home))
    monkeypatch.setenv("LGA_OFFLINE", "1")
    monkeypatch.setenv("LGA_THREADS", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing answers there
    monkeypatch.delenv("LGA_ACCEPT_TERMS", raising=False)
    monkeypatch.setattr(example, "FOLDER", shared_home / "no recorded example")
    monkeypatch.setattr(engine, "EngineClient", lambda: shared_engine)
    forget_all()
    tabs()["of an earlier visitor"] = Kept()  # else the app would open with what the tests before have stored
    yield
    running = shared_engine.running()
    for job in running:
        shared_engine.cancel(job)
    for job in running:  # else what it still writes is the next test's last run
        job.wait(60)
    forget_all()


def forget_all() -> None:
    """As after a restart of the server."""
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def model_folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A plain transformers folder with the tiny Llama, whose fingerprint no other test's model has."""
    folder = tmp_path / "tiny-llama"
    shutil.copytree(tiny_folder, folder)
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"note": str(tmp_path)}))
    return folder


@pytest.fixture
def app() -> Iterator[AppTest]:
    """The first screen. No page may end in an exception element, or with a number that nothing defines."""
    running = AppTest.from_file(str(APP), default_timeout=900).run()
    yield running
    assert not running.exception
    assert [metric.label for metric in running.metric if not metric.proto.help] == []
    assert not any("unexpected error" in item.value for item in running.error)


@pytest.fixture
def ready(app: AppTest, model_folder: Path) -> AppTest:
    """The tiny model and ten uploaded facts are chosen."""
    name_model(app, str(model_folder))
    upload(app, "ten.json", json.dumps(RECORDS).encode())
    app.button(key="use_upload").click().run()
    return app


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Any]]:
    """What each download button would hand to the browser, by its key or label: Streamlit makes it when asked."""
    made, original = {}, st.download_button

    def button(label, data, **settings):
        made[settings.get("key", label)] = data
        return original(label, data, **settings)

    monkeypatch.setattr(st, "download_button", button)
    return made
