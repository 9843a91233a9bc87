"""Engine and server are killed at random moments while they write: only the step at hand is lost, and nothing is torn.

LGA_KILLS sets how often (twice each in the suite). Where all is measured before the kill, it is compared, and the
store is emptied: no kill finds a process that has nothing left to write.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from lga_core.models.loading import load
from lga_core.runs import tasks
from lga_core.runs.experiments import sweeps
from lga_core.runs.storage.store import Store
from lga_core.service.process import machine
from lga_core.service.process.client import EngineClient
from lga_core.service.reading.stored import scored_facts
from lga_core.service.reading.sweep import SweepReader
from tests.service.asking import SECONDS, done, questions

KILLS = int(os.environ.get("LGA_KILLS", "2"))


def results(folder: str, store: Store) -> tuple[list, np.ndarray]:
    """What the store has, whole."""
    score, sweep = questions(folder)
    identity = machine.identity(folder)
    scored = scored_facts(identity, score.proxy, score.needs, store)
    rows = [row for need in score.needs for row in scored.measured[need][0]]
    assert all(scored.measured[need][1].complete for need in score.needs)
    swept, stored = SweepReader(identity, sweep, 0, store).read().parts["proxy"]
    assert stored.complete
    return rows, swept.overall


@pytest.fixture(scope="module")
def undisturbed(home, tiny_folder, tmp_path_factory) -> tuple[list, np.ndarray]:
    """The same in this process, in a store of its own."""
    folder = str(tiny_folder)
    score, sweep = questions(folder)
    model = load(folder)
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    rows = []
    for need in score.needs:
        rows += tasks.measure(model, score.proxy.name, score.proxy.facts, need.measurement, need.settings, store)[0]
    swept, _ = sweeps.sweep(
        model, sweep.proxy.name, sweep.proxy.facts, sweep.layers, sweep.editor, sweep.settings, store
    )
    return rows, swept.overall


def assert_equal(folder: str, undisturbed: tuple[list, np.ndarray]) -> None:
    rows, overall = results(folder, Store())
    assert len(rows) == len(undisturbed[0])
    for one, other in zip(rows, undisturbed[0], strict=True):
        assert (one.record, one.status, one.known) == (other.record, other.status, other.known)
        for name, values in other.values.items():
            np.testing.assert_allclose(one.values[name], values, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(overall, undisturbed[1])


def assert_whole_files(home) -> None:
    """Every run can be opened, and every line of it is whole but, at most, one that a killed writer was at."""
    for path in (home / "runs").glob("*.json"):
        assert Store().find(path.stem) is not None
    for path in (home / "runs").glob("*.jsonl"):
        torn = [line for line in path.read_bytes().splitlines() if line and not is_json(line)]
        assert len(torn) <= KILLS


def begin_again_where_finished(folder: str, home, undisturbed: tuple[list, np.ndarray]) -> None:
    """Compares and empties the store where all is measured."""
    try:
        results(folder, Store())
    except (AssertionError, KeyError):  # some of it is not there yet
        return
    assert_equal(folder, undisturbed)
    shutil.rmtree(home / "runs")


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_an_engine_killed_at_random_moments(home, tiny_folder, undisturbed):
    folder = str(tiny_folder)
    chance = random.Random(0)
    client = EngineClient(grace=None)
    try:
        score, sweep = questions(folder)
        killed = 0
        while killed < KILLS:
            jobs = [client.start(score, "Scoring"), client.start(sweep, "Sweeping")]
            while all(job.snapshot().progress is None for job in jobs) and any(job.alive for job in jobs):
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 1.5))
            process = client.process
            if process is not None:  # None: on a machine under load the client has given it up before
                process.kill()
                process.wait(SECONDS)
                killed += 1
            assert all(job.wait(SECONDS) for job in jobs)
            assert_whole_files(home)
            begin_again_where_finished(folder, home, undisturbed)
        for request in (score, sweep):
            done(client.start(request, "Once more"))
    finally:
        client.close()
    assert_equal(folder, undisturbed)


PROGRAM = """
import sys
from tests.service.asking import questions
from lga_core.service.process.client import EngineClient
client = EngineClient(grace=None)
jobs = [client.start(request, "Working") for request in questions(sys.argv[1])]
print(client.process.pid, flush=True)
for job in jobs:
    while job.alive:
        job.wait(0.05)
        if job.snapshot().progress is not None:
            print("working", flush=True)
print("finished", [job.snapshot().state for job in jobs], flush=True)
client.close()
"""


def test_a_server_killed_at_random_moments_leaves_no_process_and_a_whole_store(home, tiny_folder, undisturbed):
    chance = random.Random(1)
    environment = {**os.environ, "LGA_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(KILLS):
        server = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tiny_folder)], env=environment, text=True, stdout=subprocess.PIPE
        )
        engine = psutil.Process(int(server.stdout.readline()))
        server.stdout.readline()  # it works, or has finished
        time.sleep(chance.uniform(0.0, 1.5))
        server.kill()
        server.wait(SECONDS)
        engine.wait(SECONDS)
        server.stdout.close()
        assert_whole_files(home)
        begin_again_where_finished(str(tiny_folder), home, undisturbed)
    last = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tiny_folder)],
        env=environment,
        text=True,
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    assert last.stdout.splitlines()[-1] == "finished ['finished', 'finished']"
    assert_equal(str(tiny_folder), undisturbed)
