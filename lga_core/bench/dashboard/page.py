"""`bench page`: what a person waits for in the dashboard, beside the same work in a process of its own.

A real server, a real Chromium, and the same functions in a fresh process, with the same model in memory and the same
second moments at hand. The two take turns; the question is another one each time, so that nothing comes from the store.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from lga_core.bench.dashboard.page_work import SCORES, SWEEP, WORK, PageWork, timed
from lga_core.bench.dashboard.server import Server, home_with_model, served
from lga_core.bench.dashboard.tab import Tab, chromium
from lga_core.bench.measure import after_example, in_own_process
from lga_core.progress import Phase, Progress, Reporter, silent

REPEATS = 3


def bench_page(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """The dashboard in a real Chromium beside the same functions in a process of their own.

    `limit`: how often each is repeated (median); the rows of waits have no counterpart.
    """
    return asyncio.run(_bench_page(model_name, limit or REPEATS, after_example(seed), report))


async def _bench_page(model_name: str, repeats: int, seed: int, report: Reporter) -> dict[str, Any]:
    page_seconds: dict[str, list[float]] = {name: [] for name in WORK}
    own_seconds: dict[str, list[float]] = {name: [] for name in WORK}
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: home_with_model(Path(folder) / name, model_name) for name in ("page", "own")}
        async with chromium() as browser:
            with served(homes["page"], {"LGA_ACCEPT_TERMS": "1"}) as server:
                visit = Visit(await Tab.opened(browser, server, model_name), server)
                waits = await visit.first_view(seed)
                await visit.load_model(seed)
                for number in range(repeats):
                    visit = Visit(await Tab.opened(browser, server, model_name), server)  # the other keeps its choices
                    await visit.see_a_figure(seed)
                    for work in WORK.values():
                        report(Progress(phase=Phase.SPEED, done=number, total=repeats, detail=work.name))
                        in_page = await visit.seconds_of(work, seed + number)
                        with _paused(server.tree()):
                            alone = in_own_process(timed, str(homes["own"]), model_name, work.name, seed + number)
                        page_seconds[work.name].append(in_page)
                        own_seconds[work.name].append(alone)
                        detail = f"{work.name}: {in_page:.1f} s in the page, {alone:.1f} s in its own process"
                        report(Progress(phase=Phase.SPEED, done=number, total=repeats, detail=detail))
                waits |= await visit.waits_during_a_sweep(seed + repeats)
                waits["server process, MB"] = server.peak_bytes / 1e6
    rows = [_row(name, page_seconds[name], own_seconds[name]) for name in WORK]
    rows += [{"what": what, "page_seconds": value, "cli_seconds": None, "ratio": None} for what, value in waits.items()]
    worst = max(row["ratio"] for row in rows if row["ratio"] is not None)
    return {
        "name": "page",
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


class Visit:
    """One browser tab, and how long it waits for things."""

    def __init__(self, tab: Tab, server: Server) -> None:
        self._tab = tab
        self._server = server

    async def first_view(self, seed: int) -> dict[str, float]:
        begin = time.perf_counter()
        await self._tab.go("", facts=SCORES.facts, seed=seed)
        await self._tab.button("score").wait_for()
        return {"first view, from a server that answers": time.perf_counter() - begin}

    async def load_model(self, seed: int) -> None:
        """By a question of two facts; what is timed later finds the model in memory, as the other side does."""
        await self._tab.open("", facts=2, seed=seed + 1000)
        await self._tab.button("score").click()
        await self._tab.until_busy()  # else it is still at work when the first timed job is asked for
        await self._tab.until_idle()

    async def see_a_figure(self, seed: int) -> None:
        """Of what `load_model` has stored: a tab reads the code of figures once, as an own process warms up."""
        await self._tab.open("", facts=2, seed=seed + 1000)
        await self._tab.button("score").click()
        await self._tab.page.locator(".js-plotly-plot").first.wait_for()

    async def seconds_of(self, work: PageWork, seed: int) -> float:
        """From the click to the result on the page."""
        await self._tab.open(work.page, facts=work.facts, seed=seed)
        button = await self._prepare(work)
        begin = time.perf_counter()
        await button.click()
        await self._tab.until_busy()
        await self._tab.until_idle()
        await self._tab.page.locator(work.shows).first.wait_for()
        seconds = time.perf_counter() - begin
        self._server.note_memory()
        return seconds

    async def waits_during_a_sweep(self, seed: int) -> dict[str, float]:
        """Click to first progress, and a page switch while a sweep runs (the median of several)."""
        await self._tab.open(SWEEP.page, facts=SWEEP.facts, seed=seed)
        button = await self._prepare(SWEEP)
        begin = time.perf_counter()
        await button.click()
        await self._tab.until_busy()
        first = time.perf_counter() - begin
        links = ("Facts", "Trial edit", "Golden layers", "Playground", "Layer sweep")
        switches = [await self._tab.switch(link) for link in links]
        await self._tab.page.get_by_role("button", name="Cancel").first.click()
        await self._tab.until_idle()
        self._server.note_memory()
        return {
            "click to first progress": first,
            "page switch during a sweep, median": statistics.median(switches),
            "page switch during a sweep, longest": max(switches),
        }

    async def _prepare(self, work: PageWork) -> Any:
        """Choose what has to be chosen on the page, and find the button."""
        if work.name == "trial edit":
            await self._tab.choose_only(*work.layers)
        elif work.name == "sweep":
            await self._tab.choose_layer_range(work.layers[0], work.layers[-1])
        await self._tab.until_idle()
        return self._tab.button(work.button)
