"""Regret against cost: every way to name a layer as one point, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from worth.swept import QUIET, noisy, ranking_of

from lga_core.errors import LgaError
from lga_core.results import Cost
from lga_core.worth.racing import simulate
from lga_core.worth.selectors import pick_by_sweep
from lga_core.worth.tradeoff import regret_against_cost
from lga_core.worth.truth import Truth


def test_regret_against_cost():
    proxy, test = noisy([40, 30, 65, 35, 20], 0), noisy([40, 30, 65, 35, 20], 1, facts=20)
    bad, none = ranking_of((4, 1), Cost(seconds=2)), ranking_of((), reason="no usable fact")
    how = {"five": (ranking_of((4, 0, 1, 2, 3), Cost(seconds=7)), QUIET), "one": (bad, replace(QUIET, candidates=1))}
    whole = pick_by_sweep(proxy)
    points = regret_against_cost([bad, none, whole], how, proxy, test, seeds=range(30), draws=50)
    worst, silent, brute, five, one = points
    means = Truth.of(test).mean("overall")
    assert (worst.layers, worst.cost.seconds, worst.cells, worst.seeds) == ({4: 1.0}, 2, 0, 1)
    assert (worst.regret.value, worst.overall.value) == pytest.approx((means.max() - means[4], means[4]))
    assert worst.regret.low < worst.regret.value < worst.regret.high
    assert (silent.layers, silent.regret.value) == ({}, None)
    assert (brute.layers, brute.cost, brute.cells, brute.regret.value) == ({2: 1.0}, proxy.cost, 160, 0)
    races = simulate(proxy, how["five"][0], QUIET, range(30))
    assert five.cells == pytest.approx(np.mean([item.cells for item in races])) and five.cells < 160
    assert five.cost.seconds == pytest.approx(7 + 0.5 * five.cells) and five.seeds == 30
    named = [means[item.layer] for item in races]
    assert five.overall.value == pytest.approx(np.mean(named))
    assert five.regret.value == pytest.approx(means.max() - np.mean(named)) and sum(five.layers.values()) == 1
    assert (one.layers, one.cells, one.regret) == (worst.layers, 0, worst.regret)
    with pytest.raises(LgaError, match="Forecast names layer 4, which the test did not sweep"):
        regret_against_cost([bad], {}, proxy, noisy([1, 2], 0))
