"""The public benchmarks' samples, read whole, with every problem counted."""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from uploading import read_facts

from lga_core.data.facts import FactSet
from lga_core.data.load import load_facts, write_facts

FOLDER = Path(os.environ.get("LGA_BENCHMARK_DATA", Path(__file__).resolve().parents[2] / ".." / "shared" / "data"))
KINDS = {  # words in a problem -> short name
    "equals an old answer": "no-op",
    "stands in record": "duplicate",
    "does not contain the subject": "no subject",
    "expects the new answer": "gold is new",
    "Stray spaces": "spaces",
    "names no answer: the model": "no gold",
    "names no answer.": "no answer",
    "the edit prompt itself": "edit prompt",
    "Portability is empty": "no portability",
    "Locality is empty": "no locality",
    "an empty entry": "empty entry",
    "can be traced, not edited": "no new answer",
    "its template and more words": "longer than its template",
    "usually a generation prompt": "no paraphrase",
}
# name: records = facts, rephrases, locality probes, portability probes; then the problems and why they are there
TABLE = [
    (
        "zsre",
        (500, 500, 988, 500),
        {
            ("no-op", "kept"): 19,  # the target is one of the true answers, “mezzo-soprano” twice
            ("no subject", "kept"): 26,
            ("spaces", "kept"): 5,
            ("duplicate", "kept"): 2,
            ("gold is new", "probe dropped"): 12,
        },
    ),  # 1000 locality probes less 12
    ("zsre_mend_portability", (150, 150, 150, 150), {("no-op", "kept"): 2, ("spaces", "kept"): 2}),
    ("counterfact", (300, 600, 3000, 300), {}),
    ("counterfact_flat", (200, 0, 200, 0), {("no paraphrase", "probe dropped"): 200}),
    (
        "known_1000",
        (400, 0, 0, 0),
        {  # for tracing: nothing to edit, nothing to probe
            ("no new answer", "kept"): 400,
            ("longer than its template", "kept"): 158,
        },
    ),
    ("wikibio", (150, 0, 300, 0), {("spaces", "kept"): 29}),  # texts that end in a space
    (
        "wiki_counterfact",
        (250, 0, 1664, 1404),
        {  # 1411 less 7
            ("no portability", "kept"): 22,
            ("no locality", "kept"): 15,
            ("no answer", "probe dropped"): 7,
            ("edit prompt", "kept"): 6,
            ("duplicate", "kept"): 6,
            ("no gold", "kept"): 1,
            ("empty entry", "kept"): 1,
        },
    ),
    (
        "wiki_counterfact_rephrased",
        (118, 316, 862, 618),
        {  # 622 less 4
            ("no portability", "kept"): 13,
            ("no locality", "kept"): 2,
            ("no answer", "probe dropped"): 4,
            ("edit prompt", "kept"): 2,
            ("duplicate", "kept"): 1,
        },
    ),
    ("wiki_counterfact_train", (100, 0, 145, 159), {("no portability", "kept"): 1, ("edit prompt", "kept"): 3}),
    (
        "wiki_recent_train",
        (250, 0, 778, 294),
        {  # 867 less 89
            ("no portability", "kept"): 210,
            ("no locality", "kept"): 68,
            ("gold is new", "probe dropped"): 89,  # Forgetfulness probes that ask for the new answer
            ("no gold", "kept"): 1,
            ("empty entry", "kept"): 1,
        },
    ),
]
NAMES = [row[0] for row in TABLE]


def sample_path(name: str) -> Path:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there; set LGA_BENCHMARK_DATA to the folder with the benchmark samples")
    return path


def sample(name: str) -> FactSet:
    return load_facts(sample_path(name))


def kinds(fact_set: FactSet) -> Counter:
    """Problems by kind and action; one of no known kind fails."""

    def kind(words: str) -> str:
        return next(name for key, name in KINDS.items() if key in words)

    return Counter((kind(problem.problem), problem.action) for problem in fact_set.problems)


def sizes(fact_set: FactSet) -> tuple[int, ...]:
    """Facts, rephrases, locality probes, portability probes."""
    lists = (
        fact_set.facts,
        *(
            [item for fact in fact_set.facts for item in getattr(fact, name)]
            for name in ("rephrases", "locality", "portability")
        ),
    )
    return tuple(map(len, lists))


@pytest.mark.parametrize(("name", "expected", "problems"), TABLE, ids=NAMES)
def test_counts(name: str, expected: tuple[int, ...], problems: dict[tuple[str, str], int]) -> None:
    fact_set = sample(name)
    assert sizes(fact_set) == expected
    assert kinds(fact_set) == problems
    assert fact_set.n_records == len(fact_set.facts)


def test_every_file_of_the_folder_is_in_the_table() -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} is not there; set LGA_BENCHMARK_DATA to the folder with the benchmark samples")
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("wiki")] + ["zsre"])
def test_no_probe_vanishes(name: str) -> None:
    """All probes of the file = those kept + those whose loss the report counts."""
    fact_set = sample(name)
    dropped = [problem for problem in fact_set.problems if problem.action == "probe dropped"]
    records = json.loads(sample_path(name).read_text(encoding="utf-8"))
    asked = sum(
        len(probes)
        for record in records
        for metric in ("locality", "portability")
        for probes in record.get(metric, {}).values()
    )
    assert asked == sum(sizes(fact_set)[2:]) + len(dropped)


@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name: str) -> None:
    fact_set = sample(name)
    again = read_facts("again.json", write_facts(fact_set.facts).encode(), ".json")
    assert [replace(fact, record=0) for fact in again.facts] == [replace(fact, record=0) for fact in fact_set.facts]


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_stripped_and_every_span_is_the_subject(name: str) -> None:
    for fact in sample(name).facts:
        assert fact.prompt[slice(*fact.span)] == fact.subject
        texts = [fact.prompt, *fact.rephrases, *fact.target_old, *([fact.target_new] if fact.target_new else [])]
        texts += [words for probe in fact.locality + fact.portability for words in (probe.prompt, *probe.accepted)]
        assert all(words and words == words.strip() for words in texts)


def test_wikibio_takes_the_last_mention_in_any_case_and_whole_sentences() -> None:
    facts = sample("wikibio").facts
    records = json.loads(sample_path("wikibio").read_text(encoding="utf-8"))
    several = [
        fact
        for fact, record in zip(facts, records, strict=True)
        if record["text"].casefold().count(record["concept"].casefold()) > 1
    ]
    assert len(several) == 74
    assert all(fact.span[0] > len("This is a Wikipedia passage about ") for fact in several)
    assert all(fact.subject.casefold() not in fact.prompt[fact.span[1] :].casefold() for fact in facts)
    assert (facts[0].subject, facts[0].record) == ("John Russell Reynolds", 0)
    lengths = [len(fact.target_new.split()) for fact in facts]
    assert max(lengths) > 40 and 15 < sum(lengths) / len(lengths) < 25
    assert all(fact.target_old == fact.rephrases == fact.portability == () for fact in facts)


def test_mend_questions_lose_their_marker() -> None:
    fact = sample("zsre_mend_portability").facts[0]
    assert fact.locality[0].prompt.startswith("to transplant a nucleus")
    assert fact.locality[0].answers == (("somatic cell nuclear transfer",),)


def test_recent_has_no_fact_with_both_probes() -> None:
    facts = load_facts(sample_path("wiki_recent_train")).facts
    assert not any(fact.target_old for fact in facts)
    assert Counter((bool(fact.locality), bool(fact.portability)) for fact in facts)[True, True] == 0
