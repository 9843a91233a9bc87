"""A measurement that ended early: its finished rows are shown and marked as partial, and it goes on from there."""

import json

from streamlit.testing.v1 import AppTest

from lga_core.progress import Phase
from pages._ui.shell.engine import store
from tests.conftest import tiny_network
from tests.pages.driving import RECORDS, kept, metrics, name_model, upload, wait, words


def test_cancel_keeps_what_is_finished_and_shows_it(app: AppTest, model_folder, shared_engine):
    tiny_network("llama", layers=16).save_pretrained(model_folder)  # its trace takes some seconds
    name_model(app, str(model_folder))
    upload(app, "untold.json", json.dumps([{**one, "ground_truth": []} for one in RECORDS]).encode())
    app.button(key="use_upload").click().run()  # without an old answer each fact is traced
    app.button(key="score").click().run()
    job = kept(app).jobs["score"]

    def is_tracing() -> bool:
        progress = job.snapshot().progress
        if progress is None or progress.phase is not Phase.CMA_MLP or progress.done == 0:
            return False
        shared_engine.cancel(job)
        return True

    wait(app, is_tracing)
    wait(app)
    assert job.snapshot().state == "cancelled" and "Scoring layers was cancelled" in words(app)
    assert "CMA (MLP): partial, " in words(app) and "LGA: partial" not in words(app)

    app.button(key="score").click().run()  # goes on from there
    wait(app)
    assert "partial" not in words(app) and "Answered from the store" not in words(app)
    answered = {need.measurement: stored for need, stored in kept(app).jobs["score"].result.items()}
    assert answered["gradients"].from_store
    assert 0 < answered["trace-mlp"].reused < answered["trace-mlp"].rows == 10


def test_what_a_dead_engine_left_is_shown_as_partial_and_finished_on_demand(ready: AppTest):
    ready.button(key="score").click().run()
    wait(ready)
    need, stored = next(
        (need, stored) for need, stored in kept(ready).jobs["score"].result.items() if need.measurement == "gradients"
    )
    key = stored.provenance.key
    rows = store().path(key, ".jsonl")
    lines = rows.read_bytes().splitlines(keepends=True)
    rows.write_bytes(b"".join(lines[:4]) + lines[4][:20])  # killed while it wrote the fifth row
    store().path(key, ".done").unlink()
    ready.button(key="score").click().run()
    wait(ready)
    assert "partial" not in words(ready) and metrics(ready)["Facts used"] == "10 of 10"
    assert kept(ready).jobs["score"].result[need].reused == 4
