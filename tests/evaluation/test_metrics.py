"""Metrics with answers worked out by hand, and a trial edit from end to end."""

import dataclasses

import pytest
import torch
from conftest import drain, tiny_model

from lga_core.data.facts import Probe
from lga_core.editing.rank_one import RankOneSettings
from lga_core.editing.value import ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.metrics import Reply, ask, compare, normalize, overall, prepare, starts_with, summarize
from lga_core.evaluation.trial import trial_edit
from lga_core.models.fingerprint import weights_hash
from lga_core.results import EditReport, Metric, ProbeResult

SETTINGS = RankOneSettings(value=ValueSettings(learning_rate=0.05, weight_decay=0.0, kl_weight=0.0), contexts=0,
                           covariance="identity")


@pytest.mark.parametrize(("text", "answer", "expected"), [
    (" Boston, Massachusetts", "boston", True), ("the U.S.A. is", "U.S.A.", True), ("Bostonian", "Boston", False),
    ("in Boston", "Boston", False), ("The Beatles sang", "Beatles", True), ("", "Boston", False), ("x", "", False),
])
def test_free_generation_matches_a_whole_word_prefix(text, answer, expected):
    assert starts_with(text, answer) is expected


def test_normalize():
    assert normalize("  The  Space-Needle, a Tower! ") == "space needle tower"


def probe(metric, group, before, after, free=(False, True)):
    return ProbeResult(metric=metric, group=group, prompt="p", expected="e", before=before, after=after,
                       free_before=free[0], free_after=free[1], text_before="", text_after="")


def test_metrics_are_means_within_groups_then_over_groups():
    probes = [probe("portability", "Reasoning", 0, 100), probe("portability", "Reasoning", 0, 50),
              probe("portability", "Aliasing", 50, 25), probe("rewrite", "rewrite", 0, 100)]
    before, after = summarize(probes)
    assert before["portability"].teacher_forced == 25
    assert after["portability"].teacher_forced == (75 + 25) / 2
    assert after["portability"].n == 3
    assert after["portability"].free == 100
    assert after["locality"] == Metric(teacher_forced=None, free=None, n=0)
    assert overall(after) == (75, ("rewrite", "portability"))
    assert overall({name: Metric(teacher_forced=None, free=None, n=0) for name in after}) == (None, ())


def test_teacher_forcing_is_the_share_of_argmax_tokens(tiny, facts):
    quiz = prepare(tiny, facts[3])
    replies = ask(tiny, quiz.questions)
    for question, reply in zip(quiz.questions, replies, strict=True):
        row = question.rows[0]
        with torch.no_grad():
            logits = tiny.model(input_ids=torch.tensor([row.ids])).logits[0]
        assert reply.predicted[0] == tuple(logits[row.start - 1:-1].argmax(-1).tolist())


def test_the_best_of_several_answers_counts_and_locality_needs_no_right_answer(tiny, facts):
    fact = dataclasses.replace(facts[0], portability=(
        Probe(prompt="It is in", answers=(("Rome",), ("London", "Berlin")), group="Reasoning"),))
    quiz = prepare(tiny, fact)
    by_metric = {question.metric: i for i, question in enumerate(quiz.questions)}
    right = [Reply(predicted=tuple(row.answer for row in question.rows), ids=(1, 2), text="x")
             for question in quiz.questions]
    wrong = [Reply(predicted=tuple(tuple(0 for _ in row.answer) for row in question.rows), ids=(3,), text="y")
             for question in quiz.questions]
    mixed = list(wrong)
    place = by_metric["portability"]
    rows = quiz.questions[place].rows
    assert len(rows) == 3
    mixed[place] = Reply(predicted=(wrong[place].predicted[0], wrong[place].predicted[1], rows[2].answer),
                         ids=(1,), text=" London is")
    results = compare(quiz.questions, wrong, mixed)
    assert results[place].after == 100
    assert results[place].expected == "Berlin"
    assert results[place].free_after is True
    assert results[by_metric["locality"]].after == 100           # wrong before, wrong after: unchanged
    changed = compare(quiz.questions, wrong, right)
    assert changed[by_metric["locality"]].after == 0
    assert changed[by_metric["rewrite"]].after == 100


def test_free_locality_compares_tokens_and_not_whole_words(tiny, facts):
    """The answer's length may end inside a word: what is said after the edit is the same where its tokens are."""
    question = next(item for item in prepare(tiny, facts[0]).questions if item.metric == "locality")
    length, same = len(question.rows[0].answer), tuple(range(7, 19))

    def said(ids):
        return Reply(predicted=(question.rows[0].answer,), ids=ids, text="songwriter")

    kept, = compare([question], [said(same)], [said((*same[:length], 3, 4))])
    lost, = compare([question], [said(same)], [said((3, *same[1:]))])
    assert (kept.free_before, kept.free_after) == (True, True)
    assert lost.free_after is False


def test_locality_probes_whose_gold_is_the_new_answer_are_dropped_and_own_answers_fill_gaps(tiny, facts):
    fact = dataclasses.replace(facts[0], locality=(
        Probe(prompt="The harbour is in", answers=(("boston",),), group="Neighborhood"),
        Probe(prompt="LeBron James plays", answers=(), group="Neighborhood"),
    ))
    quiz = prepare(tiny, fact)
    assert len(quiz.dropped) == 1
    assert "harbour" in quiz.dropped[0]
    own = [question for question in quiz.questions if question.metric == "locality"]
    assert [question.source for question in own] == ["model"]


def test_a_trial_edit_from_end_to_end(tiny, facts):
    before = weights_hash(tiny.model)
    report = drain(trial_edit(tiny, facts[0], (1, 2), "r-rome", SETTINGS))
    assert report.layers == (1, 2)
    assert len(report.target_errors) == len(report.losses) == len(report.delta_norms) == 2
    assert max(report.target_errors) < 1e-4
    assert report.target_nll < report.losses[0][0] - 0.05           # a random model gives way, if not all the way
    assert {name: metric.n for name, metric in report.after.items()} == {
        "rewrite": 1, "rephrase": 1, "locality": 1, "portability": 1}
    assert weights_hash(tiny.model) == before
    assert EditReport.from_json(report.to_json()) == report


@pytest.mark.parametrize(("change", "layers", "editor", "words"), [
    ({"target_new": None}, (1,), "r-rome", "no new answer"), ({}, (), "r-rome", "No layer"),
    ({}, (9,), "r-rome", "no layer 9"), ({}, (1, 1), "r-rome", "twice"), ({}, (1,), "magic", "no editor"),
])
def test_a_trial_that_cannot_begin_says_why(facts, change, layers, editor, words):
    model = tiny_model("llama")
    with pytest.raises(LgaError, match=words):
        drain(trial_edit(model, dataclasses.replace(facts[0], **change), layers, editor, SETTINGS))

