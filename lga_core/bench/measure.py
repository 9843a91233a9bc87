"""What the benchmarks measure with: the machine's own speed, peak memory, and a process for each contender."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any

import psutil
import torch

from lga_core.data.facts import Fact
from lga_core.data.load import choose, load_facts
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.results import KnownFactCheck

FACT_SET = "world"  # shipped
SAMPLE_SECONDS = 0.005
PRODUCT_SIZE = 1536


@dataclass
class Peak:
    """Highest memory seen, in bytes: resident on a CPU, allocated on a card."""

    bytes: int = 0


def after_example(seed: int) -> int:
    """The seed by which the dashboard's benchmarks begin: a page shows what the recorded example has of seed 0."""
    return seed + 1


def some_facts(count: int | None, seed: int) -> tuple[Fact, ...]:
    """So many facts of the shipped set in a seeded order; None: all."""
    return choose(load_facts(FACT_SET).facts, count, seed)


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """Watch memory while the body runs."""
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated(device)
        return
    process = psutil.Process()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            peak.bytes = max(peak.bytes, process.memory_info().rss)
            sleep(SAMPLE_SECONDS)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def seconds_of(work: Callable[[], Any], device: torch.device) -> float:
    """Wall seconds of one call, the card's queue included."""
    begin = perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - begin


def all_known(facts: Sequence[Fact]) -> list[KnownFactCheck]:
    """Checks that say that every fact is known: the cost of a score does not depend on it, and all ways score alike."""
    return [KnownFactCheck(record=fact.record, known=True, greedy="", greedy_ids=(), probability=1.0) for fact in facts]


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """The machine's measured matrix-product rate in FLOP/s: the best of several square products."""
    first, second = (torch.randn(PRODUCT_SIZE, PRODUCT_SIZE, device=device, dtype=dtype) for _ in range(2))
    seconds = min(seconds_of(lambda: first @ second, device) for _ in range(12))
    return 2 * PRODUCT_SIZE**3 / seconds


def peak_in_own_process(
    work: Callable[[LoadedModel, Sequence[Fact]], Any], model_name: str, facts: int, seed: int
) -> tuple[int, int]:
    """Resident bytes after loading, and at the peak of one run of `work`, which stands in its module by name."""
    return in_own_process(_peak_of, work, model_name, facts, seed)


def _peak_of(
    work: Callable[[LoadedModel, Sequence[Fact]], Any], model_name: str, count: int, seed: int
) -> tuple[int, int]:
    model = load(model_name)
    facts = some_facts(count, seed)
    with peak_memory(model.device) as loaded:
        product_rate(model.device, model.dtype)  # the matrix library's own buffers belong to no contender
    with peak_memory(model.device) as peak:
        work(model, facts)
    return loaded.bytes, peak.bytes


def in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work(*arguments)` returns in a fresh process, so that nothing is left over from another contender."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)
