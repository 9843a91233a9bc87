"""The finished part of a sweep as plain arrays, and means over its facts: all of them, and drawn again.

Weights (draws, facts) say how often each fact enters; their first row is the facts as they are. So every quantity is
worked out once over that axis, and `estimate` reads the value and its interval off it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lga_core.results import METRICS, Estimate, Sweep

DIGITS = 9  # of a mean: sums in another order differ only after them
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The facts that are measured at every swept layer, by record, so that their order says nothing."""

    layers: tuple[int, ...]
    records: tuple[int, ...]
    unfinished: int  # facts of the sweep that are not
    overall: np.ndarray  # (facts, layers) percent
    after: Mapping[str, np.ndarray]  # metric -> (facts, layers) percent; NaN where a fact lacks it

    @classmethod
    def of(cls, sweep: Sweep) -> "Truth":
        overall = sweep.overall
        finished = (sweep.measured == 1).all(1) & ~np.isnan(overall).any(1) & bool(sweep.layers)
        facts = [fact for fact in np.argsort(sweep.records, kind="stable") if finished[fact]]
        return cls(
            layers=sweep.layers,
            records=tuple(sweep.records[fact] for fact in facts),
            unfinished=len(sweep.records) - len(facts),
            overall=overall[facts],
            after={name: sweep.after[name][facts] for name in METRICS},
        )

    @property
    def makeup(self) -> tuple[str, ...]:
        """The metrics that at least one of its facts has."""
        return tuple(name for name in METRICS if not np.isnan(self.after[name]).all())

    def n(self, metric: str) -> int:
        """How many facts have the metric (or "overall")."""
        return int((~np.isnan(self._values(metric))).any(1).sum())

    def mean(self, metric: str, weights: np.ndarray | None = None) -> np.ndarray:
        """(draws, layers) mean over the facts that have the metric; (layers,) without weights. NaN where none has."""
        values = self._values(metric)
        if weights is None:
            return self.mean(metric, np.ones((1, len(values))))[0]
        present = ~np.isnan(values)
        count = weights @ present
        total = weights @ np.where(present, values, 0.0)
        return np.round(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0), DIGITS)

    def _values(self, metric: str) -> np.ndarray:
        return self.overall if metric == "overall" else self.after[metric]


def drawn_weights(n: int, draws: int, seed: int | Sequence[int]) -> np.ndarray:
    """(1 + draws, n): every fact once, then facts drawn with replacement. One fact has nothing to be drawn from."""
    as_they_are = np.ones((1, n))
    if n < 2 or draws < 1:
        return as_they_are
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    return np.concatenate([as_they_are, drawn])


def estimate(values: np.ndarray, n: int) -> Estimate:
    """The value in `values[0]` with the 95 % interval of the draws after it; draws without a value are left out."""
    value = values[0]
    if n == 0 or np.isnan(value):
        return Estimate()
    drawn = values[1:][~np.isnan(values[1:])]
    low, high = np.quantile(drawn, INTERVAL).tolist() if len(drawn) else (None, None)
    return Estimate(value=float(value), low=low, high=high, n=n)
