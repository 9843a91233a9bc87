"""A dashboard server of its own with a cache folder of its own, for benchmarks that drive it in a browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from lga_core.editing.settings import RRomeSettings
from lga_core.errors import LgaError
from lga_core.models.loading import load
from lga_core.models.moments.second_moment import second_moments
from lga_core.models.sources.derived import derived_path
from lga_core.models.sources.files import cache_home
from lga_core.models.text.own_text import prefixes
from lga_core.resources import DASHBOARD

START_SECONDS = 300.0  # on a machine with other work


class Server:
    """A running dashboard server."""

    def __init__(self, process: subprocess.Popen, address: str) -> None:
        self.address = address
        self.peak_bytes = 0
        self._process = psutil.Process(process.pid)

    def tree(self) -> list[psutil.Process]:
        """The server and its engine."""
        return [self._process, *self._process.children(recursive=True)]

    def note_memory(self) -> tuple[int, int]:
        """Resident bytes of the server and of its engine now."""
        server, *engine = (process.memory_info().rss for process in self.tree())
        self.peak_bytes = max(self.peak_bytes, server)
        return server, sum(engine)


def processor_seconds(servers: Sequence[Server]) -> dict[str, float]:
    """Processor time since their start, by who used it. The browser: whatever else this process has started."""
    trees = [server.tree() for server in servers]
    own = _seconds_of([tree[0] for tree in trees])
    engines = _seconds_of([process for tree in trees for process in tree[1:]])
    everything = _seconds_of(psutil.Process().children(recursive=True))
    return {"browser": everything - own - engines, "servers": own, "engines": engines}


def _seconds_of(processes: Sequence[psutil.Process]) -> float:
    seconds = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a tab's process may end meanwhile
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


@contextmanager
def served(
    home: Path, settings: Mapping[str, str], log: Path | None = None, app: Path = DASHBOARD / "app.py"
) -> Iterator[Server]:
    """A server whose cache folder is `home`.

    `settings`: more of its environment. `log`: where what it says is written; else it is dropped. `app`: what runs.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with open(os.devnull if log is None else log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port)],
            env={**os.environ, "LGA_HOME": str(home), **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(f"{address}/_stcore/health", process)
            yield Server(process, address)
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def home_with_files(folder: Path, model_name: str) -> Path:
    """A cache folder with the model's files alone, as after its first fetch."""
    load(model_name)  # in the user's own cache, once
    folder.mkdir()
    models = cache_home() / "models"
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models)
    return folder


def home_with_model(folder: Path, model_name: str) -> Path:
    """A cache folder with the model, its prefixes and its second moments, and no result."""
    model = load(model_name)
    settings = RRomeSettings()
    second_moments(model, range(model.layers), settings.seed)
    prefixes(model, settings.contexts, settings.seed)
    home_with_files(folder, model_name)
    derived = derived_path(model, "").relative_to(cache_home())
    shutil.copytree(cache_home() / derived, folder / derived, ignore=shutil.ignore_patterns("values", "continuations"))
    return folder


def _wait_for(url: str, process: subprocess.Popen) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise LgaError("The dashboard's server did not start.", hint="Try `streamlit run app.py` to see why.")
