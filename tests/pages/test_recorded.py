"""A first visit: every page shows the recorded example, marked as such, until the same is measured here."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.models.loading import load
from lga_core.results import TrialStage
from lga_core.runs.shipped import example
from lga_core.runs.shipped.example_writing import write_example
from lga_core.runs.storage.store import Store
from lga_core.service.process.jobs import Job
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
    return AppTest.from_file(str(APP), default_timeout=900)


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
    assert "A finished example of" in words(AppTest.from_file(str(APP), default_timeout=900).run())


def test_what_is_chosen_before_the_browser_has_named_its_tab_stays(
    recorded_example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(example, "FOLDER", recorded_example[0])
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    named: list[str] = []
    monkeypatch.setattr(
        "pages._ui.session.tab._component", lambda **_: SimpleNamespace(name=named[0] if named else None)
    )
    app = AppTest.from_file(str(APP), default_timeout=900).run()
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
    assert "Trial edits in this tab" in words(first_visit)
    history = next(frame.value for frame in first_visit.dataframe if "editor" in frame.value.columns)
    assert list(history["recorded"]) == ["yes", "yes"]
    first_visit.switch_page("layer_sweep.py").run()
    assert first_visit.get("plotly_chart")


def test_what_is_measured_here_takes_its_place(first_visit: AppTest, recorded_example):
    scores = recorded_example[1].models[0].runs[0]
    first_visit.query_params["run"] = scores
    first_visit.run()
    assert "A finished example of" in words(first_visit) and "Sweep" in ways(first_visit)
    first_visit.button(key="compute_here").click().run()
    wait(first_visit)
    first_visit.run()
    assert not first_visit.error and "finished example of" not in words(first_visit)
    assert first_visit.get("plotly_chart")
    assert "LGA" in ways(first_visit) and "Sweep" not in ways(first_visit), "nothing was swept here"


def test_a_page_that_is_recorded_in_part_says_so(first_visit: AppTest, recorded_example, tmp_path, monkeypatch):
    """As after a stop: LGA's scores are measured here, the others are the example's."""
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    Store().root.mkdir(parents=True)
    first_visit.query_params["run"] = recorded_example[1].models[0].runs[0]
    first_visit.run()
    shown = first_visit.session_state["lga"].shown_run
    for suffix in (".json", ".jsonl"):
        shutil.copy(recorded_example[0] / f"{shown}{suffix}", Store().path(shown, suffix))
    assert not Store(recorded=recorded_example[0]).is_recorded(shown)
    first_visit.run()
    assert "Part of what this page shows is a finished example of" in words(first_visit)
    assert "Sweep" not in ways(first_visit)


def ways(page: AppTest) -> str:
    """The ways to pick a layer in the answer's table."""
    return " ".join(str(cell) for table in page.table for cell in table.value.iloc[:, 0])


def test_own_work_is_not_called_recorded(first_visit: AppTest, recorded_example, tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    first_visit.run()
    for page in ("edits", "playground"):
        first_visit.switch_page(f"{page}.py").run()
        assert "A finished example of" not in words(first_visit), page
    first_visit.switch_page("trial_edit.py").run()
    assert "A finished example of" in words(first_visit)
    shown = kept(first_visit).trials[-1]
    own = Job(0, "My edit", replace(shown.request, layers=(2,)))
    kept(first_visit).keep_job("edit", own)
    kept(first_visit).add_trial(own)
    first_visit.run()
    assert "A finished example of" not in words(first_visit) and "Editing." in words(first_visit)
    own.show(TrialStage(report=replace(shown.result[0], diagnostics=None), missing=("side effects",)))
    first_visit.run()
    assert "A finished example of" not in words(first_visit) and "being measured" in words(first_visit)
    own.end("cancelled")
    first_visit.run()
    assert "A finished example of" not in words(first_visit) and "My edit was cancelled" in words(first_visit)

    first_visit.session_state["lga"].reopening = recorded_example[1].models[0].runs[-1:]
    first_visit.run()
    assert "A finished example of" in words(first_visit) and "was cancelled" not in words(first_visit)


def test_own_work_does_not_tick_off_scores_that_are_recorded(first_visit: AppTest, tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    first_visit.run()
    kept(first_visit).run = "0" * 64  # as after a trial that was measured here
    first_visit.switch_page("edits.py").run()
    icons = {link.proto.label.strip("*"): link.proto.icon for link in first_visit.get("page_link")}
    assert icons["Score the layers"] == ":material/counter_2:"


def test_the_trial_that_is_shown_is_what_is_computed_here(first_visit: AppTest, recorded_example):
    """Whatever the form has, also where it has no layer."""
    first_visit.query_params["run"] = recorded_example[1].models[0].runs[-1]
    first_visit.run()
    first_visit.switch_page("trial_edit.py").run()
    first_visit.multiselect(key="layers").set_value([]).run()
    recorded = kept(first_visit).trials[-1].request
    assert "A finished example of" in words(first_visit)
    first_visit.button(key="compute_here").click().run()
    wait(first_visit)
    first_visit.run()
    assert kept(first_visit).trials[-1].request == recorded and set(kept(first_visit).jobs) == {"edit"}
    assert not first_visit.error and "A finished example of" not in words(first_visit)
    assert "Trial edits in this tab" not in words(first_visit), "it has taken the recorded one's place"


def test_the_scores_of_another_question_are_not_computed_in_place_of_those_shown(
    first_visit: AppTest, tmp_path, monkeypatch
):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    first_visit.run()
    assert not first_visit.button(key="compute_here").disabled
    first_visit.number_input(key="n").set_value(3).run()
    assert "A finished example of" in words(first_visit) and first_visit.button(key="compute_here").disabled


def test_the_page_of_runs_opens_the_recorded_ones(first_visit: AppTest, tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "empty"))
    first_visit.run()
    first_visit.switch_page("runs.py").run()
    assert "Nothing is stored yet" in words(first_visit) and "A finished example of" in words(first_visit)
    listed = first_visit.selectbox(key="recorded_run")
    trace = next(words for words in listed.options if words.startswith("Causal trace: attention"))
    listed.select(trace).run()
    first_visit.button(key="open_recorded").click().run()
    assert not first_visit.exception and first_visit.title[0].value == "Causal trace"
