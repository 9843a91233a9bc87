"""The ledger's page: keeping, switching, ordering, several facts at once, files, and that sessions stay apart."""

import io
import json
import zipfile
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import AutoModelForCausalLM

from lga_core.service.ledger_view import EntryView, LedgerView
from lga_core.service.requests import SaveEditSet
from pages._ui.edits.ledger_jobs import LEDGER
from tests.pages.conftest import APP
from tests.pages.driving import RECORDS, jobs, kept, metrics, name_model, upload, wait, words


@pytest.fixture
def steps(ready: AppTest) -> AppTest:
    """The trial page after a trial edit at layer 1, with short searches and without a second moment."""
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    quick(ready)
    ready.button(key="edit").click().run()
    return wait(ready)


def quick(app: AppTest) -> None:
    app.number_input(key="set_r-rome_value_steps").set_value(2).run()
    app.number_input(key="set_r-rome_contexts").set_value(0).run()
    app.selectbox(key="set_r-rome_covariance").select("identity").run()


def ledger(app: AppTest) -> LedgerView:
    """The session's only one, as the page has it."""
    views = kept(app).ledgers
    return next(iter(views.values())) if views else LedgerView()


def enabled(app: AppTest) -> list[bool]:
    return [entry.enabled for entry in ledger(app).entries]


def job(app: AppTest):
    return kept(app).jobs[LEDGER]


def edits_page(app: AppTest, facts: int = 3) -> AppTest:
    """Three facts written one after another."""
    app.switch_page("edits.py").run()
    app.segmented_control(key="edits_view").set_value("several").run()
    first = next(item for item in app.number_input if item.key.startswith("first_n"))
    first.set_value(facts).run()
    app.button(key="edit_several").click().run()
    return wait(app)


def subjects(app: AppTest) -> list[str]:
    return [entry.facts[0].subject for entry in ledger(app).entries]


def changes(app: AppTest) -> list[str]:
    return [change.words for change in ledger(app).changes]


def test_a_trial_is_kept_once_and_stands_in_the_ledger_with_its_numbers(steps: AppTest):
    report, _stored = kept(steps).trials[-1].result
    steps.button(key="keep").click().run()
    wait(steps)
    assert steps.button(key="keep").disabled and steps.button(key="keep").label == "Kept"
    steps.switch_page("edits.py").run()
    (entry,) = ledger(steps).entries
    assert entry.layers == (1,) and entry.editor == "r-rome" and not entry.stale
    fact = ledger(steps).report.facts[0]
    assert {name: fact.now[name] for name in fact.now} == {name: report.after[name] for name in report.after}
    assert metrics(steps)["Rewrite, n 1"].count("→") == 1
    shown = words(steps)
    assert "R-ROME" in shown and "sequential" in shown and "1 edit, 1 on" in shown
    assert len(steps.get("plotly_chart")) == 1


def test_several_facts_one_after_another_are_measured_after_each(steps: AppTest):
    edits_page(steps)
    assert len(ledger(steps).entries) == 3 and not any(entry.stale for entry in ledger(steps).entries)
    assert [len(change.report.facts) for change in ledger(steps).changes] == [1, 2, 3]
    assert ledger(steps).current and metrics(steps)["Rewrite, n 3"]


def test_off_moved_removed_undone(steps: AppTest):
    edits_page(steps)
    first, second, third = ledger(steps).entries
    before = subjects(steps)

    steps.toggle(key=f"on_{first.id}").set_value(False).run()
    wait(steps)
    assert enabled(steps) == [False, True, True]
    assert "computed on another set of edits" in words(steps)
    assert steps.button(key="recompute").label.endswith("2 stale edits")
    assert metrics(steps)["Rewrite, n 2"] and ledger(steps).report.facts[0].enabled is False

    steps.button(key=f"up_{third.id}").click().run()
    wait(steps)
    assert subjects(steps) == [before[0], before[2], before[1]]
    assert changes(steps)[-2:] == [f"{before[0]} off", f"moved {before[2]} up"]

    steps.button(key=f"remove_{second.id}").click().run()
    wait(steps)
    assert subjects(steps) == [before[0], before[2]]

    steps.button(key="recompute").click().run()
    wait(steps)
    assert not any(entry.stale for entry in ledger(steps).enabled)
    assert not [item for item in steps.button if item.key == "recompute"]

    steps.button(key="undo_all").click().run()
    wait(steps)
    assert ledger(steps) == LedgerView() and "No edit is kept" in words(steps)


def test_a_change_is_shown_before_its_facts_are_measured(steps: AppTest):
    edits_page(steps, facts=2)
    first = ledger(steps).entries[0]
    steps.toggle(key=f"on_{first.id}").set_value(False).run()
    wait(steps, lambda: job(steps).published is not None)
    assert enabled(steps) == [False, True] and not job(steps).published.current
    wait(steps)
    assert ledger(steps).current


def test_an_edit_that_is_off_gives_back_the_unedited_answers(steps: AppTest):
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("edits.py").run()
    (entry,) = ledger(steps).entries
    steps.toggle(key=f"on_{entry.id}").set_value(False).run()
    wait(steps)
    fact = ledger(steps).report.facts[0]
    assert fact.now == fact.before and metrics(steps)["Rewrite, n 0"] == "n/a"


def test_a_batch_is_one_entry_and_only_for_editors_that_can(steps: AppTest):
    steps.switch_page("edits.py").run()
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
    (entry,) = ledger(steps).entries
    assert len(entry.facts) == 3 and entry.mode == "batch" and len(ledger(steps).report.facts) == 3


def test_cancelled_what_is_finished_stays_and_can_be_measured(steps: AppTest):
    steps.number_input(key="set_r-rome_value_steps").set_value(400).run()
    steps.number_input(key="set_r-rome_value_stop_loss").set_value(0.0).run()
    steps.switch_page("edits.py").run()
    next(item for item in steps.number_input if item.key.startswith("first_n")).set_value(8).run()
    steps.toggle(key="measure_each").set_value(False).run()
    steps.button(key="edit_several").click().run()
    wait(steps, lambda: job(steps).published is not None and len(job(steps).published.entries) >= 2)
    held = [item.disabled for item in (*steps.toggle, *steps.button) if item.key.startswith(("on_", "remove_", "up_"))]
    assert len(held) >= 6 and all(held)  # while a job changes the ledger, nothing else does
    steps.button(key="cancel_ledger").click().run()
    wait(steps)
    written = len(ledger(steps).entries)
    assert 2 <= written < 8 and ledger(steps).report is None
    assert "was cancelled. What was finished is kept." in words(steps)
    steps.button(key="measure").click().run()
    wait(steps)
    assert len(ledger(steps).report.facts) == written


def saved(app: AppTest, client) -> bytes:
    """As the download button gets it."""
    tab = kept(app)
    request = SaveEditSet(model=app.session_state["lga"].question.model, session=tab.id, number=10**6)
    content = client.ask(request, "Saving", 60)
    assert content is not None
    return content


def load(app: AppTest, name: str, content: bytes) -> AppTest:
    app.segmented_control(key="edits_view").set_value("files").run()
    app.file_uploader(key="load_edits").upload(name, content, "application/zip").run()
    return wait(app)


def test_a_saved_set_comes_back_and_a_damaged_one_is_refused_with_the_reason(steps: AppTest, shared_engine):
    edits_page(steps)
    content = saved(steps, shared_engine)
    ids = [entry.id for entry in ledger(steps).entries]
    steps.button(key="undo_all").click().run()
    wait(steps)
    load(steps, "edits.zip", content)
    assert [entry.id for entry in ledger(steps).entries] == ids and len(ledger(steps).report.facts) == 3
    assert not any(entry.stale for entry in ledger(steps).entries)

    load(steps, "cut.zip", content[: len(content) // 2])
    assert any("damaged" in item.value or "zip" in item.value for item in steps.error)
    assert [entry.id for entry in ledger(steps).entries] == ids

    load(steps, "changed.zip", with_another_layer(content))
    assert "not as it was written" in words(steps)
    assert [entry.id for entry in ledger(steps).entries] == ids


def with_another_layer(content: bytes) -> bytes:
    """The edit set with another layer in its manifest."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "manifest.json":
                plain = json.loads(part)
                plain["entries"][0]["layers"] = [0]
                part = json.dumps(plain).encode()
            new.writestr(name, part)
    return changed.getvalue()


def test_a_set_is_loaded_from_a_path_of_the_server(steps: AppTest, shared_engine, tmp_path: Path):
    steps.button(key="keep").click().run()
    wait(steps)
    path = tmp_path / "edits.zip"
    path.write_bytes(saved(steps, shared_engine))
    steps.switch_page("edits.py").run()
    steps.button(key="undo_all").click().run()
    wait(steps)
    steps.segmented_control(key="edits_view").set_value("files").run()
    steps.text_input(key="edits_path").input(str(path)).run()
    steps.button(key="load_path").click().run()
    wait(steps)
    assert len(ledger(steps).entries) == 1 and changes(steps) == ["loaded edits.zip"]


def test_the_engine_restarted_the_edits_are_still_there(steps: AppTest, shared_engine):
    edits_page(steps, facts=2)
    before: tuple[EntryView, ...] = ledger(steps).entries
    shared_engine.process.kill()
    wait(steps, lambda: shared_engine.model is None)
    steps.toggle(key=f"on_{before[0].id}").set_value(False).run()
    wait(steps)
    assert [entry.id for entry in ledger(steps).entries] == [entry.id for entry in before]
    assert enabled(steps) == [False, True] and metrics(steps)["Rewrite, n 1"]


def test_an_exported_model_is_the_edited_one(steps: AppTest, model_folder: Path, tmp_path: Path):
    report, _stored = kept(steps).trials[-1].result
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("edits.py").run()
    steps.segmented_control(key="edits_view").set_value("files").run()
    steps.segmented_control(key="export_kind").set_value("Merged model").run()
    assert "Writes a whole model, " in words(steps)
    steps.text_input(key="export_path").input(str(tmp_path / "merged")).run()
    steps.button(key="export").click().run()
    wait(steps)
    assert "Written to" in " ".join(item.value for item in steps.success)
    merged, original = (
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
        for folder in (tmp_path / "merged", model_folder)
    )
    moved = {
        name: float((merged[name] - original[name]).norm())
        for name in original
        if not torch.equal(merged[name], original[name])
    }
    assert moved == {"model.layers.1.mlp.down_proj.weight": pytest.approx(report.delta_norms[0], rel=1e-4)}

    steps.button(key="export").click().run()
    wait(steps)
    assert "is there already" in words(steps)

    steps.segmented_control(key="export_kind").set_value("LoRA adapter").run()
    steps.text_input(key="export_path").input(str(tmp_path / "adapter")).run()
    steps.button(key="export").click().run()
    wait(steps)
    assert "down\\_proj rank 1" in " ".join(item.value for item in steps.success)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_publishing_is_refused_offline_with_cause_and_remedy(steps: AppTest):
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("edits.py").run()
    steps.segmented_control(key="edits_view").set_value("files").run()
    assert steps.button(key="publish").disabled
    steps.text_input(key="publish_to").input("me/edits").run()
    assert steps.button(key="publish").disabled  # a folder's place on the hub is not known
    steps.text_input(key="publish_base").input("tiny/base").run()
    steps.button(key="publish").click().run()
    wait(steps)
    request = kept(steps).jobs["publish"].request
    assert (request.repository, request.base) == ("me/edits", "tiny/base")
    assert not (request.private or request.update or request.adapter)
    assert "LGA_OFFLINE=1 forbids to publish" in words(steps) and "The edits here stay as they are" in words(steps)
    assert len(ledger(steps).entries) == 1


def test_two_sessions_on_one_model_do_not_see_each_others_edits(steps: AppTest, model_folder: Path):
    steps.button(key="keep").click().run()
    wait(steps)
    other = AppTest.from_file(str(APP), default_timeout=60).run()
    name_model(other, str(model_folder))
    upload(other, "ten.json", json.dumps(RECORDS).encode())
    other.button(key="use_upload").click().run()
    other.switch_page("edits.py").run()
    assert "No edit is kept" in words(other) and not other.exception
    assert len(ledger(steps).entries) == 1 and len(jobs(other)) == 0


def test_many_edits_are_measured_every_so_many_and_go_on_after_a_cancel(ready: AppTest):
    ready.switch_page("edits.py").run()
    ready.segmented_control(key="edits_view").set_value("many").run()
    assert "Choose at least one layer" in words(ready)
    ready.multiselect(key="layers").set_value([1]).run()
    quick(ready)
    ready.number_input(key="many_edits").set_value(2).run()
    ready.number_input(key="many_every").set_value(2).run()
    assert "2 edits at layer 1, measured 2 times" in words(ready) and not ready.get("plotly_chart")
    ready.button(key="many_start").click().run()
    wait(ready)
    assert "All measured" in words(ready) and ready.button(key="many_start").disabled
    assert "Collapse begins at the first checkpoint where" in words(ready)
    assert "collapse up to 2 edits" in words(ready) or "Collapse begins between" in words(ready)
    assert len(ready.get("plotly_chart")) == 1
    table = next(frame.value for frame in ready.dataframe if "rewrite, latest" in frame.value.columns)
    assert list(table["edits"]) == [0, 2] and ledger(ready) == LedgerView()
    ready.number_input(key="many_edits").set_value(10).run()
    ready.number_input(key="set_r-rome_value_steps").set_value(500).run()
    ready.number_input(key="set_r-rome_value_stop_loss").set_value(0.0).run()
    ready.button(key="many_start").click().run()
    running = kept(ready).jobs["many"]

    def editing() -> bool:  # the model without edits is measured
        progress = running.snapshot().progress
        return progress is not None and progress.detail.startswith("v*")

    wait(ready, lambda: not running.alive or editing())
    ready.button(key="cancel_many").click().run()
    wait(ready)
    assert running.snapshot().state == "cancelled" and ready.button(key="many_start").label == "Go on"
    assert "go on from the last one" in words(ready)
