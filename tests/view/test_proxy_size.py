"""The curves of regret over proxy facts say what stabilities say."""

from dataclasses import replace

import numpy as np
import pytest
from view.made_study import unit

from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.sweep.proxy_size import regret_against_size


@pytest.mark.parametrize("name", THEMES)
def test_a_curve_a_selector_with_lga_in_gold_on_top(name):
    (brute,) = unit(0).stability
    lga = replace(brute, selector="lga", title="LGA")
    figure = regret_against_size((lga, brute), theme_name=name, at_random=9.0)
    first, last = figure.data
    assert (first.name, last.name, last.line.color) == (brute.title, "LGA", THEMES[name].gold)
    assert list(last.x) == list(lga.sizes) and list(last.y) == pytest.approx(lga.regret)
    low, high = figure.layout.yaxis.range
    assert low <= min(lga.regret) and high >= 9
    assert "a layer drawn at random" in {note.text for note in figure.layout.annotations}


def test_selectors_of_one_colour_differ_and_what_is_not_judged_is_left_out():
    (brute,) = unit(0).stability
    figure = regret_against_size([replace(brute, title=f"{i}") for i in range(3)])
    assert len({curve.line.dash for curve in figure.data}) == 3
    unjudged = replace(brute, regret=np.full(len(brute.sizes), np.nan))
    assert regret_against_size([unjudged]) is None and regret_against_size([]) is None
    (curve,) = regret_against_size([brute, unjudged]).data
    early = regret_against_size([replace(brute, near=None)]).data[0]
    assert "within one layer" in curve.hovertemplate and "the same layer" in early.hovertemplate
