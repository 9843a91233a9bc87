"""A first visit: every page shows the recorded example, marked as such, until the same is measured here."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.models.loading import load
from lga_core.runs.shipped import example
from lga_core.runs.shipped.example_writing import write_example
from pages._ui.session.state import tabs
from tests.pages.conftest import APP
from tests.pages.driving import kept, wait, words

PAGES = ("golden_layers", "facts", "causal_trace", "trial_edit", "layer_sweep")


@pytest.fixture(scope="module")
def recorded_example(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, example.Example]:
    """Made of the tiny model by the function that makes the one that comes with the code."""
    model = tmp_path_factory.mktemp("recorded") / "tiny-llama"
    shutil.copytree(tiny_folder, model)
    folder = model.parent / "demo"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LGA_HOME", str(model.parent / "home"))
        return folder, write_example(folder, load, (str(model),), swept=1)


@pytest.fixture
def first_visit(recorded_example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app where nothing was ever measured, after the browser has said which tab it is."""
    monkeypatch.setattr(example, "FOLDER", recorded_example[0])
    monkeypatch.setattr("pages._ui.session.tab._component", lambda **_: SimpleNamespace(name=str(tmp_path)))
    return AppTest.from_file(str(APP), default_timeout=60)


def test_every_page_shows_it_before_anything_is_measured(first_visit: AppTest, tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    first_visit.run()
    for page in PAGES:
        first_visit.switch_page(f"{page}.py").run()
        assert not first_visit.exception, page
        assert "A finished example of" in words(first_visit), page
        assert first_visit.button(key="compute_here"), page
    assert not (tmp_path / "empty" / "runs").exists(), "reading it must write nothing"


def test_a_page_without_an_answer_is_not_called_recorded(first_visit: AppTest, tmp_path, monkeypatch):
    """Where the address asks what was not scored, after another page has shown the example."""
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    first_visit.run()
    first_visit.switch_page("layer_sweep.py").run()
    assert "A finished example of" in words(first_visit)
    kept(first_visit).asked = None
    first_visit.switch_page("golden_layers.py").run()
    assert first_visit.button(key="score_first") and "A finished example of" not in words(first_visit)


def test_a_fresh_server_shows_it_before_the_browser_has_named_its_tab(
    recorded_example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(example, "FOLDER", recorded_example[0])
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    tabs().clear()
    assert "A finished example of" in words(AppTest.from_file(str(APP), default_timeout=60).run())


def test_what_is_chosen_before_the_browser_has_named_its_tab_stays(
    recorded_example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(example, "FOLDER", recorded_example[0])
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    named: list[str] = []
    monkeypatch.setattr(
        "pages._ui.session.tab._component", lambda **_: SimpleNamespace(name=named[0] if named else None)
    )
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.selectbox(key="model").select("other")
    app.query_params["model"] = "other"  # as the browser has it then
    app.run()
    named.append(str(tmp_path))
    app.run()
    assert app.selectbox(key="model").value == "other" and "A finished example of" not in words(app)


def test_a_model_that_is_here_with_another_fingerprint_hides_nothing_before_it_is_measured(
    first_visit: AppTest, recorded_example, tmp_path, monkeypatch
):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    here = replace(recorded_example[1].models[0].identity, fingerprint="converted with other versions")
    monkeypatch.setattr("lga_core.service.process.machine.identity", lambda name: here)
    first_visit.run()
    assert "A finished example of" in words(first_visit) and first_visit.get("plotly_chart")


def test_each_page_shows_the_recorded_numbers(first_visit: AppTest, tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    first_visit.run()
    first_visit.switch_page("golden_layers.py").run()
    assert first_visit.get("plotly_chart") and first_visit.table[0].value["layer"].notna().all()
    first_visit.switch_page("causal_trace.py").run()
    assert len(first_visit.get("plotly_chart")) == 4  # three kinds and the attributions
    first_visit.switch_page("trial_edit.py").run()
    assert "Trial edits of this session" in words(first_visit)
    first_visit.switch_page("layer_sweep.py").run()
    assert first_visit.get("plotly_chart")


def test_what_is_measured_here_takes_its_place(first_visit: AppTest, recorded_example):
    scores = recorded_example[1].models[0].runs[0]
    first_visit.query_params["run"] = scores
    first_visit.run()
    assert "A finished example of" in words(first_visit)
    first_visit.button(key="compute_here").click().run()
    wait(first_visit)
    first_visit.run()
    assert not first_visit.error and "A finished example of" not in words(first_visit)
    assert first_visit.get("plotly_chart")
