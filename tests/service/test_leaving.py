"""Ctrl-C in the terminal, or its end, ends server and engine, with no traceback of it and nothing half written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.service.asking import SECONDS

# Makes edits, and then exports the edited model to one folder after another.
PROGRAM = """
import signal, sys
from pathlib import Path
from lga_core.service.ledger_requests import ExportModel, WriteEdits
from lga_core.service.process.client import EngineClient
from tests.service.asking import EDIT, done, proxy
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background of a shell
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # or under nohup
model, place = sys.argv[1], Path(sys.argv[2])
client = EngineClient(grace=None)
about = {"model": model, "session": "leaving"}
how = {"editor": "r-rome", "layers": (1,), "settings": EDIT, "mode": "sequential", "each": False}
try:
    done(client.start(WriteEdits(**about, number=0, facts=proxy(1).candidates, **how), "Writing edits"))
    print(client.process.pid, flush=True)
    for number in range(1, 10_000):
        done(client.start(ExportModel(**about, number=number, folder=place / f"edited-{number}"), "Exporting"))
except KeyboardInterrupt:
    pass
"""


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGHUP, -signal.SIGHUP)])
def test_it_leaves_no_half_written_folder_and_no_word_of_the_engine(home, tiny_folder, tmp_path, how, code):
    place = tmp_path / "exports"
    place.mkdir()
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tiny_folder), str(place)],
        env={**os.environ, "LGA_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # as in a terminal, where both processes are of one group
    )
    engine = psutil.Process(int(server.stdout.readline()))
    stop_while_it_writes(engine, place)
    os.killpg(server.pid, how)
    assert server.wait(SECONDS) == code
    engine.resume()
    engine.wait(SECONDS)
    words = server.stderr.read()
    server.stdout.close()
    server.stderr.close()
    assert "Traceback" not in words and "KeyboardInterrupt" not in words, words
    assert not half_written(place)


def stop_while_it_writes(engine: psutil.Process, place: Path) -> None:
    """Returns with the engine stopped in the midst of an export."""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        if half_written(place):
            engine.suspend()
            while engine.status() != psutil.STATUS_STOPPED:
                time.sleep(0.001)
            if half_written(place):
                return
            engine.resume()
        time.sleep(0.002)
    raise AssertionError("it was never seen to write")


def half_written(place: Path) -> list[Path]:
    return list(place.glob(".edited-*"))
