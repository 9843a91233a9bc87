"""The public benchmarks' samples, read whole, with every problem counted."""

import os
from collections import Counter
from pathlib import Path

import pytest

from lga_core.data.facts import FactSet
from lga_core.data.load import load_facts, read_facts, write_facts

FOLDER = Path(os.environ.get("LGA_BENCHMARK_DATA", Path(__file__).resolve().parents[2] / ".." / "shared" / "data"))
KINDS = {  # words in a problem -> short name
    "equals an old answer": "no-op", "stands in record": "duplicate", "does not contain the subject": "no subject",
    "expects the new answer": "gold is new", "Stray spaces": "spaces", "names no answer: the model": "no gold",
    "names no answer.": "no answer", "the edit prompt itself": "edit prompt", "Portability is empty": "no portability",
    "Locality is empty": "no locality", "an empty entry": "empty entry",
}


def sample(name: str) -> FactSet:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there; set LGA_BENCHMARK_DATA to the folder with the benchmark samples")
    return load_facts(path)


def kinds(found: FactSet) -> Counter:
    """Problems by kind and action; one of no known kind fails."""
    def kind(words: str) -> str:
        return next(name for key, name in KINDS.items() if key in words)
    return Counter((kind(problem.problem), problem.action) for problem in found.problems)


def sizes(found: FactSet) -> tuple[int, ...]:
    """Facts, rephrases, locality probes, portability probes."""
    lists = (found.facts, *([item for fact in found.facts for item in getattr(fact, name)]
                            for name in ("rephrases", "locality", "portability")))
    return tuple(map(len, lists))


@pytest.mark.parametrize(("name", "expected", "problems"), [
    ("zsre", (500, 500, 992, 500), {
        ("no-op", "kept"): 17, ("no subject", "kept"): 26, ("gold is new", "probe dropped"): 8,
        ("duplicate", "kept"): 2, ("spaces", "kept"): 5}),
    ("counterfact", (300, 600, 3000, 300), {}),
    ("wiki_counterfact", (250, 0, 1664, 1404), {
        ("no portability", "kept"): 22, ("no locality", "kept"): 15, ("no answer", "probe dropped"): 7,
        ("edit prompt", "kept"): 6, ("duplicate", "kept"): 6, ("no gold", "kept"): 1, ("empty entry", "kept"): 1}),
    ("wiki_recent_train", (250, 0, 778, 294), {
        ("no portability", "kept"): 210, ("no locality", "kept"): 68, ("gold is new", "probe dropped"): 89,
        ("no gold", "kept"): 1, ("empty entry", "kept"): 1}),
])
def test_counts(name: str, expected: tuple[int, ...], problems: dict[tuple[str, str], int]) -> None:
    found = sample(name)
    assert sizes(found) == expected
    assert kinds(found) == problems
    assert found.n_records == len(found.facts)


@pytest.mark.parametrize("name", ["zsre", "counterfact", "wiki_counterfact"])
def test_round_trip(name: str) -> None:
    found = sample(name)
    again = read_facts("again.json", write_facts(found.facts).encode(), ".json")
    assert again.facts == found.facts


def test_zsre_targets_have_no_stray_spaces() -> None:
    assert all(fact.target_new == fact.target_new.strip() for fact in sample("zsre").facts)


@pytest.mark.parametrize("name", ["known_1000", "wikibio", "zsre_mend_portability", "counterfact_flat"])
def test_a_format_not_known_yet_is_named_record_by_record(name: str) -> None:
    found = sample(name)
    assert found.facts == () and len(found.problems) == found.n_records
    assert all("fit no known format" in problem.problem for problem in found.problems)
