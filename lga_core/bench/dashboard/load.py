"""`bench load`: several browser sessions at mixed work, on one server and then on two servers with one cache folder.

Afterwards every stored result is put beside the one that a single user gets by the command line's functions.
"""

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch

from lga_core.bench.dashboard import load_checks as checks
from lga_core.bench.dashboard.load_checks import Sample
from lga_core.bench.dashboard.load_work import (
    ARRIVAL_SECONDS,
    PAUSE_SECONDS,
    AskedQuestion,
    LoadQuestion,
    RowsOfAnswer,
    Switch,
    answer_alone,
)
from lga_core.bench.dashboard.server import Server, home_with_model, processor_seconds, served
from lga_core.bench.dashboard.tab import Tab, chromium
from lga_core.bench.measure import in_own_process
from lga_core.bench.scale.shapes import SHAPES, VOCABULARY, random_model
from lga_core.data.load import load_facts
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.runs.replay.row_comparison import TOLERANCE
from lga_core.runs.storage.store import Store

SESSIONS, MINUTES = 8, 10.0
TINY = "tiny"  # a Llama of four layers with random weights, made here
SAMPLE_SECONDS = 1.0
MEMORY_EVERY = 10  # samples, in the result
SWITCH_SECONDS = 2.0  # p95 of a page switch
PATIENCE_MS = 120_000  # for what is there at once with one session
PARTS = {"one server": 1, "two servers, one cache folder": 2}
PACKAGES = ("torch", "transformers", "numpy", "streamlit", "playwright")


@dataclass(frozen=True, kw_only=True)
class Part:
    """What was seen with so many servers."""

    asked: Sequence[AskedQuestion]
    switches: Sequence[Switch]
    problems: Sequence[str]
    samples: Sequence[Sample]
    store: Store
    log_errors: int  # tracebacks in what the servers said
    processor: Mapping[str, float]  # seconds, by who used them


def bench_load(
    model_name: str,
    limit: int | None = None,
    seed: int = 0,
    *,
    sessions: int = SESSIONS,
    minutes: float = MINUTES,
    report: Reporter = silent,
) -> dict[str, Any]:
    """Several sessions at mixed work in a real Chromium, on one server and on two with one cache folder.

    `model_name`: "tiny" is a random model that is made here. `limit`: at most so many questions are put beside a single
    user's answers; None: all.
    """
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = str(tiny_folder(folder / TINY, seed)) if model_name == TINY else model_name
        home_with_model(folder / "alone", model)
        parts: dict[str, Part] = {}
        for number, (title, servers) in enumerate(PARTS.items()):
            step = Progress(
                phase=Phase.SPEED, done=number, total=len(PARTS) + 1, detail=f"{sessions} sessions, {title}"
            )
            report(step)
            home = home_with_model(folder / f"{servers}", model)
            parts[title] = asyncio.run(_work(home, model, servers, sessions, minutes, seed))
        questions = spread([item.question for part in parts.values() for item in part.asked], limit)
        report(Progress(phase=Phase.SPEED, done=len(PARTS), total=len(PARTS) + 1, detail="the same for a single user"))
        answers = in_own_process(answer_alone, str(folder / "alone"), model, questions)
        alone = Store(folder / "alone" / "runs")
        rows = _rows(parts, dict(zip(questions, answers, strict=True)), alone)
        details = {title: _details(part, alone) for title, part in parts.items()}
    return {
        "name": "load",
        "seconds": time.monotonic() - begin,
        "peak_bytes": max(item.servers + item.engines for part in parts.values() for item in part.samples),
        "rows": rows,
        "machine": f"{psutil.cpu_count()} cores, torch with {torch.get_num_threads()} threads",
        "settings": {
            "model": model_name,
            "seed": seed,
            "sessions": sessions,
            "minutes": minutes,
            "compared_questions": len(questions),
            "arrival_seconds": ARRIVAL_SECONDS,
            "pause_seconds": PAUSE_SECONDS,
            "packages": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
            "parts": details,
        },
    }


def tiny_folder(folder: Path, seed: int) -> Path:
    """A plain transformers folder with a random Llama of four layers, and a tokenizer trained on the facts."""
    shape = next(shape for shape in SHAPES if "Llama" in shape.name)
    model = random_model(
        shape,
        load_facts("world").facts,
        layers=4,
        width=shape.near(128),
        vocabulary=VOCABULARY,
        device=torch.device("cpu"),
        dtype=torch.float32,
        seed=seed,
    )
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


async def _work(home: Path, model: str, servers: int, sessions: int, minutes: float, seed: int) -> Part:
    """All sessions at once until the time is over."""
    from lga_core.bench.dashboard.load_session import LoadSession  # with playwright

    logs = [home / f"server-{number}.log" for number in range(servers)]
    uploads = home / "uploads"
    uploads.mkdir()
    samples: list[Sample] = []
    settings = {"LGA_ACCEPT_TERMS": "1"}
    if servers > 1:  # they share out the cores, else the threads of one engine wait for those of the other
        settings["LGA_THREADS"] = str(max(1, (os.cpu_count() or 1) // servers))
    with ExitStack() as open_servers:
        running = [open_servers.enter_context(served(home, settings, log)) for log in logs]
        async with chromium() as browser:
            people = [
                LoadSession(
                    number=number,
                    tab=await Tab.opened(browser, running[number % servers], model, PATIENCE_MS),
                    seed=seed,
                    folder=uploads,
                )
                for number in range(sessions)
            ]
            watching = asyncio.create_task(_watch(running, samples))
            await asyncio.gather(*(person.work_for(60 * minutes) for person in people))
            watching.cancel()
            processor = processor_seconds(running)
    return Part(
        asked=[item for person in people for item in person.asked],
        switches=[item for person in people for item in person.switches],
        problems=[problem for person in people for problem in person.problems],
        samples=samples,
        store=Store(home / "runs"),
        log_errors=sum(log.read_text(errors="replace").count("Traceback (most recent call last)") for log in logs),
        processor=processor,
    )


async def _watch(servers: Sequence[Server], samples: list[Sample]) -> None:
    """Note the memory once a second, until it is cancelled."""
    begin = time.monotonic()
    while True:
        own, engines = zip(*(server.note_memory() for server in servers), strict=True)
        samples.append(Sample(seconds=time.monotonic() - begin, servers=sum(own), engines=sum(engines)))
        await asyncio.sleep(SAMPLE_SECONDS)


def spread(questions: Sequence[LoadQuestion], limit: int | None) -> list[LoadQuestion]:
    """Each once; at most so many, spread over the time in which they were asked."""
    each = list(dict.fromkeys(questions))
    step = max(1.0, len(each) / (limit or len(each) or 1))
    return [each[int(place * step)] for place in range(min(len(each), limit or len(each)))]


def _rows(
    parts: Mapping[str, Part], answers: Mapping[LoadQuestion, Sequence[RowsOfAnswer]], alone: Store
) -> list[dict[str, Any]]:
    """One row a quantity: its goal, and a column for each part."""
    columns = [_quantities(part, answers, alone) for part in parts.values()]
    return [
        {"what": same[0][0], "goal": same[0][1], **{title: item[2] for title, item in zip(parts, same, strict=True)}}
        for same in zip(*columns, strict=True)
    ]


def _quantities(
    part: Part, answers: Mapping[LoadQuestion, Sequence[RowsOfAnswer]], alone: Store
) -> list[tuple[str, str, float | None]]:
    """What, the goal in words, how much."""
    compared = checks.compared_stores(alone, part.store)
    files = checks.store_files(part.store)
    checked = [item for item in part.asked if item.question in answers]
    awaited = [item for item in part.asked if not item.cancelled]
    most = max((sample.servers + sample.engines for sample in part.samples), default=0)
    return [
        ("questions asked", "", len(part.asked)),
        ("different questions", "", len({item.question for item in part.asked})),
        ("cancelled by their session", "", len(part.asked) - len(awaited)),
        ("results lost", "0", len(checks.lost_results(checked, answers, part.store))),
        ("results not shown", "0", sum(not item.shown for item in awaited)),
        ("rows beside a single user's", "", compared.rows),
        ("largest difference, a share", f"≤ {TOLERANCE:g}", compared.largest_difference),
        ("texts that differ", "0", compared.differing),
        ("files of the store", "", files.files),
        ("damaged lines and files", "0", files.damaged),
        ("rows computed twice at once", "0", files.doubled),
        ("errors on pages and time-outs", "0", len(part.problems)),
        ("tracebacks in the servers' logs", "0", part.log_errors),
        ("page switches", "", len(part.switches)),
        ("page switch, p95, s", f"≤ {SWITCH_SECONDS:g}", checks.p95(part.switches)),
        ("the same after two minutes", f"≤ {SWITCH_SECONDS:g}", checks.p95(part.switches, checks.SETTLED_SECONDS)),
        *((f"processor time, {user}, s", "", seconds) for user, seconds in part.processor.items()),
        ("memory at most, MB", "", most / 1e6),
        ("memory's growth after two minutes", f"≤ {checks.MOST_GROWTH:.0%}", checks.growth(part.samples)),
    ]


def _details(part: Part, alone: Store) -> dict[str, Any]:
    """What the table leaves out."""
    return {
        "problems": checks.most_frequent(part.problems),
        "largest_difference_at": checks.compared_stores(alone, part.store).where,
        "switches": [asdict(item) for item in part.switches],
        "memory": [[sample.seconds, sample.servers, sample.engines] for sample in part.samples[::MEMORY_EVERY]],
        "not_shown": [asdict(item) for item in part.asked if not item.shown and not item.cancelled],
    }
