"""What the tests of a store under fault write to it, and a process that writes without an end. Imports no torch."""

import itertools
import sys
from pathlib import Path

from lga_core.data.load import fact_from_form
from lga_core.results import KnownFactCheck, Provenance
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.store import Store


def question(key: str = "a1") -> Provenance:
    return Provenance(
        key=key,
        model="tiny",
        model_fingerprint="m",
        facts="world",
        facts_fingerprint="f",
        method="survey",
        method_version=1,
        settings={},
        packages={"torch": "2"},
        machine="cpu",
        created="2026-01-01T00:00:00+00:00",
    )


def check(record: int) -> KnownFactCheck:
    return KnownFactCheck(record=record, known=True, greedy="Paris", probability=0.25)


def write_on(root: Path, first: int) -> None:
    """Run after run, each named, finished, deleted and brought back; every row is told when it is written.

    So is a deletion before it begins, and its end: a run that was deleted when its server was killed is gone.
    """
    store = Store(root)
    deleted = RunBin(store)
    print("begun", flush=True)
    for number in itertools.count(first):
        run = store.open(question(f"k{number}"))
        fact = fact_from_form(prompt=f"The {number} Rome is in", subject="Rome", target_new="Boston")
        store.facts.keep([fact])
        for row in range(5):
            run.append(str(row), check(row))
            print(f"k{number}", row, flush=True)
        run.rename(f"number {number}")
        run.finish()
        print(f"k{number}", "out", flush=True)
        deleted.delete(run.provenance.key)
        deleted.undo(run.provenance.key)
        print(f"k{number}", "back", flush=True)


if __name__ == "__main__":
    write_on(Path(sys.argv[1]), int(sys.argv[2]))
