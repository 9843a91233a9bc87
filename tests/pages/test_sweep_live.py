"""The part of the sweep page that is drawn again by itself while a job runs."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.shell import engine
from pages._ui.sweep import results
from tests.pages.driving import metrics, wait


def test_the_results_are_there_once_the_models_files_are(ready: AppTest, monkeypatch: pytest.MonkeyPatch):
    """They come while the sweep runs, after the page was drawn."""
    ready.number_input(key="n").set_value(2).run()
    ready.switch_page("layer_sweep.py").run()
    ready.selectbox(key="editor").select("ft-m").run()
    ready.slider(key="sweep_layers_4").set_value((2, 2)).run()
    ready.button(key="sweep").click().run()
    wait(ready)
    assert metrics(ready)["Best layer"] == "2"

    files: list[str] = []
    known = engine.identity

    def drawn_later(key: str, draw: Callable[[], None], job: Any, **settings: Any) -> None:
        files.append("model.safetensors")
        draw()

    monkeypatch.setattr(engine, "identity", lambda model: known(model) if files else None)
    monkeypatch.setattr(results, "live_with", drawn_later)
    ready.run()
    assert files and metrics(ready)["Best layer"] == "2"
