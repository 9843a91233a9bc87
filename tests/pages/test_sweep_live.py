"""The part of the sweep page that is drawn again by itself while a job runs."""

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.shell import engine
from pages._ui.sweep import results
from tests.pages.driving import files_come_later, metrics, wait


def test_the_results_are_there_once_the_models_files_are(ready: AppTest, monkeypatch: pytest.MonkeyPatch):
    """They come while the sweep runs, after the page was drawn."""
    ready.number_input(key="n").set_value(2).run()
    ready.switch_page("layer_sweep.py").run()
    ready.selectbox(key="editor").select("ft-m").run()
    ready.slider(key="sweep_layers_4").set_value((2, 2)).run()
    ready.button(key="sweep").click().run()
    wait(ready)
    assert metrics(ready)["Best layer"] == "2"

    files = files_come_later(monkeypatch, results, engine)
    ready.run()
    assert files and metrics(ready)["Best layer"] == "2"
