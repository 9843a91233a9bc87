"""`bench page`: what a person waits for in the dashboard, beside the same work in a process of its own.

A real server, a real Chromium, and the same functions in a fresh process, with the same model in memory and the same
second moments at hand. The two take turns; the question is another one each time, so that nothing comes from the store.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from lga_core.bench.measure import in_own_process
from lga_core.bench.page_work import WORK, PageWork, prepare, timed
from lga_core.errors import LgaError
from lga_core.models.sources.files import cache_home
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.resources import DASHBOARD

REPEATS = 3
VIEWPORT = {"width": 1280, "height": 900}
PATIENCE_MS = 600_000
POLL_MS = 20  # while the first sign of something is awaited
CALM_MS = 250  # while work goes on: looking costs the browser time
REST_MS = 1_000  # after an address was opened, before a person would click


def bench_page(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """The dashboard in a real Chromium beside the same functions in a process of their own.

    `limit`: how often each is repeated (median); the rows of waits have no counterpart.
    """
    repeats = limit or REPEATS
    page_seconds: dict[str, list[float]] = {work.name: [] for work in WORK}
    own_seconds: dict[str, list[float]] = {work.name: [] for work in WORK}
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: _home(Path(folder) / name, model_name) for name in ("page", "own")}
        with _server(homes["page"]) as server, _browser() as browser:
            visit = Visit(browser, server, model_name, seed)
            waits = visit.first_view()
            visit.load_model()
            for number in range(repeats):
                visit = Visit(browser, server, model_name, seed)  # a new tab: the other one keeps its choices
                for work in WORK:
                    report(Progress(phase=Phase.SPEED, done=number, total=repeats, detail=work.name))
                    in_page = visit.seconds_of(work, seed + number)
                    with _paused(server.tree()):
                        alone = in_own_process(timed, str(homes["own"]), model_name, work.name, seed + number)
                    page_seconds[work.name].append(in_page)
                    own_seconds[work.name].append(alone)
                    told = f"{work.name}: {in_page:.1f} s in the page, {alone:.1f} s in its own process"
                    report(Progress(phase=Phase.SPEED, done=number, total=repeats, detail=told))
            waits |= visit.waits_during_a_sweep(seed + repeats)
            waits["server process, MB"] = server.peak_bytes / 1e6
    rows = [_row(work.name, page_seconds[work.name], own_seconds[work.name]) for work in WORK]
    rows += [{"what": what, "page_seconds": value, "cli_seconds": None, "ratio": None} for what, value in waits.items()]
    worst = max(row["ratio"] for row in rows if row["ratio"] is not None)
    return {
        "name": "page",
        "speedup": None,
        "baseline_seconds": sum(map(statistics.median, own_seconds.values())),
        "seconds": sum(map(statistics.median, page_seconds.values())),
        "peak_bytes": server.peak_bytes,
        "rows": rows,
        "machine": f"{psutil.cpu_count()} cores",
        "settings": {
            "model": model_name,
            "seed": seed,
            "repeats": repeats,
            "largest_ratio": worst,
            "page": page_seconds,
            "own_process": own_seconds,
        },
    }


def _row(what: str, page: Sequence[float], own: Sequence[float]) -> dict[str, Any]:
    first = statistics.median(page)
    second = statistics.median(own)
    return {"what": what, "page_seconds": first, "cli_seconds": second, "ratio": first / second}


def _home(folder: Path, model_name: str) -> Path:
    """A cache folder with the model and its second moments, and no result."""
    folder.mkdir()
    prepare(model_name)  # in the user's own cache, once
    (folder / "models").symlink_to(cache_home() / "models")
    shutil.copytree(
        cache_home() / "derived", folder / "derived", ignore=shutil.ignore_patterns("values", "continuations")
    )
    return folder


@contextmanager
def _paused(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Stop what would share the cores while the other side is timed."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


class Server:
    """A dashboard server of its own."""

    def __init__(self, process: subprocess.Popen, address: str) -> None:
        self.address = address
        self.peak_bytes = 0
        self._process = psutil.Process(process.pid)

    def tree(self) -> list[psutil.Process]:
        """The server and its engine."""
        return [self._process, *self._process.children(recursive=True)]

    def note_memory(self) -> None:
        self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)


@contextmanager
def _server(home: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(DASHBOARD / "app.py"), "--server.port", str(port)],
        env={**os.environ, "LGA_HOME": str(home), "LGA_ACCEPT_TERMS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"{address}/_stcore/health", process)
        yield Server(process, address)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise LgaError("The dashboard's server did not start.", hint="Try `streamlit run app.py` to see why.")


@contextmanager
def _browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise LgaError(
            "bench page drives a browser with playwright, which is not installed.",
            hint="pip install -r tests/requirements.txt",
        ) from error
    if chromium is None:
        raise LgaError("There is no Chromium on this machine.", hint="Install it (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


class Visit:
    """One browser tab, and how long it waits for things."""

    def __init__(self, browser: Any, server: Server, model_name: str, seed: int) -> None:
        self._server = server
        self._model = model_name
        self._seed = seed
        self._page = browser.new_context(viewport=VIEWPORT).new_page()
        self._page.set_default_timeout(PATIENCE_MS)

    def first_view(self) -> dict[str, float]:
        begin = time.perf_counter()
        self._page.goto(f"{self._server.address}/?{self._query(PageWork.facts_of_scores, self._seed)}")
        self._button("score").wait_for()
        return {"first view, from a server that answers": time.perf_counter() - begin}

    def load_model(self) -> None:
        """By a question of two facts; what is timed later finds the model in memory, as the other side does."""
        self._open("", facts=2, seed=self._seed + 1000)
        self._button("score").click()
        self._until_idle()

    def seconds_of(self, work: PageWork, seed: int) -> float:
        """From the click to the result on the page."""
        self._open(work.page, facts=work.facts, seed=seed)
        button = self._prepare(work)
        begin = time.perf_counter()
        button.click()
        self._until_busy()
        self._until_idle()
        self._page.locator(work.shows).first.wait_for()
        seconds = time.perf_counter() - begin
        self._server.note_memory()
        return seconds

    def waits_during_a_sweep(self, seed: int) -> dict[str, float]:
        """Click to first progress, and a page switch while a sweep runs (the median of several)."""
        sweep = next(work for work in WORK if work.name == "sweep")
        self._open(sweep.page, facts=sweep.facts, seed=seed)
        button = self._prepare(sweep)
        begin = time.perf_counter()
        button.click()
        self._until_busy()
        first = time.perf_counter() - begin
        switches = []
        for link, title in (
            ("Facts", "Facts"),
            ("Trial edit", "Trial edit"),
            ("Golden layers", "Which layer|Golden"),
            ("Playground", "Playground"),
            ("Layer sweep", "Layer sweep"),
        ):
            begin = time.perf_counter()
            self._page.get_by_role("link", name=link, exact=True).first.click()
            self._wait_for_title(title)
            switches.append(time.perf_counter() - begin)
        self._page.get_by_role("button", name="Cancel").first.click()
        self._until_idle()
        self._server.note_memory()
        return {
            "click to first progress": first,
            "page switch during a sweep, median": statistics.median(switches),
            "page switch during a sweep, longest": max(switches),
        }

    def _prepare(self, work: PageWork) -> Any:
        """Choose what has to be chosen on the page, and find the button."""
        if work.name == "sweep":
            self._choose_layer_range(*PageWork.sweep_layers)
        self._until_idle()
        return self._button(work.button)

    def _open(self, page: str, *, facts: int, seed: int) -> None:
        """Open an address, and wait until the page shows what it asks for and has come to rest."""
        self._page.goto(f"{self._server.address}/{page}?{self._query(facts, seed)}")
        self._until_shown("How many", facts)
        self._until_shown("Seed", seed)
        self._page.wait_for_timeout(REST_MS)
        self._until_idle()

    def _until_shown(self, name: str, value: int) -> None:
        box = self._page.get_by_role("spinbutton", name=name)
        self._wait(lambda: box.count() > 0 and box.input_value() == str(value))

    def _query(self, facts: int, seed: int) -> str:
        # The layer replaces the recommended one, which the trial page would open with.
        return f"model={self._model}&facts=world&n={facts}&seed={seed}&layers={PageWork.layer}"

    def _button(self, key: str) -> Any:
        """By its key: its words depend on what the store has."""
        return self._page.locator(f".st-key-{key} button").first

    def _choose_layer_range(self, first: int, last: int) -> None:
        sliders = self._page.get_by_role("slider")
        for slider, wanted in ((sliders.nth(1), last), (sliders.nth(0), first)):
            slider.focus()
            while (now := int(slider.input_value())) != wanted:
                self._page.keyboard.press("ArrowRight" if now < wanted else "ArrowLeft")
        self._page.wait_for_timeout(500)

    def _until_busy(self) -> None:
        self._wait(lambda: self._jobs() > 0)

    def _until_idle(self) -> None:
        self._wait(lambda: self._jobs() == 0 and self._page.get_by_test_id("stStatusWidget").count() == 0, CALM_MS)

    def _jobs(self) -> int:
        return self._page.locator("[class*=st-key-job_]").count()

    def _wait_for_title(self, title: str) -> None:
        names = title.split("|")
        self._wait(lambda: any(self._page.get_by_role("heading", name=name).count() for name in names))

    def _wait(self, holds: Callable[[], bool], every_ms: int = POLL_MS) -> None:
        limit = time.monotonic() + PATIENCE_MS / 1000
        while not holds():
            if time.monotonic() > limit:
                raise LgaError("The page did not get there.", hint="Look at it by `streamlit run app.py`.")
            self._page.wait_for_timeout(every_ms)
