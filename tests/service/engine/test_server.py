"""The engine process and its server: a job that nobody looks at, a server that is stopped, one that ends."""

import os
import signal
import subprocess
import sys
import time

import psutil

from lga_core.service.process.client import PAUSE_SECONDS, EngineClient
from tests.service.asking import SECONDS, long_request


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
