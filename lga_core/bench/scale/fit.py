"""Costs at small sizes, extrapolated to large ones: least squares with a reason for every term."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a method has to do at one size."""

    layers: int
    width: int
    tokens: float  # that run through the blocks
    heads: float  # positions whose logits are computed
    entries: int  # matrix entries of a block
    vocabulary: int

    @property
    def terms(self) -> tuple[float, float, float]:
        """Calls (layers), elements (tokens × layers × width), multiplications (matrices and head)."""
        return (
            self.layers,
            self.tokens * self.layers * self.width,
            self.tokens * self.layers * self.entries + self.heads * self.vocabulary * self.width,
        )


@dataclass(frozen=True, kw_only=True)
class Fit:
    """seconds ≈ a·layers + b·tokens·layers·width + c·multiplications; no coefficient below 0."""

    coefficients: tuple[float, float, float]
    r2: float  # of log seconds: a doubling counts alike at every size
    points: int

    @classmethod
    def of(cls, loads: Sequence[Load], seconds: Sequence[float]) -> "Fit":
        """Errors count relative to the time, so that the small sizes are not drowned by the large ones.

        >>> loads = [Load(layers=n, width=8, tokens=9, heads=0, entries=64, vocabulary=0) for n in (1, 2, 4)]
        >>> round(Fit.of(loads, [2.0, 4.0, 8.0]).seconds(loads[2]), 6)
        8.0
        """
        terms = np.array([load.terms for load in loads])
        times = np.array(seconds)
        coefficients = _positive_least_squares(terms / times[:, None])
        calls, elements, multiplications = coefficients.tolist()
        logs = np.log(times)
        errors = logs - np.log(terms @ coefficients)
        r2 = 1 - float((errors**2).sum()) / float(((logs - logs.mean()) ** 2).sum())
        return cls(coefficients=(calls, elements, multiplications), points=len(times), r2=r2)

    def seconds(self, load: Load) -> float:
        return float(np.dot(self.coefficients, load.terms))

    def __str__(self) -> str:
        return "{:.1e}·layers + {:.1e}·tokens·layers·width + {:.1e}·multiplications".format(*self.coefficients)


def _positive_least_squares(terms: np.ndarray) -> np.ndarray:
    """The coefficients, none below 0, with which the terms come closest to 1; scaled, since terms differ by 10¹²."""
    scale = terms.max(axis=0)
    return nnls(terms / scale, np.ones(len(terms)))[0] / scale
