"""What a selector's picks from fewer facts than the study's were worth there (METHOD.md §6)."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from lga_core.results import Estimate, Pick, StudyUnit
from lga_core.worth.ground_truth import Truth
from lga_core.worth.held_out import best_overall
from lga_core.worth.study.judged import WITH_FEWER, stability


def from_fewer(units: Sequence[StudyUnit], selector: str, facts: int) -> tuple[Estimate, tuple[int, ...]] | None:
    """(regret, mean over units; the proxy facts that the units' picks are from, fewest first).

    Each unit by its own pick where that is from `facts` or fewer, else by its picks from the largest of its smaller
    proxies that has at most `facts`. No interval: of the picks drawn, the units keep the mean alone.

    None where the picks of all units are from that few anyhow, and where a unit has no such picks: a mean over others
    would not compare. The brute force and what measures nothing are never drawn again.
    """
    own = [next(pick for pick in unit.picks if pick.selector == selector) for unit in units]
    if selector not in WITH_FEWER or all(pick.n_facts <= facts for pick in own):
        return None
    found = [_of_unit(unit, pick, facts) for unit, pick in zip(units, own, strict=True)]
    known = [item for item in found if item is not None]
    if len(known) < len(found):
        return None
    judged = sum(len(Truth.of(unit.test).records) for unit in units)
    regret = Estimate(value=fmean(regret for regret, _size in known), n=judged)
    return regret, tuple(sorted({size for _regret, size in known}))


def _of_unit(unit: StudyUnit, pick: Pick, facts: int) -> tuple[float, int] | None:
    """(regret, proxy facts that it is from); None where none was drawn from at most `facts`."""
    if pick.n_facts <= facts:
        truth = Truth.of(unit.test)
        best = best_overall(truth, np.ones((1, len(truth.records))), in_sample=False)[0]
        return float(best - truth.mean("overall")[truth.layers.index(pick.layer)]), pick.n_facts
    drawn = next((item for item in stability(unit) if item.selector == pick.selector), None)
    if drawn is None:
        return None
    size, regret = max(
        (pair for pair in zip(drawn.sizes, drawn.regret.tolist(), strict=True) if pair[0] <= facts),
        default=(0, np.nan),
    )
    return None if np.isnan(regret) else (regret, size)
