"""Token attributions, pick shares and loss curves."""

from dataclasses import replace

import numpy as np
import pytest
from view.made import TOKENS, edit_report, lga_scores, token_attribution

from lga_core.view.figures.edits.loss_curve import SMALLEST, loss_curve
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.scores.attribution_bars import attribution_bars
from lga_core.view.figures.scores.bootstrap import pick_shares


def test_both_answers_have_a_bar_for_every_token_on_one_axis():
    attribution = token_attribution()
    figure = attribution_bars(attribution, subject=(1, 4))
    old, new = figure.data
    assert list(old.x) == pytest.approx(list(attribution.scores["old"]))
    assert list(new.x) == pytest.approx(list(attribution.scores["new"]))
    assert list(old.y) == list(new.y) == list(range(len(TOKENS)))
    assert figure.layout.yaxis.ticktext[3] == "le*"
    low, high = figure.layout.xaxis.range
    assert low <= min(old.x) and max(old.x) <= high


def test_a_fact_without_an_old_answer_and_tokens_without_a_score():
    scores = np.array([0.5] * (len(TOKENS) - 1) + [np.nan])
    figure = attribution_bars(replace(token_attribution(), answers={"new": "<b>Boston"}, scores={"new": scores}))
    assert len(figure.data) == 1
    assert figure.data[0].x[-1] is None and figure.data[0].customdata[-1][0] == "n/a"
    assert "&lt;b&gt;Boston" in figure.data[0].name


def test_zero_attributions_have_an_axis():
    figure = attribution_bars(replace(token_attribution(), scores={"old": np.zeros(len(TOKENS))}))
    assert figure.layout.xaxis.range[0] < 0 < figure.layout.xaxis.range[1]


@pytest.mark.parametrize("name", THEMES)
def test_pick_shares_in_percent_with_the_golden_bar_in_gold(name):
    lga, look = lga_scores(), THEMES[name]
    golden = lga.selection.golden_layer
    figure = pick_shares(lga.bootstrap, golden, theme_name=name)
    bars = figure.data[0]
    assert sum(bars.y) == pytest.approx(100)
    assert [layer for layer, color in enumerate(bars.marker.color) if color == look.gold] == [golden]
    line = figure.layout.shapes[0]
    assert (line.x0, line.x1) == (lga.bootstrap.low, lga.bootstrap.high)
    assert line.y0 > max(bars.y)


def test_loss_curves_per_layer_with_the_stop_line_on_the_axis():
    report = replace(edit_report(layers=(11, 12)), settings={"value": {"stop_loss": 0.05, "stop": "nll"}})
    figure = loss_curve(report)
    curves = [trace for trace in figure.data if trace.mode == "lines"]
    assert [curve.name for curve in curves] == ["layer 11", "layer 12"]
    assert [list(curve.y) for curve in curves] == [list(losses) for losses in report.losses]
    bottom, top = figure.layout.yaxis.range
    assert 10**bottom < 0.05 < 10**top
    assert figure.layout.shapes[0].y0 == 0.05
    total = {"value": {"stop_loss": 0.05, "stop": "total"}}
    of_total = loss_curve(replace(report, settings=total))  # no height on a curve of the nll
    assert not of_total.layout.shapes
    assert any("stop: total loss 0.05" in note.text for note in of_total.layout.annotations)


@pytest.mark.parametrize(("editor", "is_nll"), [("r-rome", True), ("ft-m", True), ("ft-l", False)])
def test_the_loss_of_ft_l_is_not_called_the_nll(editor, is_nll):
    notes = [note.text for note in loss_curve(replace(edit_report(layers=(3,)), editor=editor)).layout.annotations]
    assert any("nll of the new answer" in note for note in notes) == is_nll
    assert any("at the prompt’s end" in note for note in notes) != is_nll


@pytest.mark.parametrize("losses", [((),), ((0.0, 0.0),), ((5.2,),), ((5.2, 5.1),)])
def test_short_and_zero_losses_still_have_a_readable_axis(losses):
    figure = loss_curve(replace(edit_report(layers=(3,)), losses=losses))
    bottom, top = figure.layout.yaxis.range
    inside = [tick for tick in figure.layout.yaxis.tickvals if 10**bottom <= tick <= 10**top]
    assert len(inside) >= 2
    drawn = [value for trace in figure.data for value in trace.y]
    assert all(value >= SMALLEST for value in drawn)


@pytest.mark.parametrize("losses", [(float("nan"), 2.0), (3.0, float("inf")), (float("nan"),)])
def test_the_losses_of_an_edit_that_blew_up_are_drawn_as_far_as_they_are_numbers(losses):
    figure = loss_curve(replace(edit_report(layers=(3,)), losses=(losses,)))
    assert np.isfinite(figure.layout.yaxis.range).all()
