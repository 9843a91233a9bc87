"""Metrics with answers worked out by hand, and a trial edit from end to end."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import tiny_model
from reporting import Collect
from trying import trial_edit
from weights import weights_hash

from lga_core.data.facts import Probe
from lga_core.editing.settings import FineTuningSettings, RankOneSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.metrics import unedited
from lga_core.evaluation.metrics.asking import ProbeAnswer, ask, probe_questions
from lga_core.evaluation.metrics.probe_results import compare
from lga_core.evaluation.settings import MetricSettings
from lga_core.progress import Phase
from lga_core.results import EditReport
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import trial

SETTINGS = RankOneSettings(
    value=ValueSettings(learning_rate=0.05, weight_decay=0.0, kl_weight=0.0), contexts=0, covariance="identity"
)


def test_teacher_forcing_is_the_share_of_argmax_tokens(tiny, facts):
    probes = probe_questions(tiny, facts[3])
    answers = ask(tiny, probes.questions)
    for question, answer in zip(probes.questions, answers, strict=True):
        row = question.rows[0]
        with torch.no_grad():
            logits = tiny.model(input_ids=torch.tensor([row.ids])).logits[0]
        assert answer.predicted[0] == tuple(logits[row.start - 1 : -1].argmax(-1).tolist())


def test_the_best_of_several_answers_counts_and_locality_needs_no_right_answer(tiny, facts):
    fact = dataclasses.replace(
        facts[0], portability=(Probe(prompt="It is in", answers=(("Rome",), ("London", "Berlin")), group="Reasoning"),)
    )
    probes = probe_questions(tiny, fact, answers="best")
    by_metric = {question.metric: i for i, question in enumerate(probes.questions)}
    right = [
        ProbeAnswer(predicted=tuple(row.answer for row in question.rows), ids=(1, 2), text="x")
        for question in probes.questions
    ]
    wrong = [
        ProbeAnswer(predicted=tuple(tuple(0 for _ in row.answer) for row in question.rows), ids=(3,), text="y")
        for question in probes.questions
    ]
    mixed = list(wrong)
    place = by_metric["portability"]
    rows = probes.questions[place].rows
    assert len(rows) == 3
    mixed[place] = ProbeAnswer(
        predicted=(wrong[place].predicted[0], wrong[place].predicted[1], rows[2].answer), ids=(1,), text=" London is"
    )
    results = compare(probes.questions, wrong, mixed)
    assert results[place].after == 100
    assert results[place].expected == "Berlin"
    assert results[place].free_after is True
    assert results[by_metric["locality"]].after == 100  # wrong before, wrong after: unchanged
    changed = compare(probes.questions, wrong, right)
    assert changed[by_metric["locality"]].after == 0
    assert changed[by_metric["rewrite"]].after == 100


def test_of_several_answers_the_first_counts_unless_the_best_is_asked_for(tiny, facts):
    aliases = (Probe(prompt="It is in", answers=(("Rome",), ("London", "Berlin")), group="Reasoning"),)
    fact = dataclasses.replace(facts[0], portability=aliases)

    def portability(answers):
        (question,) = (
            item for item in probe_questions(tiny, fact, answers=answers).questions if item.metric == "portability"
        )
        said = tuple(row.answer if row is question.rows[-1] else tuple(0 for _ in row.answer) for row in question.rows)
        wrong = tuple(tuple(0 for _ in row.answer) for row in question.rows)
        before, after = (
            ProbeAnswer(predicted=predicted, ids=(1,), text=" Berlin it is") for predicted in (wrong, said)
        )
        return question, compare([question], [before], [after])[0]

    question, first = portability("first")
    assert len(question.rows) == 1 and first.expected == "Rome" and first.after == 100
    assert first.free_after is True  # freely, any accepted answer may be named
    whole, best = portability("best")
    assert len(whole.rows) == 3 and best.expected == "Berlin"
    assert whole.free_length == question.free_length


def test_a_trial_edit_names_which_answers_counted_and_remembers_them_apart(tiny, facts):
    aliases = (Probe(prompt="It is in", answers=(("Rome",), ("London", "Berlin")), group="Reasoning"),)
    fact = dataclasses.replace(facts[0], portability=aliases)
    reports = {
        answers: trial_edit(
            tiny, fact, (1,), "r-rome", SETTINGS, metrics=MetricSettings(answers=answers), diagnose=False
        )
        for answers in ("best", "first", "best")
    }
    assert {answers: report.answers for answers, report in reports.items()} == {"best": "best", "first": "first"}
    shares = {answers: report.after["portability"].teacher_forced for answers, report in reports.items()}
    assert shares["best"] >= shares["first"]
    assert [probe.expected for probe in reports["first"].probes if probe.metric == "portability"] == ["Rome"]


def test_answers_that_leave_the_memory_while_the_model_writes_are_given_all_the_same(tiny, facts, monkeypatch):
    model = dataclasses.replace(tiny)  # one whose answers are not remembered
    forced = unedited.predict_unedited(model, facts[0])
    before, _ = unedited.write_both(model, facts[0], forced, ())
    write = unedited.write

    def others_ask_meanwhile(*args, **how):
        unedited._memory[model].clear()
        return write(*args, **how)

    monkeypatch.setattr(unedited, "write", others_ask_meanwhile)
    again, after = unedited.write_both(model, facts[0], forced, ())
    assert [answer.ids for answer in again] == [answer.ids for answer in before] == [answer.ids for answer in after]


def test_free_locality_compares_tokens_and_not_whole_words(tiny, facts):
    """The answer's length may end inside a word: a text after the edit is the same where its tokens are."""
    question = next(item for item in probe_questions(tiny, facts[0]).questions if item.metric == "locality")
    length, same = len(question.rows[0].answer), tuple(range(7, 19))

    def answer(ids):
        return ProbeAnswer(predicted=(question.rows[0].answer,), ids=ids, text="songwriter")

    (kept,) = compare([question], [answer(same)], [answer((*same[:length], 3, 4))])
    (lost,) = compare([question], [answer(same)], [answer((3, *same[1:]))])
    assert (kept.free_before, kept.free_after) == (True, True)
    assert lost.free_after is False


def test_locality_probes_whose_gold_is_the_new_answer_are_dropped_and_own_answers_fill_gaps(tiny, facts):
    fact = dataclasses.replace(
        facts[0],
        locality=(
            Probe(prompt="The harbour is in", answers=(("boston",),), group="Neighborhood"),
            Probe(prompt="LeBron James plays", answers=(), group="Neighborhood"),
        ),
    )
    probes = probe_questions(tiny, fact)
    assert len(probes.dropped) == 1
    assert "harbour" in probes.dropped[0]
    own = [question for question in probes.questions if question.metric == "locality"]
    assert [question.source for question in own] == ["model"]


def test_batches_do_not_matter_and_each_is_reported(tiny, facts, monkeypatch):
    questions = [question for fact in facts[:3] for question in probe_questions(tiny, fact).questions]
    whole = ask(tiny, questions)
    monkeypatch.setattr("lga_core.evaluation.metrics.asking.BATCH_TOKENS", 20)
    report = Collect()
    assert ask(tiny, questions, report=report) == whole
    done = [step.done for step in report.steps]
    assert done == sorted(done) and len(set(done)) > 10
    assert {(step.phase, step.total) for step in report.steps} == {(Phase.PROBES, 2 * len(questions))}


def test_a_trial_edit_from_end_to_end(tiny, facts):
    before = weights_hash(tiny.model)
    watch = Collect()
    report = trial_edit(tiny, facts[0], (1, 2), "r-rome", SETTINGS, report=watch)
    assert list(dict.fromkeys(step.phase for step in watch.steps)) == [
        Phase.PROBES,
        Phase.EDIT,
        Phase.DRIFT,
        Phase.FLUENCY,
    ]
    assert report.layers == (1, 2)
    assert len(report.target_errors) == len(report.losses) == len(report.delta_norms) == 2
    assert max(report.target_errors) < 1e-4
    assert report.target_nll < report.losses[0][0] - 0.05  # a random model gives way, if not all the way
    assert {name: metric.n for name, metric in report.after.items()} == {
        "rewrite": 1,
        "rephrase": 1,
        "locality": 1,
        "portability": 1,
    }
    assert weights_hash(tiny.model) == before
    assert EditReport.from_json(report.to_json()) == report


def test_a_trial_that_blew_up_comes_back_from_the_store(facts, tmp_path):
    """In float32 such a step overflows: NaN for the change, and for the losses after it."""
    model = tiny_model("llama", torch.float32)
    store = Store(tmp_path)
    blowing_up = FineTuningSettings(steps=4, learning_rate=1e37)
    report, stored = trial(model, "world", facts[0], [0, 2], "ft-m", blowing_up, store, diagnose=False)
    assert np.isnan(report.delta_norms[0]) and np.isnan(report.losses[0][-1])
    assert not stored.from_store and report.target_nll is None
    again, stored = trial(model, "world", facts[0], [0, 2], "ft-m", blowing_up, store, diagnose=False)
    assert stored.from_store and again.to_json() == report.to_json()
    np.testing.assert_equal((again.losses, again.delta_norms), (report.losses, report.delta_norms))


@pytest.mark.parametrize(
    ("change", "layers", "editor", "words"),
    [
        ({"target_new": None}, (1,), "r-rome", "no new answer"),
        ({}, (), "r-rome", "No layer"),
        ({}, (9,), "r-rome", "no layer 9"),
        ({}, (1, 1), "r-rome", "twice"),
        ({}, (1,), "magic", "no editor"),
    ],
)
def test_a_trial_that_cannot_begin_says_why(facts, change, layers, editor, words):
    model = tiny_model("llama")
    with pytest.raises(LgaError, match=words):
        trial_edit(model, dataclasses.replace(facts[0], **change), layers, editor, SETTINGS)
