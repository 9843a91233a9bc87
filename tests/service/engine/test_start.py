"""An engine process that starts slowly, or cannot be started."""

import dataclasses
import signal
import sys
import threading
import time

import psutil

from lga_core.service.process.client import EngineClient
from lga_core.service.requests import KnownFactsRequest
from tests.service.asking import SECONDS, proxy


def test_an_engine_that_gets_little_time_to_begin_is_waited_for(home, tmp_path, monkeypatch):
    """Its first step holds the interpreter, as the import of torch does; it is stopped most of the time meanwhile."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif any('process.engine' in word for word in sys.orig_argv):\n    sum(range(60_000_000))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    client = EngineClient(grace=None, silent=4.0)
    try:
        client.warm_up()
        process = client.process
        times = psutil.Process(process.pid).cpu_times
        end = time.monotonic() + 12.0
        while time.monotonic() < end:
            begin, before = time.monotonic(), sum(times()[:2])
            process.send_signal(signal.SIGCONT)
            while sum(times()[:2]) - before < 0.02 and time.monotonic() - begin < 1.0:
                time.sleep(0.01)
            process.send_signal(signal.SIGSTOP)
            time.sleep(min(5 * (time.monotonic() - begin), 1.5))
        assert client.process is process, "it was killed"
        process.send_signal(signal.SIGCONT)
    finally:
        client.close()


def test_an_engine_that_cannot_begin_ends_its_jobs(home, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('it is broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    client = EngineClient(grace=None)
    try:
        request = KnownFactsRequest(model="smollm2-135m", facts=proxy().facts)
        jobs = [
            client.start(request, "Asking"),
            client.start(dataclasses.replace(request, model="gemma-3-270m"), "Asking"),
        ]
        for job in jobs:  # who is told second is told the same
            assert job.wait(SECONDS) and "it is broken" in job.error.cause
        process = client.process
        assert process is None or process.wait(SECONDS) == 1, "the next request starts another"
    finally:
        client.close()


def test_where_no_process_can_be_started_a_job_says_so(home, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    client = EngineClient(grace=None)
    job = client.start(KnownFactsRequest(model="smollm2-135m", facts=proxy().facts), "Asking")
    assert job.wait(0) and "no engine process can be started" in job.error.cause and not client.running()


def test_where_no_thread_can_be_started_a_job_says_so_and_no_process_is_left(home, monkeypatch):
    def refused(thread):
        if thread.name == "engine link":
            raise RuntimeError("can't start new thread")
        start(thread)

    start, before = threading.Thread.start, set(psutil.Process().children())
    monkeypatch.setattr(threading.Thread, "start", refused)
    client = EngineClient(grace=None)
    job = client.start(KnownFactsRequest(model="smollm2-135m", facts=proxy().facts), "Asking")
    assert job.wait(0) and "can't start new thread" in job.error.cause and not client.running()
    for process in set(psutil.Process().children()) - before:
        process.wait(SECONDS)
