"""Student's t against printed tables and its own density."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lga_core.worth.student import quantile, within


@pytest.mark.parametrize(("tail", "df", "expected"), [
    (0.025, 1, 12.7062), (0.025, 2, 4.30265), (0.005, 3, 5.84091), (0.025, 10, 2.22814), (0.001, 30, 3.38518),
    (0.0005, 7, 5.40788), (0.025, 120, 1.97993), (0.1, 4, 1.53321)])
def test_quantiles_of_t_are_those_of_the_tables(tail, df, expected):
    assert quantile(tail, df) == pytest.approx(expected, rel=1e-5)


@given(df=st.integers(1, 200), t=st.floats(0.01, 30))
def test_t_is_the_integral_of_its_density(df, t):
    at = np.linspace(0, t, 20_001)
    constant = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    assert within(t, df) == pytest.approx(2 * constant * np.trapezoid((1 + at**2 / df)**(-(df + 1) / 2), at), abs=1e-6)
