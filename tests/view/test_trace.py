"""The causal-trace figure: tokens down, subject marked, the colours of what was restored."""

from dataclasses import replace

import numpy as np
import pytest
from view.made import TOKENS, causal_trace

from lga_core.errors import LgaError
from lga_core.view.figures.parts.cells import OVERLAY
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.scores.trace_heatmap import trace_heatmap


def test_tokens_run_down_and_subject_tokens_carry_a_star():
    figure = trace_heatmap(causal_trace())
    assert list(figure.layout.yaxis.ticktext[:5]) == ["The", "·Space*", "·Need*", "le*", "·is"]
    assert figure.layout.yaxis.ticktext[7] == "&lt;br&gt;"
    low, high = figure.layout.yaxis.range
    assert low > high


@pytest.mark.parametrize("kind", ["hidden", "mlp", "attn"])
@pytest.mark.parametrize("name", THEMES)
def test_each_kind_wears_its_own_colours(kind, name):
    figure = trace_heatmap(causal_trace(kind=kind), theme_name=name)
    assert figure.data[0].colorscale[-1][1] == THEMES[name].sequential[kind][-1]


def test_cells_carry_layer_token_and_value():
    trace = causal_trace(layers=6)
    cells = next(one for one in trace_heatmap(trace).data if one.meta == OVERLAY)
    assert len(cells.x) == len(TOKENS) * 6
    assert tuple(cells.customdata[3 * 6 + 2][:3]) == (2, 3, trace.effect[3, 2])
    assert cells.text[7 * 6] == "<b>&lt;br&gt;</b>"


def test_an_estimate_is_drawn_from_the_estimate_and_labelled():
    exact = trace_heatmap(causal_trace(patching=True))
    estimate = trace_heatmap(causal_trace(patching=True), estimate=True)
    assert "attribution patching" not in exact.layout.annotations[0].text
    assert "an estimate: attribution patching" in estimate.layout.annotations[0].text
    values = [next(one for one in figure.data if one.meta == OVERLAY).customdata[60][2] for figure in (exact, estimate)]
    assert values[1] == pytest.approx(1.3 * values[0])
    with pytest.raises(LgaError, match="no attribution-patching"):
        trace_heatmap(causal_trace(), estimate=True)


def test_missing_effects_are_grey_and_the_models_own_answer_is_named_so():
    trace = causal_trace()
    effect = trace.effect.copy()
    effect[0, 0] = np.nan
    figure = trace_heatmap(replace(trace, effect=effect, answer_source="model", answer="<i>x"))
    assert sum(one.type == "heatmap" for one in figure.data) == 2
    assert "p(&lt;i&gt;x, the model's own)" in figure.layout.annotations[0].text


@pytest.mark.parametrize("length", [1, 30, 200])
def test_long_and_short_prompts_have_room_for_every_label_they_show(length):
    trace = causal_trace(tokens=tuple(f" t{index}" for index in range(length)))
    figure = trace_heatmap(trace)
    room = (figure.layout.height - figure.layout.margin.t - figure.layout.margin.b) / length
    assert figure.layout.yaxis.showticklabels is False or room >= 13


def test_gold_only_where_a_golden_layer_is_given():
    look = THEMES["light"]
    assert look.gold not in trace_heatmap(causal_trace(), chosen=[3]).to_json()
    frames = [shape for shape in trace_heatmap(causal_trace(), golden=6).layout.shapes if shape.line.color == look.gold]
    assert [(frame.x0, frame.x1) for frame in frames] == [(5.5, 6.5)]
