"""What became of every record."""

import json

from uploading import read_facts

from lga_core.data.checking.report import KINDS, by_record
from lga_core.data.select import part_of

GOOD = {"prompt": "The capital of France is", "subject": "France", "target_new": "Rome", "ground_truth": ["Paris"]}
PROBES = {"Reasoning": [{"prompt": f"Its river {number} is", "ground_truth": [["Tiber"]]} for number in range(12)]}
RECORDS = [
    GOOD,
    GOOD | {"subject": "Spain"},
    GOOD,
    GOOD | {"prompt": "In France it is", "target_new": " paris"},
    GOOD | {"prompt": "France has", "portability": PROBES},
    GOOD | {"prompt": "France is", "portability": {"Reasoning": [{"prompt": "x"}]}},
]


def test_every_record_has_a_line_with_its_gravest_outcome_and_flags() -> None:
    fact_set = read_facts("t.json", json.dumps(RECORDS).encode(), ".json")
    reports = by_record(fact_set)
    assert [(line.record, line.outcome) for line in reports] == [
        (0, "kept"),
        (1, "record skipped"),
        (2, "kept"),
        (3, "kept"),
        (4, "kept"),
        (5, "probe dropped"),
    ]
    assert [line.record for line in reports if "duplicate" in line.flags] == [2]
    assert [line.record for line in reports if "no-op" in line.flags] == [3]
    assert [line.flags for line in reports[2:5]] == [("duplicate",), ("no-op",), ()]
    assert {kind: sum(map(passes, reports)) for kind, passes in KINDS.items()} == {
        "all records": 6,
        "with a note": 4,
        "probe dropped": 1,
        "skipped": 1,
        "duplicate": 1,
        "no-op": 1,
    }
    assert reports[0].problems == () and reports[1].prompt is None and len(reports[3].problems) == 2
    assert fact_set.n_records == len(reports)


def test_a_part_keeps_record_numbers_and_notes() -> None:
    fact_set = read_facts("t.json", json.dumps(RECORDS).encode(), ".json")
    part = part_of(fact_set, fact_set.facts[2:], "part")
    assert (part.name, part.n_records, len(part.facts)) == ("part", 3, 3)
    assert {problem.record for problem in part.problems} == {3, 5}
    assert {line.record for line in by_record(part)} == {3, 4, 5}
