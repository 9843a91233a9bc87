"""A real engine process for each test module, with a cache folder of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lga_core.service.process.client import EngineClient


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def module_home(own_cache: None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's process looks where the engine writes."""
    monkeypatch.setenv("LGA_HOME", str(home))


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[EngineClient]:
    """Warm: torch is imported by the time the first test asks."""
    before = os.environ.get("LGA_HOME")
    os.environ["LGA_HOME"] = str(home)
    opened = EngineClient(grace=None)
    opened.warm_up()
    if before is None:
        del os.environ["LGA_HOME"]
    else:
        os.environ["LGA_HOME"] = before
    yield opened
    opened.close()
