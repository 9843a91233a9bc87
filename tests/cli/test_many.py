"""`many`: the JSON, the table, and what is refused."""

import pytest

from lga_core.view.words.edits.many import COLLAPSE_RULE

QUICK = ("--set", "covariance=identity", "--set", "steps=2", "--set", "contexts=0")


def test_the_json_and_the_table(here, tiny_folder, fact_file):
    asked = ("many", tiny_folder, fact_file, "--layers", "1", "--every", 2, *QUICK)
    first = here(*asked, "--json")
    assert first.code == 0, first.err
    many = first.json
    assert [row["edits"] for row in many["checkpoints"]] == [0, 2, 3] and many["planned"] == 3
    assert (many["layers"], many["how"]["every"], many["rule"]) == ([1], 2, COLLAPSE_RULE)
    assert many["checkpoints"][0]["rewrite"] is None and many["checkpoints"][0]["n_locality"] == 1
    assert (many["left_out"], many["dropped_locality"]) == ({}, 0)
    assert [item["status"] for item in many["records"]] == ["edited", "edited", "edited", "no new answer"]
    capped = here(*asked, "--set", "rephrases=0", "--json").json
    assert capped["left_out"]["rephrase"]["rephrase"] >= 1
    assert not many["from_store"]
    again = here(*asked)
    lines = again.out.splitlines()
    assert lines[0].startswith("R-ROME on small.json, 3 facts at layer 1, 1 at a time. ")
    assert lines[1] == COLLAPSE_RULE and "rewrite n 3" in lines[2]
    assert lines[3] == "Records not edited, no new answer: 4" and lines[4].endswith(", from the store")
    assert [line.split()[0] for line in lines[5:]] == ["edits", "0", "2", "3"]
    assert here(*asked, "--edits", 1, "--json").json["planned"] == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--layers", "9"), ("no layer 9",)),
        (("--layers", "1", "--batch", "2"), ("one fact at a time", "sequential")),
        (("--layers", "1", "--every", "0"), ("every", "at least 1")),
    ],
)
def test_one_line_with_cause_and_remedy(here, tiny_folder, fact_file, arguments, expected):
    answer = here("many", tiny_folder, fact_file, *arguments)
    assert (answer.code, answer.out) == (2, "") and "Traceback" not in answer.err
    for words in expected:
        assert words in answer.err.splitlines()[-1]
