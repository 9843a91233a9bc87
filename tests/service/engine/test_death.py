"""An engine process that dies or hangs: its jobs end with one message, and the next request starts another."""

import dataclasses
import signal
import threading

import pytest
from conftest import make_fact

from lga_core.progress import Phase
from lga_core.service.process.client import EngineClient
from lga_core.service.process.jobs import Job
from lga_core.service.requests import KnownFactsRequest, ScoreRequest, TrialRequest
from tests.service.asking import EDIT, SECONDS, done, long_request, needs, proxy, until, working


def test_jobs_end_also_where_another_engine_was_started_before_the_first_was_known_to_be_dead(client, tiny_folder):
    lost = client.start(long_request(tiny_folder, " lost"), "Sweeping")
    working(lost, Phase.SWEEP)
    client.close()  # as where a dead process is noticed: it is not open any more, and its jobs are not told yet
    fact = make_fact(0, "The Space Needle is beside", "Space Needle", "Boston", "Seattle")
    trial = TrialRequest(
        model=str(tiny_folder), facts_name="one", fact=fact, layers=(1,), editor="r-rome", settings=EDIT
    )
    done(client.start(trial, "Editing"))
    assert lost.wait(SECONDS) and "engine process" in lost.error.cause


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_engine_ends_its_jobs_with_one_message_and_the_next_request_starts_another(client, tiny_folder, how):
    first = client.start(long_request(tiny_folder, f" killed by {how}"), "Sweeping")
    working(first, Phase.SWEEP)
    process = client.process
    process.send_signal(how)
    assert first.wait(SECONDS)
    assert first.snapshot().state == "failed"
    assert "engine process" in first.error.cause and "goes on from there" in first.error.hint
    request = ScoreRequest(model=str(tiny_folder), proxy=proxy(8, f" killed by {how}"), needs=needs("gradients"))
    done(client.start(request, "Scoring layers"))
    assert client.process.pid != process.pid


def test_an_engine_that_hangs_is_killed_and_said_so(client, tiny_folder, monkeypatch):
    """The last test of this engine: none after it waits for another one."""
    job = client.start(long_request(tiny_folder, " hanging"), "Sweeping")
    working(job, Phase.SWEEP)
    process = client.process
    monkeypatch.setattr(client, "silent", 3.0)
    process.send_signal(signal.SIGSTOP)
    assert job.wait(SECONDS)
    assert "did not answer" in job.error.cause
    process.wait(SECONDS)


def test_an_engine_that_does_not_read_keeps_no_page_waiting_and_is_found_to_hang(home, tmp_path):
    """It is stopped before it is sent more than its pipe holds. No thread is left behind."""
    before = set(threading.enumerate())
    client = EngineClient(grace=None, silent=3.0)
    client.warm_up()
    process = client.process
    try:
        process.send_signal(signal.SIGSTOP)
        many = tuple(dataclasses.replace(fact, prompt="The Space Needle is in " * 100_000) for fact in proxy(3).facts)
        started: list[Job] = []

        def ask() -> None:
            for facts in (many, proxy(1).facts):
                started.append(client.start(KnownFactsRequest(model=str(tmp_path), facts=facts), "Asking"))

        page = threading.Thread(target=ask, daemon=True)
        page.start()
        page.join(SECONDS)
        assert len(started) == 2
        for job in started:
            assert job.wait(SECONDS) and "did not answer" in job.error.cause
        process.wait(SECONDS)
    finally:
        process.kill()  # or a page that waits would keep the client from being closed
        client.close()
    until(lambda: set(threading.enumerate()) <= before)
