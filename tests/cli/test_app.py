"""`app`: the dashboard's server, from any folder."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from lga_core.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(tmp_path):
    """Runs Python with the project at hand, in another folder."""
    started = []

    def call(*arguments):
        variables = {**os.environ, "LGA_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        started.append(
            subprocess.Popen(
                [sys.executable, *arguments],
                cwd=tmp_path,
                env=variables,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return started[-1]

    yield call
    for process in started:
        process.kill()
        process.communicate()


def test_without_streamlit_it_says_so(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "streamlit", None)
    assert main(["app"]) == 2
    shown = capfd.readouterr()
    assert shown.out == "" and len(shown.err.splitlines()) == 1 and "pip install streamlit" in shown.err


def test_it_serves_with_the_arguments_given_and_ends_with_its_process(start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = start("-m", "lga_core", "app", "--server.port", str(port))
    until = time.monotonic() + 600
    answer = b""
    while time.monotonic() < until and server.poll() is None and not answer:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as page:
            answer = page.read()
        time.sleep(0.1)
    assert answer == b"ok"
    server.send_signal(signal.SIGTERM)
    assert server.wait(300) is not None
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
