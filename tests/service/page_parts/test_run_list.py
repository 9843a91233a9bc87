"""Stored runs in the rows and words of a list, from their headers alone."""

from dataclasses import replace

import pytest
from conftest import make_fact
from view.made_report import stored

from lga_core.data.facts import facts_fingerprint
from lga_core.results import Origin, RunNotes
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.store import Store
from lga_core.service.page_parts import run_list
from lga_core.service.reading.run_groups import RunGroup, grouped

FACT = make_fact(0, "The Space Needle is in", "Space Needle", "Boston", "Seattle")


def header(method="gradients", *, complete=True, changed=0.0, title=None, key="a", seconds=2.0, **of):
    asked = replace(stored(method).provenance, key=f"{key}{'0' * 63}", **of)
    notes = RunNotes(rows=4, seconds=seconds, title=title, origins=(Origin(command="lga score"),))
    return RunHeader(key=asked.key, provenance=asked, notes=notes, complete=complete, bytes=1234, changed=changed)


TRACES = [header("token-trace-mlp", key=key, changed=float(place)) for place, key in enumerate("bcd")]


@pytest.fixture
def words():
    """What each of the runs is about."""

    def of(*headers):
        return dict.fromkeys((item.key for item in headers), "six")

    return of


def test_a_row_tells_what_how_far_and_how_long(words):
    run = header(complete=False)
    (row,) = run_list.list_rows([run], words(run))
    assert "name" not in row, "no run has one"
    assert (row["what"], row["model"], row["facts"]) == ("Scores: LGA", "made", "six")
    assert (row["state"], row["took"], row["kB"], row["key"]) == ("partial, 4 rows", "2.0 s", 1.2, "a0000000")
    assert row["settings"] == "seed 7, value steps 25"
    (named,) = run_list.list_rows([header(title="Mine")], words(run))
    assert named["name"] == "Mine" and named["state"] == "complete"


def test_a_group_is_one_row_with_the_time_of_all(words):
    (group,) = grouped(TRACES)
    (row,) = run_list.list_rows([group], words(*TRACES))
    assert row["what"] == "Causal trace: MLP, 3 facts" and row["key"] == "3 runs" and row["took"] == "6.0 s"
    assert row["state"] == "complete"
    assert row["last written"] == run_list.when(TRACES[-1])
    some = replace(group, headers=(replace(TRACES[0], complete=False), *TRACES[1:]))
    assert run_list.list_rows([some], words(*TRACES))[0]["state"] == "2 complete"


def test_the_sentence_above_the_list_counts_runs_and_tells_of_groups():
    run = header()
    items = grouped([run, *TRACES])
    (group,) = (item for item in items if isinstance(item, RunGroup))
    assert run_list.list_sentence([run], None).startswith("1 run, the last one first.")
    assert "stand in one row" not in run_list.list_sentence([run], None)
    assert run_list.list_sentence(items, None).startswith("4 runs,") and "one row" in run_list.list_sentence(
        items, None
    )
    opened = run_list.list_sentence(items, group)
    assert opened == "Causal trace: MLP, 3 facts: 3 runs of 4, each a trace of one fact."


@pytest.mark.parametrize(
    ("search", "listed"), [("", 4), ("Scores:", 1), ("causal six", 3), ("trace scores:", 0), ("made", 4)]
)
def test_a_run_is_listed_when_it_has_every_word(words, search, listed):
    headers = [header(), *TRACES]
    assert len(run_list.matching_runs(headers, search, words(*headers))) == listed


def test_a_run_of_one_fact_names_it_where_the_fact_was_kept(tmp_path):
    store = Store(tmp_path)
    one = header(facts_fingerprint=facts_fingerprint([FACT]))
    unreadable = replace(header(key="e"), provenance=None)
    assert run_list.facts_in_words([one, unreadable], store) == {one.key: "six", unreadable.key: ""}
    store.facts.keep([FACT])
    assert run_list.facts_in_words([one], store) == {one.key: "six · Space Needle: Seattle → Boston"}


def test_one_run_in_one_line_and_one_that_cannot_be_read():
    run = header(title="Mine")
    assert run_list.run_line(run, "six") == f"Mine · Scores: LGA · made · six · {run_list.when(run)} · a0000000"
    assert run_list.run_line(replace(run, provenance=None), "six") == "a00000000000, cannot be read"


def test_what_was_not_recorded_is_said_and_not_counted():
    old = replace(header(), notes=None)
    assert run_list.took(old) == run_list.NOT_RECORDED and run_list.took(old, header()) == "2.0 s"
    assert run_list.how_far(replace(old, complete=False)) == "partial"


def test_all_that_is_recorded_of_a_run():
    run = header()
    rows = {row["what"]: row["recorded"] for row in run_list.recorded_rows(run, run.provenance)}
    assert rows["asked by"] == "lga score" and rows["setting: value steps"] == "25"
    assert rows["method"] == "gradients, version 3 of its numbers" and rows["packages"] == "torch 2.13.0"
    asked_here = replace(run, notes=replace(run.notes, origins=(Origin(question={"facts": "six", "seed": 7}),)))
    rows = {row["what"]: row["recorded"] for row in run_list.recorded_rows(asked_here, run.provenance)}
    assert rows["asked by"] == "the dashboard: facts six, seed 7"
