"""The figure of averaged traces and its words: six rows with their n, intervals on hover, grey where no fact is."""

from dataclasses import replace

import numpy as np
import pytest
from view.made import causal_trace

from lga_core.results import POSITIONS
from lga_core.scores.tracing.average import NOT_KNOWN, average_traces
from lga_core.view.figures.parts.cells import OVERLAY
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.scores.average_trace_heatmap import average_trace_heatmap
from lga_core.view.words.scores.average_trace import average_sentence, averaged_facts_sentence


def made(facts=3, kind="mlp", layers=6, **changed):
    return average_traces(
        [replace(causal_trace(layers=layers, kind=kind, seed=seed), record=seed, **changed) for seed in range(facts)],
        {NOT_KNOWN: [7, 9]},
    )


def cells(figure):
    return next(one for one in figure.data if one.meta == OVERLAY)


def test_positions_run_down_with_how_many_facts_have_them():
    figure = average_trace_heatmap(made())
    assert list(figure.layout.yaxis.ticktext) == [f"{position}, n 3" for position in POSITIONS]
    low, high = figure.layout.yaxis.range
    assert low > high


@pytest.mark.parametrize("kind", ["hidden", "mlp", "attn"])
@pytest.mark.parametrize("name", THEMES)
def test_each_kind_wears_its_own_colours(kind, name):
    figure = average_trace_heatmap(made(kind=kind), theme_name=name)
    assert figure.data[0].colorscale[-1][1] == THEMES[name].sequential[kind][-1]


def test_a_cell_says_its_mean_interval_and_facts():
    average = made()
    shown = cells(average_trace_heatmap(average))
    assert len(shown.x) == 6 * 6
    layer, place, value, words, interval, facts = shown.customdata[2 * 6 + 3]
    assert (layer, place, value) == (3, 2, average.effect[2, 3]) and facts == "3 facts"
    low, high = (float(part.replace("\u2212", "-")) for part in interval.split(" to "))
    assert (low + high) / 2 == pytest.approx(float(words), abs=2e-3)
    assert (high - low) / 2 == pytest.approx(average.half_width[2, 3], rel=0.05)


def test_one_fact_has_no_interval_and_a_missing_position_is_grey():
    average = made(1, tokens=("A", " b"), subject=(0, 2), effect=np.full((2, 6), 0.25))
    figure = average_trace_heatmap(average)
    assert sum(one.type == "heatmap" for one in figure.data) == 2
    shown = cells(figure).customdata
    assert list(shown[0][2:]) == [0.25, "0.25", "n/a", "1 fact"]
    assert list(shown[-1][2:]) == [None, "n/a", "n/a", "0 facts"]


def test_gold_only_where_a_golden_layer_is_given():
    look = THEMES["light"]
    assert look.gold not in average_trace_heatmap(made(), chosen=[3]).to_json()
    figure = average_trace_heatmap(made(), golden=2)
    assert [(s.x0, s.x1) for s in figure.layout.shapes if s.line.color == look.gold] == [(1.5, 2.5)]


def test_the_words_name_the_largest_effect_and_who_is_left_out():
    average = made()
    layer = int(np.argmax(average.effect[2]))
    assert f"largest at layer {layer}, 0." in average_sentence(average) and "± 0." in average_sentence(average)
    assert "(n 3)" in average_sentence(average) and "±" not in average_sentence(made(1))
    words = averaged_facts_sentence(average)
    assert f"Left out, {NOT_KNOWN}: 2 facts (records 7, 9)." in words and "Only 3 usable facts" in words
    assert "own first token" in averaged_facts_sentence(made(answer_source="model"))
    many = average_traces([causal_trace()], {NOT_KNOWN: range(20)})
    assert "10, 11 and 8 more" in averaged_facts_sentence(many)
