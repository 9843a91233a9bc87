"""The engine process: results as on the command line, short work first, cancel, death and restart."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from conftest import make_fact

from lga_core.models.loading import load
from lga_core.progress import Phase
from lga_core.runs import tasks
from lga_core.runs.storage.keys import known_facts_run
from lga_core.runs.storage.store import Store
from lga_core.scores.methods import View, layer_scores
from lga_core.service.process import machine
from lga_core.service.process.client import PAUSE_SECONDS, EngineClient
from lga_core.service.process.jobs import Job
from lga_core.service.reading.stored import scored_facts
from lga_core.service.reading.sweep import SweepReader
from lga_core.service.requests import (
    KnownFactsRequest,
    ScoreRequest,
    SweepRequest,
    TrialRequest,
)
from tests.service.asking import EDIT, SECONDS, done, long_request, needs, proxy, until, working


def test_the_store_holds_what_the_same_functions_give_in_this_process(client, tiny_folder, tmp_path):
    request = ScoreRequest(model=str(tiny_folder), proxy=proxy(), needs=needs("gradients"))
    done(client.start(request, "Scoring layers"))
    identity = machine.identity(str(tiny_folder))
    scored = scored_facts(identity, request.proxy, request.needs, Store())
    rows, stored = scored.measured[request.needs[0]]
    assert stored.complete and len(rows) == 4 and len(scored.checks) == 4
    model = load(str(tiny_folder))
    here, _ = tasks.measure(
        model, "eight", request.proxy.facts, "gradients", request.needs[0].settings, Store(tmp_path / "own")
    )
    one = layer_scores("lga", rows, identity.layers, View(bootstrap=0))
    other = layer_scores("lga", here, model.layers, View(bootstrap=0))
    assert one.selection.ranking == other.selection.ranking
    assert one.total == pytest.approx(other.total, rel=1e-6)


def test_equal_questions_share_a_job_and_progress_is_told(client, tiny_folder):
    request = long_request(tiny_folder)
    job = client.start(request, "Sweeping")
    assert client.start(request, "Sweeping") is job
    working(job, Phase.SWEEP)
    client.cancel(job)
    assert job.wait(SECONDS) and job.snapshot().state == "cancelled"


def test_of_two_who_asked_the_same_one_can_cancel_and_the_other_gets_its_result(client, tiny_folder):
    request = long_request(tiny_folder, " shared by", steps=200)
    first = client.start(request, "Sweeping", "one")
    working(first, Phase.SWEEP)
    second = client.start(request, "Sweeping", "other")
    assert second is not first and second.number == first.number, "one piece of work for both"
    assert second.snapshot().progress is not None, "it begins where the work is"
    client.cancel(first)
    assert first.snapshot().state == "cancelled" and second.alive
    done(second)
    assert SweepReader(machine.identity(str(tiny_folder)), request, 0, Store()).read().sweeps["proxy"].complete


def test_sessions_that_ask_overlapping_things_at_once_share_every_cell_and_check(client, tiny_folder):
    first = long_request(tiny_folder, " overlapping", steps=60)
    second = dataclasses.replace(first, proxy=dataclasses.replace(first.proxy, limit=5), layers=(1, 2, 3))
    score = ScoreRequest(model=str(tiny_folder), proxy=first.proxy, needs=needs("gradients"))
    begun = client.start(first, "Sweeping", "one")
    working(begun, Phase.SWEEP)
    others = [
        client.start(second, "Sweeping", "other"),
        client.start(score, "Scoring", "other"),
        client.start(KnownFactsRequest(model=str(tiny_folder), facts=first.proxy.facts), "Asking", "third"),
    ]
    for job in (begun, *others):
        done(job)
    identity = machine.identity(str(tiny_folder))
    cells = SweepReader(identity, first, 0, Store()).read().parts["proxy"][1]
    for key, rows in ((cells.provenance.key, 8 * 3 + 5), (known_facts_run(identity, Store()).provenance.key, None)):
        lines = Store().path(key, ".jsonl").read_bytes().splitlines()
        names = [json.loads(line)["of"] for line in lines]
        assert len(names) == len(set(names)) == Store().find(key).notes.rows
        assert rows is None or len(names) == rows


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


def test_a_cancelled_job_keeps_what_it_finished_and_goes_on_from_there(client, tiny_folder):
    request = long_request(tiny_folder, " the city of", steps=100)
    reader = SweepReader(machine.identity(str(tiny_folder)), request, 0, Store())

    def cells() -> int:
        part = reader.read().parts.get("proxy")
        return 0 if part is None else int((part[0].measured == 1).sum())

    job = client.start(request, "Sweeping")
    until(lambda: cells() > 0 or not job.alive)
    client.cancel(job)
    assert job.wait(SECONDS) and job.snapshot().state == "cancelled"
    kept = cells()
    assert 0 < kept < 24
    again = client.start(request, "Sweeping")
    assert again is not job
    done(again)
    assert cells() == 24 and reader.read().parts["proxy"][1].complete


def test_short_work_goes_ahead_of_a_long_job_which_goes_on(client, tiny_folder):
    long = client.start(long_request(tiny_folder, " in"), "Sweeping")
    working(long, Phase.SWEEP)
    fact = make_fact(0, "The Space Needle is near", "Space Needle", "Boston", "Seattle")
    trial = TrialRequest(
        model=str(tiny_folder), facts_name="one", fact=fact, layers=(1,), editor="r-rome", settings=EDIT
    )
    report, stored = done(client.start(trial, "Editing"))
    assert report.layers == (1,) and stored.complete
    assert long.alive
    before = long.snapshot().progress
    until(lambda: not long.alive or long.snapshot().progress != before)
    assert long.alive
    client.cancel(long)
    assert long.wait(SECONDS)


def test_a_sweep_is_read_cell_by_cell(client, tiny_folder):
    request = SweepRequest(
        model=str(tiny_folder),
        proxy=proxy(2, " at"),
        test=None,
        layers=(0, 1, 2),
        editor="r-rome",
        settings=EDIT,
    )
    done(client.start(request, "Sweeping"))
    sweep, stored = SweepReader(machine.identity(str(tiny_folder)), request, 0, Store()).read().parts["proxy"]
    assert (sweep.measured == 1).sum() == 6 and stored.complete


def test_an_error_reaches_the_page_as_one_message(client, tmp_path):
    job = client.start(KnownFactsRequest(model=str(tmp_path / "nowhere"), facts=proxy().facts), "Asking")
    assert job.wait(SECONDS)
    assert job.snapshot().state == "failed" and "nowhere" in job.error.cause and job.error.hint


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


def test_a_job_that_nobody_looks_at_is_cancelled(home, tiny_folder):
    client = EngineClient(grace=2.0)
    try:
        job = client.start(long_request(tiny_folder, " forgotten"), "Sweeping")
        assert job.wait(SECONDS) and job.snapshot().state == "cancelled"
    finally:
        client.close()


def test_a_server_that_was_stopped_and_goes_on_cancels_nothing_that_is_looked_at(home, tiny_folder):
    program = (
        "import sys, time; from lga_core.service.process.client import EngineClient; "
        "from tests.service.asking import long_request, until; client = EngineClient(grace=6.0); "
        "job = client.start(long_request(sys.argv[1], ' stopped'), 'Sweeping')\n"
        "until(lambda: job.touch() or job.snapshot().state == 'running'); print('begun', flush=True)\n"
        "for _ in range(36): job.touch(); time.sleep(0.5)\n"
        "print(job.snapshot().state, flush=True); client.close()"
    )
    server = psutil.Popen(
        [sys.executable, "-c", program, str(tiny_folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LGA_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert server.stdout.readline() == "begun\n"
    time.sleep(1.0)
    server.suspend()
    time.sleep(PAUSE_SECONDS + 3.0)
    server.resume()
    assert server.stdout.readline() == "running\n"
    server.stdout.close()
    server.wait(SECONDS)


def test_the_engine_ends_with_the_server_however_that_ends(home, tiny_folder):
    program = (
        "import sys, time; from lga_core.service.process.client import EngineClient; "
        "client = EngineClient(grace=None); client.warm_up(); print(client.process.pid, flush=True); "
        "time.sleep(600)"
    )
    for how in (signal.SIGKILL, signal.SIGTERM):
        server = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LGA_HOME": str(home)},
        )
        engine = psutil.Process(int(server.stdout.readline()))
        time.sleep(1.0)
        server.send_signal(how)
        server.wait(SECONDS)
        engine.wait(SECONDS)
        server.stdout.close()
