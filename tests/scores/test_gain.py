"""Reading a forecast's stored rows: its terms bounded, saturated, floored, weighted, switched and dropped, by hand."""

import dataclasses
import math

import numpy as np
import pytest

from lga_core.results import FactRow
from lga_core.scores.forecast.gain import Term, Terms, gain, saturated, term_values
from lga_core.scores.methods import View, layer_scores


def made(record=0, **changes):
    """A row by hand with two layers; `changes`: term -> (change (P, L), nll (P,), groups (P,))."""
    values = {
        "change/rewrite": np.array([-0.1, -2.0]),
        "change/whole-rewrite": np.array([-0.2, -0.3]),
        "nll/rewrite": np.float64(2.0),
    }
    for term, (change, losses, groups) in changes.items():
        values |= {
            f"change/{term}": np.array(change),
            f"nll/{term}": np.array(losses),
            f"group/{term}": np.array(groups, dtype=float),
        }
    return FactRow(record=record, status="used", old_answer="a", old_source="data", known=True, values=values)


def test_the_terms_are_bounded_floored_weighted_and_switched_by_hand():
    row = made(
        rephrase=([[-0.1, 0.3]], [4.0], [0]),
        locality=([[0.1, -0.2], [0.0, 0.1], [0.3, 0.0]], [0.25, 1.0, 2.0], [1, 1, 2]),
    )
    terms = Terms(saturating=False)
    np.testing.assert_allclose(term_values(row, "rewrite", terms), [0.2, 1.5])  # 4·2/2 = 4, bounded
    np.testing.assert_allclose(term_values(row, "rephrase", terms), [0.1, -0.3])
    # Probes: 4·0.1/0.5 = 0.8 and 4·0.2/0.5 bounded to 1; 0 and 0.4; then 0.6 and 0. Groups of two and of one.
    np.testing.assert_allclose(term_values(row, "locality", terms), [-((0.8 + 0) / 2 + 0.6) / 2, -((1 + 0.4) / 2) / 2])
    assert term_values(row, "portability", terms) is None
    np.testing.assert_allclose(gain(row, terms), [0.2 + 0.1 - 0.5, 1.5 - 0.3 - 0.35])
    only = dataclasses.replace(terms, rewrite=None, locality=None, rephrase=Term(weight=3.0, floor=8.0, high=0.04))
    np.testing.assert_allclose(gain(row, only), [3 * 0.04, -3 * 0.15])
    wide = Terms(saturating=False, norm_bound=1.0, rewrite=Term(), rephrase=None, locality=None, whole_rewrite=True)
    np.testing.assert_allclose(gain(row, wide), [0.1, 0.15])


def test_saturated_terms_keep_the_order_that_bounds_tie():
    row = made(rephrase=([[-0.1, 0.3]], [4.0], [0]), locality=([[0.1, -9.0]], [0.25], [0]))
    terms = Terms()
    np.testing.assert_allclose(term_values(row, "rewrite", terms), [1 - math.exp(-0.2), 1 - math.exp(-4)])
    np.testing.assert_allclose(term_values(row, "rephrase", terms), [1 - math.exp(-0.1), math.exp(-0.3) - 1])
    np.testing.assert_allclose(term_values(row, "locality", terms), [math.exp(-0.8) - 1, -1])
    large = np.array([-30.0, -3.0, -1e-9, 0.0, 1e-9, 1.6, 5.0, 20.0])
    ours = saturated(large)
    assert (np.diff(ours) > 0).all() and (np.abs(ours) <= 1).all() and ours[4] == pytest.approx(1e-9)
    np.testing.assert_allclose(ours, -saturated(-large))


def test_layers_whose_ranks_have_one_sum_are_tied_in_whatever_order_the_facts_come():
    """Sums of thirds differ in the last bit with the order. The places of layers 1 and 2 both add up to 9."""
    places = np.array([[0, 3, 2, 1], [0, 1, 2, 3], [1, 3, 2, 0], [0, 2, 3, 1]])
    rows = [
        FactRow(
            record=record,
            status="used",
            old_answer="a",
            old_source="data",
            known=True,
            values={"change/rewrite": -place / 10, "nll/rewrite": np.float64(2.0)},
        )
        for record, place in enumerate(places.astype(float))
    ]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        scores = layer_scores("forecast", [rows[i] for i in order], 4, View(bootstrap=500, seed=1))
        assert scores.selection.ranking == (1, 2, 3, 0)
        assert scores.total[1] == scores.total[2] == pytest.approx(9 / 12)
        drawn = np.random.default_rng(1).multinomial(4, np.full(4, 1 / 4), size=500)
        picks = (drawn @ places[order]).argmax(1)  # of whole numbers, which are exact
        np.testing.assert_array_equal(scores.bootstrap.share, np.bincount(picks, minlength=4) / 500)


def test_an_absent_term_is_dropped_and_is_not_zero():
    terms = Terms(rewrite=None, rephrase=None)
    rows = [made(0, locality=([[0.1, 0.9]], [1.0], [0])), made(1)]
    scores = layer_scores("forecast", rows, 2, View(terms=terms, bootstrap=0))
    np.testing.assert_array_equal(scores.total, [1.0, 0.0])
    assert [row.status for row in scores.rows] == ["used", "left out: it has none of the forecast's terms"]
    assert np.isnan(scores.per_fact[1]).all() and scores.settings["terms"]["rewrite"] is None
    nothing = layer_scores("forecast", rows, 2, View(terms=Terms(rewrite=None, rephrase=None, locality=None)))
    assert nothing.selection.golden_layer is None and nothing.n_facts == 0
