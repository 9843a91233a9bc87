"""Shades keep zero at neutral, keep small layers readable, and keep the order of the values."""

import numpy as np
import pytest

from lga_core.errors import LgaError
from lga_core.view.figures.parts.scales import (
    SCALES,
    TICK_ROOM,
    SignedLog,
    effect_shades,
    round_ticks,
    signed_shades,
    ticks_with_room,
)
from lga_core.view.figures.parts.style import THEMES

LOOK = THEMES["light"]
VALUES = np.array([[-171558.0, -121.0, 0.0, 3.0], [50.0, 800.0, -20.0, np.nan]])


@pytest.mark.parametrize("scale", SCALES)
def test_signed_shades_keep_sign_zero_and_missing_values(scale):
    shades = signed_shades(VALUES, scale, LOOK)
    assert (shades.zmin, shades.zmax) == (-1.0, 1.0)
    assert np.array_equal(np.sign(shades.z), np.sign(VALUES), equal_nan=True)
    assert np.nanmax(np.abs(shades.z)) == pytest.approx(1.0)
    middle = [color for place, color in shades.colorscale if place == 0.5]
    assert middle == [LOOK.neutral]


def test_per_fact_divides_each_row_by_its_largest_size():
    z = signed_shades(VALUES, "per fact", LOOK).z
    assert z[0, 1] == pytest.approx(121 / -171558)
    assert z[1, 1] == 1.0


def test_the_logarithm_keeps_a_layer_readable_that_a_linear_scale_hides():
    linear, log = (signed_shades(VALUES, scale, LOOK).z for scale in ("linear", "symmetric log"))
    assert abs(linear[0, 1]) < 0.001
    assert abs(log[0, 1]) > 0.2


def test_the_logarithm_is_monotonic_and_odd():
    values = np.linspace(-5000, 5000, 1001)
    placed = SignedLog.of(values).forward(values)
    assert (np.diff(placed) > 0).all()
    assert placed == pytest.approx(-placed[::-1])


@pytest.mark.parametrize("values", [np.zeros((2, 3)), np.full((2, 3), np.nan), np.empty((0, 3)), np.full((1, 1), -7.0)])
@pytest.mark.parametrize("scale", SCALES)
def test_degenerate_values_have_shades_without_a_warning(values, scale):
    with np.errstate(all="raise"):
        assert signed_shades(values, scale, LOOK).z.shape == values.shape
        shades = effect_shades(values, scale, "mlp", LOOK)
    assert -1.0 <= shades.zmin < shades.zmax == 1.0


@pytest.mark.parametrize("height", [44.0, 72.0, 288.0])
@pytest.mark.parametrize("scale", SCALES)
def test_the_labels_of_a_colour_bar_have_room_beside_one_another(scale, height):
    for shades in (signed_shades(VALUES / 343.116, scale, LOOK), effect_shades(np.abs(VALUES) - 1, scale, "mlp", LOOK)):
        places, texts = ticks_with_room(shades, height)
        pixels = np.diff(places) * height / (shades.zmax - shades.zmin)
        assert (pixels >= TICK_ROOM).all() and len(places) == len(texts) >= 2
        assert places[-1] == max(shades.tickvals)


def test_a_high_colour_bar_keeps_all_its_labels():
    shades = signed_shades(VALUES / 343.116, "symmetric log", LOOK)  # to 500, which stands close to 100
    assert ticks_with_room(shades, 2000.0) == (shades.tickvals, shades.ticktext)
    assert len(ticks_with_room(shades, 72.0)[0]) < len(shades.tickvals)


def test_effects_below_zero_lie_on_the_same_ruler_and_are_not_cut_off():
    shades = effect_shades(np.array([[-0.1, 0.0, 0.4]]), "linear", "mlp", LOOK)
    assert shades.zmin == pytest.approx(-0.25)
    zero = next(place for place, color in shades.colorscale if color == LOOK.neutral)
    assert zero == pytest.approx(0.25 / 1.25)
    assert [place for place, _ in shades.colorscale] == sorted(place for place, _ in shades.colorscale)
    assert shades.colorscale[0][0] == 0 and shades.colorscale[-1][0] == 1


def test_tick_labels_name_the_value_at_their_place():
    log = SignedLog(threshold=10.0, limit=2e5)
    places, texts = log.ticks()
    assert texts[len(texts) // 2] == "0"
    assert places[texts.index("10⁵")] == pytest.approx(float(log.forward(np.array(1e5))))
    assert min(np.diff(places)) > 0.2


def test_round_ticks():
    assert round_ticks(-0.02, 0.17) == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert round_ticks(3, 3) == [3]


def test_an_unknown_scale_is_refused_by_name():
    with pytest.raises(LgaError, match=r"sqrt.*symmetric log"):
        signed_shades(VALUES, "sqrt", LOOK)
