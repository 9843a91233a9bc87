"""`bench first`: what a newcomer waits for, in a real Chromium, where nothing was measured before.

Each repeat has a server and a cache folder of its own with the model's files. The first edit computes the second
moments up to its layer, the others find them, and the edit at every layer computes those above. The edits are of facts
that neither the recorded example nor another edit of the repeat has.
"""

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil
import pydantic_core

from lga_core.bench.dashboard.page_work import EDITOR, LAYER
from lga_core.bench.dashboard.server import Server, home_with_files, served
from lga_core.bench.dashboard.tab import Tab, chromium
from lga_core.bench.measure import FACT_SET, some_facts
from lga_core.data.facts import Fact
from lga_core.models.loading import load
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import ModelIdentity
from lga_core.runs.shipped import example_writing
from lga_core.runs.storage.provenance import provenance

REPEATS, EDITS = 3, 5
FIRST_VIEW = "first view: the recorded example's figure"
FIRST_EDIT = "click to the first edit's first numbers, nothing loaded or computed before"
UNEDITED = "click to what the model scores before the edit"
EDIT, WHOLE_EDIT = "click to an edit's first numbers", "click to all of its numbers"
FIRST_BAR, EVERY_LAYER = "click to the first layers of an edit at every layer", "click to all layers"
GOAL_SECONDS: Mapping[str, float | None] = {
    FIRST_VIEW: 2.0,
    FIRST_EDIT: 30.0,
    UNEDITED: None,
    EDIT: 3.0,
    WHOLE_EDIT: None,
    FIRST_BAR: None,
    EVERY_LAYER: 60.0,
}
FIGURE = ".js-plotly-plot .main-svg"
MEASURED = re.compile("→ (?!…)")  # a metric after the edit, for which three dots stand while it is searched


def bench_first(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """A newcomer's first view, trial edits and an edit at every layer in a real Chromium, beside their goals.

    `limit`: how many fresh servers are visited; on each one an edit that loads the model, 5 more, and one at every
    layer.
    """
    begin = perf_counter()
    busy_before = os.getloadavg()[0]
    seconds, peak_bytes, chromium_version = asyncio.run(_visits(model_name, limit or REPEATS, seed, report))
    model = load(model_name).identity
    return {
        "name": "first",
        "seconds": perf_counter() - begin,
        "peak_bytes": peak_bytes,
        "rows": table_rows(seconds),
        "machine": f"{psutil.cpu_count()} cores, {model.machine}",
        "settings": {
            "model": model_name,
            "seed": seed,
            "repeats": limit or REPEATS,
            "busy_before": busy_before,  # mean number of running processes in the minute before
            "chromium": chromium_version,
            "streamlit": version("streamlit"),
            "page": seconds,
            "provenance": _provenance(model, seed),
        },
    }


async def _visits(
    model_name: str, repeats: int, seed: int, report: Reporter
) -> tuple[dict[str, list[float]], int, str]:
    """Seconds of each thing that is waited for, the servers' peak in bytes, and the browser's version."""
    seconds: dict[str, list[float]] = {what: [] for what in GOAL_SECONDS}
    peak_bytes = 0
    async with chromium() as browser:
        for number in range(repeats):
            report(Progress(phase=Phase.SPEED, done=number, total=repeats))
            with tempfile.TemporaryDirectory() as folder:
                home = home_with_files(Path(folder) / "home", model_name)
                with served(home, {"LGA_ACCEPT_TERMS": "1"}) as server:
                    async for what, took in _first_minutes(browser, server, model_name, seed):
                        seconds[what].append(took)
                        detail = f"{what}: {took:.1f} s"
                        report(Progress(phase=Phase.SPEED, done=number, total=repeats, detail=detail))
                    server.note_memory()
                    peak_bytes = max(peak_bytes, server.peak_bytes)
        return seconds, peak_bytes, browser.version


async def _first_minutes(browser: Any, server: Server, model_name: str, seed: int) -> AsyncIterator[tuple[str, float]]:
    """What is waited for and for how long, in the order in which a newcomer meets it."""
    tab = await Tab.opened(browser, server, model_name)
    begin = perf_counter()
    await tab.page.goto(server.address)
    await tab.page.locator(FIGURE).first.wait_for()
    yield FIRST_VIEW, perf_counter() - begin
    first, *others, last = unseen_seeds(EDITS + 2, seed)
    yield FIRST_EDIT, (await _edit(await _trial_page(browser, server, model_name, first)))[EDIT]
    for one in others:
        for what, took in (await _edit(await _trial_page(browser, server, model_name, one))).items():
            yield what, took
    bar, everything = await _every_layer(await _trial_page(browser, server, model_name, last))
    yield FIRST_BAR, bar
    yield EVERY_LAYER, everything


async def _trial_page(browser: Any, server: Server, model_name: str, seed: int) -> Tab:
    """A new tab, which has no earlier trial to show, with a layer chosen and the seed's first fact."""
    tab = await Tab.opened(browser, server, model_name)
    await tab.open("trial_edit", facts=1, seed=seed)
    await tab.choose_only(LAYER)
    await tab.until_idle()
    return tab


async def _edit(tab: Tab) -> dict[str, float]:
    """Seconds from the click to the numbers without the edit, to the first ones with it, and to the edit's end."""
    begin = perf_counter()
    await tab.button("edit").click()
    rewrite = tab.page.get_by_test_id("stMetric").filter(has_text="Rewrite")
    await rewrite.first.wait_for()
    seconds = {UNEDITED: perf_counter() - begin}
    await rewrite.filter(has_text=MEASURED).first.wait_for()
    seconds[EDIT] = perf_counter() - begin
    await tab.button("keep").wait_for()  # below the finished report
    seconds[WHOLE_EDIT] = perf_counter() - begin
    await tab.until_idle()
    await tab.page.context.close()
    return seconds


async def _every_layer(tab: Tab) -> tuple[float, float]:
    """Seconds from the click to the figure with its first layers, and to the end of the job."""
    begin = perf_counter()
    await tab.button("every_layer").click()
    await tab.page.locator(FIGURE).first.wait_for()
    bar = perf_counter() - begin
    await tab.until_idle()
    return bar, perf_counter() - begin


def unseen_seeds(number: int, seed: int) -> list[int]:
    """Seeds, from this one on, that each put another fact first, and none that the recorded example has."""
    seen = {fact.record for fact in some_facts(example_writing.LIMIT, example_writing.SEED)}
    unseen: list[int] = []
    candidate = seed
    while len(unseen) < number:
        record = first_fact(candidate).record
        if record not in seen:
            seen.add(record)
            unseen.append(candidate)
        candidate += 1
    return unseen


def first_fact(seed: int) -> Fact:
    """The fact that the trial page proposes with this seed."""
    return some_facts(1, seed)[0]


def table_rows(seconds: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """One row a thing that is waited for; the seconds are medians."""
    return [
        {
            "what": what,
            "seconds": median(taken),
            "smallest": min(taken),
            "largest": max(taken),
            "n": len(taken),
            "goal": GOAL_SECONDS[what],
        }
        for what, taken in seconds.items()
    ]


def _provenance(model: ModelIdentity, seed: int) -> dict[str, Any]:
    """With what the edits were made."""
    facts = [first_fact(item) for item in unseen_seeds(EDITS + 2, seed)]
    settings = {"editor": EDITOR, "layer": LAYER, "seed": seed}
    asked = provenance(model, FACT_SET, facts, method="bench first", version=1, settings=settings)
    return pydantic_core.to_jsonable_python(asked)
