"""The palette keeps its promises: gold stands apart, blue and copper stay apart for colour-blind readers."""

import colorsys
import itertools

import numpy as np
import pytest

from lga_core.errors import LgaError
from lga_core.view.figures.parts.style import THEMES, stack, theme

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
DEFICIENCIES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def rgb(color):
    return np.array([int(color[index : index + 2], 16) for index in (1, 3, 5)]) / 255


def seen(color, matrix):
    linear = np.where(rgb(color) <= 0.04045, rgb(color) / 12.92, ((rgb(color) + 0.055) / 1.055) ** 2.4)
    return np.clip(np.array(matrix) @ linear, 0, 1) ** (1 / 2.2)


@pytest.mark.parametrize("look", THEMES.values(), ids=THEMES)
def test_no_other_saturated_colour_has_golds_hue(look):
    gold = colorsys.rgb_to_hsv(*rgb(look.gold))[0] * 360
    others = {*look.diverging, *look.series, look.old, look.new, *(c for s in look.sequential.values() for c in s)}
    for color in others:
        hue, saturation, value = colorsys.rgb_to_hsv(*rgb(color))
        if saturation * value > 0.2:
            assert abs(hue * 360 - gold) > 18, color


@pytest.mark.parametrize("name", DEFICIENCIES)
@pytest.mark.parametrize("look", THEMES.values(), ids=THEMES)
def test_both_signs_and_zero_stay_apart_for_colour_blind_readers(look, name):
    negative, zero, positive = (
        seen(color, DEFICIENCIES[name]) for color in (look.negative, look.neutral, look.positive)
    )
    for first, second in ((negative, positive), (negative, zero), (positive, zero)):
        assert np.linalg.norm(first - second) > 0.25


@pytest.mark.parametrize("look", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("role", ["ink", "muted", "gold_text"])
def test_text_can_be_read_on_the_page(look, role):
    def luminance(color):
        linear = np.where(rgb(color) <= 0.04045, rgb(color) / 12.92, ((rgb(color) + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    light, dark = sorted((luminance(getattr(look, role)), luminance(look.page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_panels_are_stacked_from_the_top_without_overlap():
    total, domains = stack([100, 50, 150], [20, 30, 99])
    assert total == 350
    assert domains[0] == pytest.approx((250 / 350, 1.0))
    assert domains[-1] == pytest.approx((0.0, 150 / 350))
    assert all(lower[1] < upper[0] for upper, lower in itertools.pairwise(domains))


def test_an_unknown_theme_is_refused():
    with pytest.raises(LgaError, match="sepia"):
        theme("sepia")
