"""Quantiles of Student's t, which a confidence interval of few facts needs. Plain Python, exact to about 1e-12."""

from functools import cache
from math import atan, cos, pi, sin, sqrt


def within(t: float, df: int) -> float:
    """P(|T| ≤ t) of Student's t with `df` ≥ 1 degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4)."""
    angle = atan(t / sqrt(df))
    term = cos(angle) if df % 2 else 1.0
    total = 0.0
    for i in range(df % 2, df - 1, 2):
        total += term
        term *= (i + 1) / (i + 2) * cos(angle)**2
    return 2 / pi * (angle + sin(angle) * total) if df % 2 else sin(angle) * total


@cache
def quantile(tail: float, df: int) -> float:
    """The t that T exceeds with probability `tail` (0 < tail < 0.5)."""
    low, high = 0.0, 1.0
    while (1 - within(high, df)) / 2 > tail:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if (1 - within(middle, df)) / 2 > tail else (low, middle)
    return high
