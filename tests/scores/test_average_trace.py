"""Traces averaged over facts at six kinds of token, against a naive loop over facts, tokens and layers."""

import statistics
from dataclasses import replace

import numpy as np
import pytest
from view.made import causal_trace

from lga_core.errors import LgaError
from lga_core.results import POSITIONS, AverageTrace
from lga_core.scores.methods import FEWEST_TRACED
from lga_core.scores.tracing.average import NOT_FINITE, NOT_KNOWN, average_traces, token_groups

LAYERS = 5


def made(record, tokens, subject, **changed):
    """A trace of so many tokens with effects of its own."""
    effect = np.random.default_rng(record).normal(size=(tokens, LAYERS))
    names = tuple(f" t{index}" for index in range(tokens))
    trace = replace(causal_trace(layers=LAYERS, tokens=names), record=record, subject=subject, effect=effect)
    return replace(trace, **changed)


TRACES = (
    made(0, 9, (1, 5)),  # two in the middle, further tokens between the first after and the last
    made(1, 6, (2, 3)),  # one subject token: first and last, no middle
    made(2, 4, (1, 4)),  # nothing after the subject
    made(3, 5, (0, 4)),  # one token after it: first and last
    made(4, 1, (0, 1)),  # the subject is all there is
    made(5, 7, (1, 3)),  # two subject tokens, no middle
)


def naive_tokens(trace, position):
    """The tokens at a position, one by one as ROME's words for them say."""
    first, end = trace.subject
    last = len(trace.tokens) - 1
    found = []
    for token in range(len(trace.tokens)):
        in_subject, after = first <= token < end, token >= end
        if (
            (position == "first subject token" and token == first)
            or (position == "middle subject tokens" and in_subject and token not in (first, end - 1))
            or (position == "last subject token" and token == end - 1)
            or (position == "first token after" and token == end)
            or (position == "further tokens" and after and token not in (end, last))
            or (position == "last token" and after and token == last)
        ):
            found.append(token)
    return found


@pytest.mark.parametrize("count", range(1, len(TRACES) + 1))
def test_the_average_is_that_of_a_loop_over_facts_tokens_and_layers(count):
    traces = TRACES[:count]
    average = average_traces(traces)
    assert average.positions == POSITIONS and average.layers == LAYERS
    for place, position in enumerate(POSITIONS):
        having = [(trace, naive_tokens(trace, position)) for trace in traces if naive_tokens(trace, position)]
        assert average.n[place] == len(having)
        for layer in range(LAYERS):
            values = [statistics.fmean(trace.effect[token, layer] for token in tokens) for trace, tokens in having]
            effect = statistics.fmean(values) if values else np.nan
            half = 1.96 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else np.nan
            np.testing.assert_allclose(average.effect[place, layer], effect, rtol=1e-12)
            np.testing.assert_allclose(average.half_width[place, layer], half, rtol=1e-12)


def test_where_tokens_stand_that_are_two_things_at_once():
    groups = {
        trace.record: [list(group) for group in token_groups(trace.subject, len(trace.tokens))] for trace in TRACES
    }
    assert groups[0] == [[1], [2, 3], [4], [5], [6, 7], [8]]
    assert groups[1] == [[2], [], [2], [3], [4], [5]]
    assert groups[2] == [[1], [2], [3], [], [], []]
    assert groups[3] == [[0], [1, 2], [3], [4], [], [4]]
    assert groups[4] == [[0], [], [0], [], [], []]
    assert average_traces(TRACES).n == (6, 3, 6, 4, 3, 4)


def test_one_fact_has_effects_and_no_interval():
    average = average_traces(TRACES[:1])
    assert np.isfinite(average.effect).all() and np.isnan(average.half_width).all() and set(average.n) == {1}
    assert AverageTrace.from_json(average.to_json()).to_json() == average.to_json() and "NaN" not in average.to_json()


def test_what_is_left_out_and_traced_for_the_models_own_answer_is_listed():
    effect = TRACES[1].effect.copy()
    effect[3, 2] = np.nan
    traces = (replace(TRACES[0], answer_source="model"), replace(TRACES[1], effect=effect), *TRACES[2:])
    average = average_traces(traces, {NOT_KNOWN: [8, 9]})
    assert average.left_out == {NOT_KNOWN: (8, 9), NOT_FINITE: (1,)}
    assert average.records == (0, 2, 3, 4, 5) and average.own_answers == (0,)
    np.testing.assert_array_equal(average.effect, average_traces([traces[0], *TRACES[2:]]).effect)
    assert average_traces(TRACES, {NOT_KNOWN: []}).left_out == {}


def test_few_facts_are_averaged_and_said_to_be_few():
    enough = [replace(TRACES[0], record=record) for record in range(FEWEST_TRACED)]
    assert average_traces(enough).caution is None
    assert f"only {FEWEST_TRACED - 1} usable facts" in average_traces(enough[1:]).caution
    assert "only 1 usable fact," in average_traces(enough[:1]).caution


def test_costs_and_total_effects_are_of_all_facts():
    traces = [replace(TRACES[0], cost=replace(TRACES[0].cost, seconds=2.0)), replace(TRACES[1], p_clean=0.42)]
    average = average_traces(traces)
    assert average.cost.seconds == 2.0 and average.total_effect == pytest.approx((0.58 + 0.38) / 2)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "attn"}, "kinds cannot be averaged: attn, mlp"),
        ({"window": 3}, "windows cannot be averaged: 3, 6"),
        ({"draws": 4}, "numbers of draws"),
        ({"noise": 0.2}, "noise levels"),
        ({"effect": np.zeros((6, LAYERS + 1))}, "numbers of layers cannot be averaged: 5, 6"),
    ],
)
def test_traces_that_say_different_things_are_refused(changed, words):
    with pytest.raises(LgaError, match=words):
        average_traces([TRACES[0], replace(TRACES[1], **changed)])


def test_noise_that_machines_measured_apart_in_the_last_digits_is_the_same():
    assert len(average_traces([TRACES[0], replace(TRACES[1], noise=TRACES[1].noise * (1 + 1e-12))]).records) == 2


def test_nothing_to_average_is_said_with_why():
    with pytest.raises(LgaError, match=f"no trace to average. Facts {NOT_KNOWN}: 2."):
        average_traces([], {NOT_KNOWN: [3, 4]})
