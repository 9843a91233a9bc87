"""The ledger's page: keeping, switching, ordering, several facts at once, files, and that sessions stay apart."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from transformers import AutoModelForCausalLM

from lga_core.editing.edit_set import edit_set_bytes
from lga_core.models.fingerprint import weights_hash
from pages._ui.model import shelf
from tests.pages.conftest import APP
from tests.pages.driving import RECORDS, metrics, name_model, upload, wait, words


@pytest.fixture
def steps(ready: AppTest) -> AppTest:
    """The trial page with a layer, the model in memory, and short searches without a second moment."""
    ready.switch_page("pages/trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    quick(ready)
    ready.button(key="edit").click().run()
    return wait(ready)


def quick(app: AppTest) -> None:
    app.number_input(key="set_r-rome_value_steps").set_value(2).run()
    app.number_input(key="set_r-rome_contexts").set_value(0).run()
    app.selectbox(key="set_r-rome_covariance").select("identity").run()


def book(app: AppTest):
    """The session's only one."""
    opened, = app.session_state["lga"].books.values()
    return opened


def edits_page(app: AppTest, facts: int = 3) -> AppTest:
    """Three facts written one after another."""
    app.switch_page("pages/edits.py").run()
    app.segmented_control(key=view_key(app)).set_value("several").run()
    first = next(item for item in app.number_input if item.key.startswith("first_n"))
    first.set_value(facts).run()
    app.button(key="edit_several").click().run()
    return wait(app)


def view_key(app: AppTest) -> str:
    return next(item.key for item in app.segmented_control if (item.key or "").startswith("edits_view"))


def subjects(app: AppTest) -> list[str]:
    return [entry.facts[0].subject for entry in book(app).ledger.entries]


def test_a_trial_is_kept_once_and_stands_in_the_ledger_with_its_numbers(steps: AppTest):
    report = steps.session_state["lga"].trials[-1].report
    steps.button(key="keep").click().run()
    wait(steps)
    assert steps.button(key="keep").disabled and steps.button(key="keep").label == "Kept"
    steps.switch_page("pages/edits.py").run()
    entry, = book(steps).ledger.entries
    assert entry.layers == (1,) and entry.editor == "r-rome" and not book(steps).ledger.stale(entry.id)
    fact = book(steps).report.facts[0]
    assert {name: fact.now[name] for name in fact.now} == {name: report.after[name] for name in report.after}
    assert metrics(steps)["Rewrite, n 1"].count("→") == 1
    shown = words(steps)
    assert "R-ROME" in shown and "sequential" in shown and "1 edit, 1 on" in shown
    assert len(steps.get("plotly_chart")) == 1


def test_several_facts_one_after_another_are_measured_after_each(steps: AppTest):
    edits_page(steps)
    opened = book(steps)
    assert len(opened.ledger.entries) == 3
    assert [len(change.report.facts) for change in opened.changes] == [1, 2, 3]
    assert [entry.on for entry in opened.ledger.entries] == [
        tuple(entry.id for entry in opened.ledger.entries[:place]) for place in range(3)]
    assert opened.current and metrics(steps)["Rewrite, n 3"]


def test_off_moved_removed_undone(steps: AppTest):
    edits_page(steps)
    first, second, third = book(steps).ledger.entries
    before = subjects(steps)
    model = shelf().peek(steps.session_state["lga"].question.model)
    untouched = weights_hash(model.model)

    steps.toggle(key=f"on_{first.id}").set_value(False).run()
    wait(steps)
    assert [entry.enabled for entry in book(steps).ledger.entries] == [False, True, True]
    assert "computed on another set of edits" in words(steps) and steps.button(key="recompute").label.endswith(
        "2 stale edits")
    assert metrics(steps)["Rewrite, n 2"] and book(steps).report.facts[0].enabled is False

    steps.button(key=f"up_{third.id}").click().run()
    wait(steps)
    assert subjects(steps) == [before[0], before[2], before[1]]
    assert [change.words for change in book(steps).changes][-2:] == [f"{before[0]} off", f"moved {before[2]} up"]

    steps.button(key=f"remove_{second.id}").click().run()
    wait(steps)
    assert subjects(steps) == [before[0], before[2]]

    steps.button(key="recompute").click().run()
    wait(steps)
    assert not any(book(steps).ledger.stale(entry.id) for entry in book(steps).ledger.enabled)
    assert not [item for item in steps.button if item.key == "recompute"]

    steps.button(key="undo_all").click().run()
    wait(steps)
    assert book(steps).ledger.entries == () and book(steps).changes == [] and "No edit is kept" in words(steps)
    assert weights_hash(model.model) == untouched


def test_an_edit_that_is_off_gives_back_the_unedited_answers(steps: AppTest):
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("pages/edits.py").run()
    entry, = book(steps).ledger.entries
    steps.toggle(key=f"on_{entry.id}").set_value(False).run()
    wait(steps)
    fact = book(steps).report.facts[0]
    assert fact.now == fact.before and metrics(steps)["Rewrite, n 0"] == "n/a"


def test_a_batch_is_one_entry_and_only_for_editors_that_can(steps: AppTest):
    steps.switch_page("pages/edits.py").run()
    assert steps.segmented_control(key="mode").disabled and "one fact at a time" in words(steps)
    steps.selectbox(key="editor").select("emmet").run()
    assert "Batches of facts: yes" in words(steps)
    for name, value in (("value_steps", 2), ("contexts", 0)):
        steps.number_input(key=f"set_emmet_{name}").set_value(value).run()
    steps.selectbox(key="set_emmet_covariance").select("identity").run()
    steps.segmented_control(key="mode").set_value("batch").run()
    next(item for item in steps.number_input if item.key.startswith("first_n")).set_value(3).run()
    steps.button(key="edit_several").click().run()
    wait(steps)
    entry, = book(steps).ledger.entries
    assert len(entry.facts) == 3 and entry.mode == "batch" and len(book(steps).report.facts) == 3


def test_cancelled_what_is_finished_stays_and_can_be_measured(steps: AppTest):
    steps.number_input(key="set_r-rome_value_steps").set_value(400).run()
    steps.number_input(key="set_r-rome_value_stop_nll").set_value(0.0).run()
    steps.switch_page("pages/edits.py").run()
    next(item for item in steps.number_input if item.key.startswith("first_n")).set_value(8).run()
    steps.toggle(key="measure_each").set_value(False).run()
    steps.button(key="edit_several").click().run()
    wait(steps, lambda: len(book(steps).ledger.entries) >= 2)
    steps.button(key="cancel_ledger").click().run()
    wait(steps)
    kept = len(book(steps).ledger.entries)
    assert 2 <= kept < 8 and book(steps).report is None
    assert "was cancelled. What was finished is kept." in words(steps)
    steps.button(key="measure").click().run()
    wait(steps)
    assert len(book(steps).report.facts) == kept


def saved(app: AppTest) -> bytes:
    model = shelf().peek(app.session_state["lga"].question.model)
    return edit_set_bytes(book(app).ledger, model)


def load(app: AppTest, name: str, content: bytes) -> AppTest:
    app.segmented_control(key=view_key(app)).set_value("files").run()
    app.file_uploader(key="load_edits").upload(name, content, "application/zip").run()
    return wait(app)


def test_a_saved_set_comes_back_and_a_damaged_one_is_refused_with_the_reason(steps: AppTest):
    edits_page(steps)
    content, ids = saved(steps), [entry.id for entry in book(steps).ledger.entries]
    steps.button(key="undo_all").click().run()
    wait(steps)
    load(steps, "edits.zip", content)
    assert [entry.id for entry in book(steps).ledger.entries] == ids and len(book(steps).report.facts) == 3
    assert not any(book(steps).ledger.stale(id) for id in ids)

    load(steps, "cut.zip", content[: len(content) // 2])
    assert any("damaged" in item.value or "no .zip" in item.value or "zip" in item.value for item in steps.error)
    assert [entry.id for entry in book(steps).ledger.entries] == ids

    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "manifest.json":
                plain = json.loads(part)
                plain["entries"][0]["layers"] = [0]
                part = json.dumps(plain).encode()
            new.writestr(name, part)
    load(steps, "changed.zip", changed.getvalue())
    assert "not as it was written" in words(steps)
    assert [entry.id for entry in book(steps).ledger.entries] == ids


def test_an_exported_model_is_the_edited_one(steps: AppTest, tmp_path: Path):
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("pages/edits.py").run()
    steps.segmented_control(key=view_key(steps)).set_value("files").run()
    assert "Writes a whole model, " in words(steps)
    steps.text_input(key="export_path").input(str(tmp_path / "merged")).run()
    steps.button(key="export").click().run()
    wait(steps)
    assert "Written to" in " ".join(item.value for item in steps.success)
    edit, = book(steps).ledger.edits
    model = shelf().peek(steps.session_state["lga"].question.model)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").get_submodule(edit.matrix).weight
    assert (merged - model.model.get_submodule(edit.matrix).weight - edit.delta).abs().max() < 1e-5

    steps.button(key="export").click().run()
    wait(steps)
    assert "is there already" in words(steps)


def test_two_sessions_on_one_model_do_not_see_each_others_edits(steps: AppTest, tiny_folder: Path):
    steps.button(key="keep").click().run()
    wait(steps)
    other = AppTest.from_file(str(APP), default_timeout=60).run()
    name_model(other, str(tiny_folder))
    upload(other, "ten.json", json.dumps(RECORDS).encode())
    other.button(key="use_upload").click().run()
    other.switch_page("pages/edits.py").run()
    assert "No edit is kept" in words(other) and not other.exception
    assert len(book(steps).ledger.entries) == 1
