"""From raw values to shades and back to tick labels: per fact, symmetric log or linear, zero always at neutral."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lga_core.errors import LgaError
from lga_core.results import Kind
from lga_core.view.figures.parts.style import Theme, colorscale
from lga_core.view.words.text import number, power_of_ten

Scale = Literal["symmetric log", "per fact", "linear"]
SCALES: tuple[Scale, ...] = get_args(Scale)

SIGNED_DECADES = 4.0  # gradient products span four orders of magnitude (DESIGN, "Two screens")
TICK_ROOM = 11.0  # px from one tick label of a colour bar to the next
EFFECT_DECADES = 2.0  # effects are probabilities: below a hundredth of the largest is noise


@dataclass(frozen=True, kw_only=True)
class SignedLog:
    """sign(x)·log10(1 + |x|/threshold), scaled so that |x| = limit is 1: nearly linear below `threshold`."""

    threshold: float
    limit: float

    @classmethod
    def of(cls, values: np.ndarray, decades: float = SIGNED_DECADES) -> "SignedLog":
        """Fitted to the finite values: no more than `decades` below the largest, and no lower than they reach."""
        sizes = np.abs(values[np.isfinite(values)])
        sizes = sizes[sizes > 0]
        if not len(sizes):
            return cls(threshold=1.0, limit=1.0)
        limit = float(sizes.max())
        threshold = max(limit / 10**decades, float(np.percentile(sizes, 5)))
        return cls(threshold=threshold, limit=limit)

    def forward(self, values: np.ndarray) -> np.ndarray:
        """The same shape, in [−1, 1]; NaN stays NaN."""
        ratio = np.log10(1 + np.abs(values) / self.threshold) / math.log10(1 + self.limit / self.threshold)
        return np.sign(values) * ratio

    def ticks(self, low: float = -1.0, high: float = 1.0) -> tuple[list[float], list[str]]:
        """Zero and up to two powers of ten on each side that lies within [low, high]: positions and labels."""
        top = math.floor(math.log10(self.limit) + 1e-9)
        powers: list[float] = []
        for exponent in range(top, top - 8, -1):
            place = float(self.forward(np.array(10.0**exponent)))
            if place > 0.2 and (not powers or float(self.forward(np.array(powers[-1]))) - place > 0.28):
                powers.append(10.0**exponent)
        raw = [-power for power in powers[:2]] + [0.0] + [power for power in reversed(powers[:2])]
        placed = [(float(self.forward(np.array(value))), value) for value in raw]
        shown = [(place, value) for place, value in placed if low - 1e-9 <= place <= high + 1e-9]
        return [place for place, _ in shown], [power_of_ten(value) if value else "0" for _, value in shown]


def round_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` multiples of 1, 2 or 5 times a power of ten within [low, high]."""
    span = high - low
    if not span > 0:
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))
    return [
        round(index * step, 12) + 0.0
        for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


@dataclass(frozen=True, kw_only=True)
class Shades:
    """What a heatmap and its colour bar need; `z` has the shape of the values, NaN where there is none."""

    z: np.ndarray
    zmin: float
    zmax: float
    colorscale: list[list]
    tickvals: list[float]
    ticktext: list[str]


def ticks_with_room(shades: Shades, height: float) -> tuple[list[float], list[str]]:
    """The ticks that a colour bar of `height` px has room for: both ends first, then zero, then the others."""
    ticks = list(zip(shades.tickvals, shades.ticktext, strict=True))
    pixels = height / (shades.zmax - shades.zmin)
    kept: list[tuple[float, str]] = []
    for tick in dict.fromkeys([ticks[-1], ticks[0], *sorted(ticks, key=lambda tick: abs(tick[0]))]):
        if all(abs(tick[0] - other[0]) * pixels >= TICK_ROOM for other in kept):
            kept.append(tick)
    kept.sort()
    return [place for place, _ in kept], [text for _, text in kept]


def signed_shades(values: np.ndarray, scale: Scale, look: Theme) -> Shades:
    """Diverging shades of (facts, layers) values, from −1 to 1 with zero in the middle."""
    z, tickvals, ticktext = _scaled(values, scale, SIGNED_DECADES, -1.0)
    return Shades(z=z, zmin=-1.0, zmax=1.0, colorscale=colorscale(look.diverging), tickvals=tickvals, ticktext=ticktext)


def effect_shades(values: np.ndarray, scale: Scale, kind: Kind, look: Theme) -> Shades:
    """Sequential shades of a trace kind. What is below zero fades to slate on the same ruler, it is not cut off."""
    z, _, _ = _scaled(values, scale, EFFECT_DECADES, -1.0)
    finite = z[np.isfinite(z)]
    low = max(min(float(finite.min(initial=0.0)), 0.0), -1.0)
    _, tickvals, ticktext = _scaled(values, scale, EFFECT_DECADES, low)
    colors = look.sequential[kind]
    zero = -low / (1 - low)
    steps = [[zero + (1 - zero) * index / (len(colors) - 1), color] for index, color in enumerate(colors)]
    if low < 0:
        steps.insert(0, [0.0, _mix(look.neutral, look.opposed, -low)])
    steps[-1][0] = 1.0
    return Shades(z=z, zmin=low, zmax=1.0, colorscale=steps, tickvals=tickvals, ticktext=ticktext)


def _scaled(values: np.ndarray, scale: Scale, decades: float, low: float) -> tuple[np.ndarray, list[float], list[str]]:
    values = np.asarray(values, dtype=float)
    sizes = np.abs(np.where(np.isfinite(values), values, 0.0))
    if scale == "symmetric log":
        log = SignedLog.of(values, decades)
        places, texts = log.ticks(low)
        if places[-1] < 0.88:  # room for the largest value itself above the last power of ten
            places, texts = [*places, 1.0], [*texts, number(log.limit, 2)]
        return log.forward(values), places, texts
    if scale == "per fact":
        largest = sizes.max(axis=-1, keepdims=True, initial=0.0)
        ticks = [(-1.0, "−max"), (0.0, "0"), (1.0, "max")]
        z = values / np.where(largest > 0, largest, 1.0)
    elif scale == "linear":
        largest = float(sizes.max(initial=0.0)) or 1.0
        ticks = [(-1.0, number(-largest, 2)), (0.0, "0"), (1.0, number(largest, 2))]
        z = values / largest
    else:
        raise LgaError(f"There is no colour scale {scale!r}.", hint=f"Use one of: {', '.join(SCALES)}.")
    shown = [(place, text) for place, text in ticks if place >= low]
    return z, [place for place, _ in shown], [text for _, text in shown]


def _mix(start: str, end: str, share: float) -> str:
    first, second = (np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) for color in (start, end))
    return "#" + "".join(f"{round(value):02x}" for value in first + (second - first) * share)
