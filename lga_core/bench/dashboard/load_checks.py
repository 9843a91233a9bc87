"""What `bench load` checks afterwards: results beside a single user's, the store's files, memory, waits."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from lga_core.bench.dashboard.load_work import AskedQuestion, LoadQuestion, RowsOfAnswer, Switch
from lga_core.data.facts import Fact
from lga_core.results import FactList
from lga_core.runs.replay.row_comparison import compared
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.kinds import kind_of, lost_rows
from lga_core.runs.storage.row_file import unreadable_rows
from lga_core.runs.storage.store import Store

SETTLED_SECONDS = 120.0  # of a run, in which everything is used for the first time
MOST_GROWTH = 0.10  # of the memory after that


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Resident memory at one moment, of all servers and of all engines, in bytes."""

    seconds: float  # since the first session began
    servers: int
    engines: int


@dataclass(frozen=True, kw_only=True)
class EqualityCheck:
    """The rows of a store beside those that a single user got."""

    rows: int  # that both have
    largest_difference: float  # of a number, as a share
    differing: int  # texts, statuses or picks that are not the same
    where: str | None  # the largest difference


@dataclass(frozen=True, kw_only=True)
class StoreFiles:
    """What the files of a store are like."""

    files: int
    damaged: int  # lines and descriptions that cannot be read, and halves of files
    rows: int
    doubled: int  # rows that were stored again: computed twice at once


def compared_stores(alone: Store, under_load: Store) -> EqualityCheck:
    """Every run of the store under load beside the same run of the single user's."""
    largest = 0.0
    where: str | None = None
    rows = 0
    differing = 0
    for header in RunIndex(under_load).headers():
        run = under_load.find(header.key)
        if run is None:  # damaged: told by `store_files`
            continue
        stored = run.rows(header.kind.row_type)
        own = alone.find(header.key)
        again = own.rows(header.kind.row_type) if own is not None else {}
        both = {name: row for name, row in stored.items() if name in again}
        comparison = compared(run.provenance, both, again, run.provenance.machine)
        rows += len(both)
        differing += comparison.differing_texts
        if comparison.largest_difference > largest:
            largest = comparison.largest_difference
            where = f"{header.what}, {comparison.where}"
    return EqualityCheck(rows=rows, largest_difference=largest, differing=differing, where=where)


def lost_results(
    asked: Sequence[AskedQuestion], answers: Mapping[LoadQuestion, Sequence[RowsOfAnswer]], store: Store
) -> list[AskedQuestion]:
    """What was asked, was not cancelled, and has no whole result in the store."""
    return [
        item
        for item in asked
        if not item.cancelled and not all(_holds(store, answer) for answer in answers[item.question])
    ]


def _holds(store: Store, answer: RowsOfAnswer) -> bool:
    run = store.find(answer.key)
    return run is not None and answer.names <= run.rows(kind_of(run.provenance.method).row_type).keys()


def store_files(store: Store) -> StoreFiles:
    """Reads every file of a store."""
    headers = RunIndex(store).headers()
    runs = [store.find(header.key) for header in headers]
    facts = store.root / "facts"
    damaged = sum(run is None or run.notes is None for run in runs)
    damaged += sum(lost_rows(run) for run in runs if run is not None)
    damaged += unreadable_rows(facts / "facts.jsonl", [Fact]) + unreadable_rows(facts / "lists.jsonl", [FactList])
    damaged += len(list(store.root.rglob("*-half")))
    tables = list(store.root.rglob("*.jsonl"))
    damaged += sum(not path.read_bytes().endswith(b"\n") for path in tables)  # nobody writes any more
    lines = [_names(path) for path in tables]
    return StoreFiles(
        files=sum(path.is_file() for path in store.root.rglob("*")),
        damaged=damaged,
        rows=sum(map(len, lines)),
        doubled=sum(len(names) - len(set(names)) for names in lines),
    )


def _names(path: Path) -> list[str]:
    """The names of a file's rows, in order; of those that can be read."""
    names = []
    for line in path.read_bytes().splitlines():
        try:
            names.append(json.loads(line)["of"])
        except (ValueError, KeyError):
            continue  # told as damaged
    return names


def growth(samples: Sequence[Sample], settled: float = SETTLED_SECONDS) -> float | None:
    """By which share memory grew from the first to the last quarter of the time after `settled` seconds (medians).

    None where fewer than four samples are that late.
    """
    late = [sample.servers + sample.engines for sample in samples if sample.seconds >= settled]
    quarter = len(late) // 4
    return median(late[-quarter:]) / median(late[:quarter]) - 1 if quarter else None


def p95(switches: Sequence[Switch], settled: float = 0.0) -> float | None:
    """The wait that 19 of 20 page switches after `settled` seconds stay below; None without any."""
    late = [item.seconds for item in switches if item.at >= settled]
    return float(np.percentile(late, 95)) if late else None


def most_frequent(problems: Sequence[str]) -> list[str]:
    """Each problem once with how often it came, the most frequent first."""
    return [f"{count} × {words}" for words, count in Counter(problems).most_common()]
