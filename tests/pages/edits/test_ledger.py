"""The ledger: keeping, switching, ordering, several facts at once, and that sessions stay apart."""

import json
from pathlib import Path

from streamlit.testing.v1 import AppTest

from lga_core.service.ledger_view import EntryView, LedgerView
from tests.pages.conftest import APP
from tests.pages.driving import RECORDS, jobs, kept, metrics, name_model, upload, wait, words
from tests.pages.edits.driving import changes, edits_page, enabled, job, ledger, subjects


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


def test_the_engine_restarted_the_edits_are_still_there(steps: AppTest, shared_engine):
    edits_page(steps, facts=2)
    before: tuple[EntryView, ...] = ledger(steps).entries
    shared_engine.process.kill()
    wait(steps, lambda: shared_engine.model is None)
    steps.toggle(key=f"on_{before[0].id}").set_value(False).run()
    wait(steps)
    assert [entry.id for entry in ledger(steps).entries] == [entry.id for entry in before]
    assert enabled(steps) == [False, True] and metrics(steps)["Rewrite, n 1"]


def test_two_sessions_on_one_model_do_not_see_each_others_edits(steps: AppTest, model_folder: Path):
    steps.button(key="keep").click().run()
    wait(steps)
    other = AppTest.from_file(str(APP), default_timeout=900).run()
    name_model(other, str(model_folder))
    upload(other, "ten.json", json.dumps(RECORDS).encode())
    other.button(key="use_upload").click().run()
    other.switch_page("edits.py").run()
    assert "No edit is kept" in words(other) and not other.exception
    assert len(ledger(steps).entries) == 1 and len(jobs(other)) == 0
