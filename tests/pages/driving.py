"""How the page tests drive the app: choosing, uploading, waiting for jobs, reading what is written."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request

SUBJECTS = {
    "Space Needle": "Seattle",
    "Eiffel Tower": "Paris",
    "Angela Merkel": "Germany",
    "LeBron James": "basketball",
    "Toyota": "Japan",
    "Brazil": "Portuguese",
    "Rome": "football",
    "London": "tennis",
    "Berlin": "piano",
    "Madrid": "violin",
}


def record(subject: str, old: str, new: str = "Boston") -> dict:
    """One fact in the project's own schema."""
    return {
        "prompt": f"The {subject} is known for",
        "subject": subject,
        "target_new": new,
        "ground_truth": [old],
        "rephrase_prompt": [f"Everybody knows the {subject} for"],
        "locality": {"Neighborhood": [{"prompt": "The capital of France is", "ground_truth": [["Paris"]]}]},
    }


RECORDS = [record(subject, old) for subject, old in SUBJECTS.items()]


def name_model(app: AppTest, name: str) -> None:
    app.selectbox(key="model").select("other").run()
    app.text_input(key="other_model").input(name).run()


def upload(app: AppTest, name: str, content: bytes) -> None:
    app.button(key="add_facts").click().run()
    app.file_uploader(key="upload").upload(name, content, "application/json").run()


def quick(app: AppTest) -> AppTest:
    """Short searches with R-ROME, and no second moment. The page is drawn once, and not after each of the three."""
    app.number_input(key="set_r-rome_value_steps").set_value(2)
    app.number_input(key="set_r-rome_contexts").set_value(0)
    app.selectbox(key="set_r-rome_covariance").select("identity")
    return app.run()


def open_tab(app: AppTest, key: str, title: str) -> AppTest:
    """As a click on it: only the open tab is drawn."""
    app.session_state[key] = title
    return app.run()


def kept(app: AppTest):
    """What the tab keeps over a reload."""
    return app.session_state["lga"].kept


def stopped(app: AppTest, area: str, request: Request) -> None:
    """This tab has asked for that and cancelled it."""
    job = Job(0, "It", request)
    job.end("cancelled")
    kept(app).jobs[area] = job
    app.run()


def jobs(app: AppTest) -> list:
    return list(kept(app).jobs.values())


def wait(app: AppTest, until: Callable[[], bool] | None = None, seconds: float = 900) -> AppTest:
    """Until no job runs (or `until` holds), then run the page again, as the poller does in a browser."""
    limit = time.monotonic() + seconds
    while not (until() if until else all(not job.alive for job in jobs(app))):
        assert time.monotonic() < limit, "a job did not end"
        time.sleep(0.05)
    return app.run()


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    """Everything that is written on the page, with Markdown's escapes taken out."""
    parts = [
        item.value
        for kind in ("markdown", "caption", "info", "warning", "error", "title", "subheader")
        for item in getattr(app, kind)
    ]
    return " ".join(parts).replace("\\", "").replace("\u2060", "")


def files_come_later(monkeypatch: pytest.MonkeyPatch, part: ModuleType, place: ModuleType) -> list[str]:
    """No file of the model is here when the page is drawn; they are once its live `part` is. Returns what came.

    `place`: where the part asks which model it is.
    """
    files: list[str] = []
    known = place.identity

    def drawn_later(key: str, draw: Callable[[], None], job: Any, **settings: Any) -> None:
        files.append("model.safetensors")
        draw()

    monkeypatch.setattr(place, "identity", lambda model: known(model) if files else None)
    monkeypatch.setattr(part, "live_with", drawn_later)
    return files
