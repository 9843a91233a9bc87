"""`bench load`: what it checks afterwards tells lost, wrong, torn and doubled results from whole ones."""

import json
import shutil
from dataclasses import replace

import pytest

from lga_core.bench.dashboard.load import spread, tiny_folder
from lga_core.bench.dashboard.load_checks import (
    Sample,
    compared_stores,
    growth,
    lost_results,
    p95,
    store_files,
)
from lga_core.bench.dashboard.load_work import AskedQuestion, LoadQuestion, Switch, answer_alone
from lga_core.runs.storage.store import Store

QUESTIONS = (
    LoadQuestion(work="scores", facts="world", limit=2, seed=1),
    LoadQuestion(work="trial edit", facts="world", limit=2, seed=1, layers=(1,)),
    LoadQuestion(work="sweep", facts="world", limit=2, seed=1, layers=(1, 2)),
)


def test_lost_wrong_torn_and_doubled_results_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path))
    model = tiny_folder(tmp_path / "tiny", seed=0)
    answers = dict(zip(QUESTIONS, answer_alone(str(tmp_path), str(model), QUESTIONS), strict=True))
    alone, load = Store(), Store(tmp_path / "load")
    shutil.copytree(alone.root, load.root)
    found = compared_stores(alone, load)
    assert found.rows > 2 + 1 + 4 and not found.differing and found.largest_difference == 0
    files = store_files(load)
    assert files.rows >= found.rows and not files.damaged and not files.doubled
    everything = [AskedQuestion(session=0, question=question) for question in QUESTIONS]
    assert lost_results(everything, answers, load) == []

    sweep = answers[QUESTIONS[2]][0]
    path = load.path(sweep.key, ".jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[1:], lines[1]]))  # the first row is lost, another one is there twice
    assert store_files(load).doubled == 1
    assert lost_results(everything, answers, load) == [everything[2]]
    assert lost_results([replace(everything[2], cancelled=True)], answers, load) == []
    path.write_text("".join(lines)[:-20])
    assert store_files(load).damaged == 1

    scores = load.path(answers[QUESTIONS[0]][0].key, ".jsonl")
    wrong = [json.loads(line) for line in scores.read_text().splitlines()]
    wrong[0]["row"]["old_answer"] = "another"
    scores.write_text("".join(json.dumps({"of": line["of"], "row": line["row"]}) + "\n" for line in wrong))
    assert compared_stores(alone, load).differing == 1


def test_the_questions_that_are_compared_are_spread_over_the_time():
    questions = [replace(QUESTIONS[0], seed=seed) for seed in (*range(10), 3, 4)]
    assert spread(questions, None) == questions[:10]
    assert [question.seed for question in spread(questions, 5)] == [0, 2, 4, 6, 8]
    assert spread([], 5) == []


def test_growth_is_from_the_first_to_the_last_quarter_of_what_comes_after_the_start():
    def samples(*sizes: int) -> list[Sample]:
        return [Sample(seconds=10.0 * place, servers=size, engines=100) for place, size in enumerate(sizes)]

    assert growth(samples(10, 50, 100, 100, 100, 100, 900, 100, 120, 120), settled=20) == pytest.approx(0.1)
    assert growth(samples(900, 800, *[100] * 8), settled=20) == 0
    assert growth(samples(1, 2, 3), settled=20) is None


def test_p95_is_what_nineteen_of_twenty_stay_below():
    assert p95(waits([1.0] * 95 + [9.0] * 5)) < 9.0 < p95(waits([1.0] * 94 + [9.0] * 6)) + 1e-9
    assert p95([]) is None


def test_p95_of_later_switches_leaves_the_earlier_ones_out():
    switches = waits([9.0] * 10 + [1.0] * 10)
    assert p95(switches, settled=10.0) == 1.0 < p95(switches, settled=9.0)
    assert p95(switches, settled=20.0) is None


def waits(seconds: list[float]) -> list[Switch]:
    """Page switches, one a second."""
    return [Switch(to="Facts", at=float(number), seconds=wait) for number, wait in enumerate(seconds)]
