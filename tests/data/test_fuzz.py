"""Ten thousand broken uploads, made from a good one of every format: each loads, or names what is wrong."""

import copy
import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from uploading import read_facts

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import upload_table, write_facts
from lga_core.data.sources.mapping import ColumnMapping
from lga_core.errors import LgaError
from tests.data.examples import EXAMPLES

UPLOADS = 10_000
JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    0.5,
    10**30,
    float("nan"),
    "",
    " ",
    "\0",
    "\ud800",
    "{}",
    "null",
    "x" * 10_001,
    "👩‍🚀é\u0301",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    [[[["deep"]]]],
    {"str": {"str": []}},
    {"\ud800": ["x"]},
    {"Group": {}},
    {"Group": [{"prompt": []}, None, {"prompt": "a", "ground_truth": {"a": 1}}]},
    [1, "a", None, ["b", 2.5]],
)
TABLES = ("flat table", "known_1000", "CounterFact, flat")  # formats without nesting can be a CSV, too


def places(value: Any, seen: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key or index) inside a value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        seen.append((value, key))
        places(value[key], seen)
    return seen


def drop(records: list[Any], chance: random.Random) -> None:
    container, key = chance.choice(places(records, []))
    del container[key]


def retype(records: list[Any], chance: random.Random) -> None:
    container, key = chance.choice(places(records, []))
    container[key] = copy.deepcopy(chance.choice(JUNK))


def wrap(records: list[Any], chance: random.Random) -> None:
    container, key = chance.choice(places(records, []))
    container[key] = [container[key]] if chance.random() < 0.5 else {"Group": container[key]}


def rename(records: list[Any], chance: random.Random) -> None:
    """A field under a key of another place or format."""
    inner = [(container, key) for container, key in places(records, []) if isinstance(container, dict)]
    names = [key for example in EXAMPLES.values() for key in example]
    if inner:
        container, key = chance.choice(inner)
        container[chance.choice(names)] = container.pop(key)


def merge(records: list[Any], chance: random.Random) -> None:
    """Two formats in one record."""
    at = chance.randrange(len(records))
    if isinstance(records[at], dict):
        other = copy.deepcopy(chance.choice(list(EXAMPLES.values())))
        records[at] |= {key: other[key] for key in chance.sample(sorted(other), chance.randint(1, len(other)))}


def flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)


def truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def cut(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.randint(1, 20)]


def insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    pieces = (
        b'"',
        b"{",
        b"[" * 2_000,
        b"]",
        b",",
        b"\n",
        b"\0",
        b"\xff",
        b"\\ud800",
        b"NaN",
        b"1e999",
        b"9" * 5_000,
        bytes(data[start : start + 50]),
    )
    data[start:start] = chance.choice(pieces)


STRUCTURAL: tuple[Callable[[list[Any], random.Random], None], ...] = (drop, retype, retype, wrap, rename, merge)
BYTEWISE: tuple[Callable[[bytearray, random.Random], None], ...] = (flip, truncate, cut, insert)


def mutated(name: str, suffix: str, chance: random.Random) -> bytes:
    """Two records of a format, broken in up to three places of their structure or their bytes."""
    records = [copy.deepcopy(EXAMPLES[name]) for _ in range(2)]
    of_bytes = chance.random() < 0.4
    for _ in range(0 if of_bytes else chance.randint(1, 3)):
        if records:
            chance.choice(STRUCTURAL)(records, chance)
    data = bytearray(written(records, suffix))
    if of_bytes or chance.random() < 0.1:
        for _ in range(chance.randint(1, 3)):
            if data:
                chance.choice(BYTEWISE)(data, chance)
    return bytes(data)


def written(records: list[Any], suffix: str) -> bytes:
    if suffix == ".json":
        return json.dumps(records).encode()
    if suffix == ".jsonl":
        return "\n".join(map(json.dumps, records)).encode()
    rows = [record for record in records if isinstance(record, dict)]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode("utf-8", "surrogatepass")


def check(fact_set: FactSet) -> None:
    """Every record is a fact or named as skipped, and what was kept is whole."""
    kept = [fact.record for fact in fact_set.facts]
    skipped = [problem.record for problem in fact_set.problems if problem.action == "record skipped"]
    assert sorted(kept + skipped) == list(range(fact_set.n_records))
    for problem in fact_set.problems:
        assert 0 <= problem.record < fact_set.n_records and problem.problem.encode()
    for fact in fact_set.facts:
        assert fact.subject and fact.prompt[slice(*fact.span)] == fact.subject and fact.fingerprint
        assert fact.target_new is None or fact.target_new.strip()
        assert all(fact.target_old) and all(fact.rephrases)
        assert all(probe.prompt and all(probe.accepted) for probe in fact.locality + fact.portability)
        assert all(probe.answers for probe in fact.portability)
    if fact_set.facts:
        again = read_facts("again.json", write_facts(fact_set.facts).encode(), ".json")
        assert list(map(content, again.facts)) == list(map(content, fact_set.facts))


def content(fact: Fact) -> tuple[Any, ...]:
    """All of a fact but its number; probes without their order, which interleaved groups do not keep."""
    probes = (Counter(fact.locality), Counter(fact.portability))
    return (fact.prompt, fact.span, fact.target_new, fact.target_old, fact.rephrases, fact.relation, *probes)


def outcome(suffix: str, data: bytes) -> str:
    """What became of an upload, read as it is and through the mapping that its columns suggest."""
    try:
        fact_set = read_facts(f"upload{suffix}", data, suffix)
    except LgaError as error:
        assert f"upload{suffix}" in error.cause and error.hint and str(error).encode()
        return "refused"
    check(fact_set)
    guessed = ColumnMapping.guess(upload_table(f"upload{suffix}", data, suffix).columns)
    if {"prompt", "subject"} <= guessed.keys():
        try:
            check(read_facts(f"upload{suffix}", data, suffix, mapping=ColumnMapping(**guessed)))
        except LgaError as error:
            assert "names no column for an answer" in error.cause
    actions = {problem.action for problem in fact_set.problems}
    return next((action for action in ("record skipped", "probe dropped") if action in actions), "whole")


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv"])
def test_broken_uploads(suffix: str) -> None:
    """All three together are the ten thousand."""
    names = TABLES if suffix == ".csv" else tuple(EXAMPLES)
    share = {".json": 0.5, ".jsonl": 0.3, ".csv": 0.2}[suffix]
    chance = random.Random(suffix)
    seen: Counter[str] = Counter()
    for number in range(round(UPLOADS * share)):
        name = names[number % len(names)]
        data = mutated(name, suffix, chance)
        try:
            seen[outcome(suffix, data)] += 1
        except Exception as error:
            error.add_note(f"upload {number} ({name}{suffix}): {data[:2_000]!r}")
            raise
    expected = {"refused", "record skipped", "whole"} | (set() if suffix == ".csv" else {"probe dropped"})
    assert all(seen[kind] >= 50 for kind in expected), seen
