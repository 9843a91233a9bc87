"""What a running job's bar is told: at once at another stage, else how far it is; nothing without the job's ticket."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from lga_core.progress import Phase, Progress
from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request
from pages._ui.shell.progress_feed import OVER, ROUTE, follow


@pytest.fixture
def job() -> Job:
    job = Job(1, "Scoring layers", Request(model="tiny"))
    job.report(Progress(phase=Phase.LGA, done=1, total=4, unit="facts"))
    return job


def test_what_a_bar_shows_first(job: Job):
    shown = follow(job)
    assert (shown["title"], shown["fraction"]) == ("Scoring layers", 0.25)
    assert "1 of 4" in shown["words"] and shown["ticket"] != follow(Job(2, "It", job.request))["ticket"]


def test_the_same_stage_is_told_with_how_far_it_is(job: Job):
    heard = follow(job)["mark"]
    job.report(Progress(phase=Phase.LGA, done=3, total=4, unit="facts"))
    status, told = asked(job.ticket, heard)
    assert status == 200 and told["mark"] == heard and told["fraction"] == 0.75 and "3 of 4" in told["words"]


@pytest.mark.parametrize("event", ["phase", "shown", "end"])
def test_another_stage_is_told_when_it_begins(job: Job, event: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pages._ui.shell.progress_feed.LONGEST_SECONDS", 60.0)
    heard = follow(job)["mark"]
    begin = {
        "phase": lambda: job.report(Progress(phase=Phase.FORECAST, done=0, total=4)),
        "shown": lambda: job.show("the first numbers"),
        "end": lambda: job.end("finished"),
    }[event]
    threading.Timer(0.2, begin).start()
    _, told = asked(job.ticket, heard)
    assert told["mark"] != heard and (told["mark"] == OVER) == (event == "end")


def test_a_job_that_is_followed_is_looked_at(job: Job):
    def looked_at() -> float:
        return time.monotonic() - job.untouched

    follow(job)
    before = looked_at()
    time.sleep(0.05)
    asked(job.ticket, "another stage")
    assert looked_at() > before + 0.04


def test_nothing_is_told_of_unknown_jobs(job: Job):
    assert asked(job.ticket)[0] == 404, "no bar of it was drawn"
    follow(job)
    assert asked(job.ticket[:-1])[0] == asked("")[0] == 404
    assert asked(job.ticket, base="/behind/a/proxy")[0] == 200


def asked(ticket: str, heard: str = "", base: str = "") -> tuple[int, Any]:
    """Status and content of the feed's answer, from an app as `app.py` makes it."""
    sent: list[Message] = []

    async def ask() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "method": "GET",
            "path": f"{base}/job-progress/{ticket}",
            "query_string": f"heard={heard}".replace(" ", "+").encode(),
            "headers": [],
        }
        await Starlette(routes=[ROUTE])(scope, receive, send)

    with ThreadPoolExecutor() as pool:  # a browser test that came before has left a running loop in this thread
        pool.submit(asyncio.run, ask()).result()
    body = b"".join(message.get("body", b"") for message in sent)
    status = sent[0]["status"]
    return status, json.loads(body) if status == 200 else None
