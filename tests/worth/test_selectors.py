"""The table of selectors, and how a pick comes from scores or from a sweep."""

from typing import get_args

import numpy as np
import pytest
from worth.swept import facts_of, lga_scores, random_sweep, sweep_of

from lga_core.editing.editors.fine_tuning import FineTuningSettings
from lga_core.editing.settings import RankOneSettings, RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.results import Loss, OldSource
from lga_core.scores.forecast.gain import Terms
from lga_core.scores.methods import MEASUREMENTS, METHODS, View, layer_scores
from lga_core.scores.settings import ForecastSettings
from lga_core.worth.selectors import BRUTE_FORCE, READINGS, SELECTORS, pick_by_scores, pick_by_sweep, selectors_named
from lga_core.worth.study.judged import TABLED


@pytest.mark.parametrize("selector", [item for item in SELECTORS.values() if item.method], ids=lambda item: item.name)
def test_every_selector_reads_a_method_with_settings_that_it_has(selector):
    method = METHODS[selector.method]
    view, settings = selector.choices(seed=3), selector.settings(seed=3)
    assert view == View(**{**selector.view, "seed": 3})
    if method.measurement is None:
        assert settings is None
    else:
        assert isinstance(settings, MEASUREMENTS[method.measurement].settings)
        assert all(getattr(settings, name) == value for name, value in selector.measured.items())
        assert getattr(settings, "seed", None) == {"cma": 3, "forecast": 0}.get(method.name.partition("-")[0])


def test_the_forecast_reads_the_editor_s_second_moment_and_nothing_else_of_it():
    editor = RankOneSettings(covariance="identity", ridge=0.0, tokens_per_input=99, seed=5, contexts=1)
    settings = SELECTORS["forecast"].settings(3, editor)
    assert settings == ForecastSettings(covariance="identity", ridge=0.0, tokens_per_input=99, seed=5)
    assert (settings.editor.covariance, settings.editor.seed) == ("identity", 5)
    assert SELECTORS["forecast"].settings(3) == ForecastSettings(seed=RankOneSettings().seed)
    for name in ("ig", "forecast"):
        assert SELECTORS[name].settings(3, FineTuningSettings(steps=99)) == SELECTORS[name].settings(3)


def test_every_method_has_a_selector_and_no_two_selectors_ask_the_same():
    assert {selector.method for selector in SELECTORS.values()} == {*METHODS, None}
    asked = [(item.method, tuple(item.view.items()), tuple(item.measured.items())) for item in SELECTORS.values()]
    assert len(set(asked)) == len(asked)
    assert all(name == item.name for name, item in SELECTORS.items())


def test_both_losses_with_both_old_answers_are_selectors():
    asked = [SELECTORS[name].settings() for name in READINGS]
    assert {(settings.loss, settings.old) for settings in asked} == {
        (loss, old) for loss in get_args(Loss) for old in get_args(OldSource)
    }
    assert all(SELECTORS[name].quick and name in TABLED for name in READINGS)


def test_the_quick_ones_run_by_default_and_the_brute_force_is_always_last():
    quick = [item.name for item in selectors_named()]
    assert quick == [name for name in SELECTORS if name not in ("cma-hidden", "cma-attn", "ig")]
    assert [item.name for item in selectors_named(["ig", "cma", "ig", BRUTE_FORCE, "lga"])] == [
        "ig",
        "cma-mlp",
        "lga",
        BRUTE_FORCE,
    ]
    with pytest.raises(LgaError, match=r"no selector 'best'\. Choose one of lga, .*brute-force"):
        selectors_named(["best"])


def test_a_pick_by_scores_is_the_ranking_without_the_layers_that_were_not_swept():
    scores = lga_scores([[1, 5, 3, 4], [1, 4, 3, 1]])  # totals 2, 9, 6, 5: ranking 1, 2, 3, 0
    pick = pick_by_scores(SELECTORS["lga-no-fences"], scores, (0, 1, 2, 3))
    assert (pick.layer, pick.ranking, pick.own_layer, pick.restricted) == (1, (1, 2, 3, 0), 1, False)
    assert (pick.n_facts, pick.reason, pick.cost.seconds) == (2, None, pytest.approx(0.2))
    np.testing.assert_array_equal(pick.scores, [2, 9, 6, 5])
    fewer = pick_by_scores(SELECTORS["lga-no-fences"], scores, (0, 3))
    assert (fewer.layer, fewer.ranking, fewer.own_layer, fewer.restricted) == (3, (3, 0), 1, True)
    np.testing.assert_array_equal(fewer.scores, [2, 5])


def test_what_ranks_by_size_is_scored_by_size():
    scores = lga_scores([[1, -5, 3]], View(rank="magnitude", fences=None))
    pick = pick_by_scores(SELECTORS["lga-magnitude"], scores, (0, 1, 2))
    assert pick.ranking == (1, 2, 0)
    np.testing.assert_array_equal(pick.scores, [1, 5, 3])


def test_layers_outside_the_fences_have_a_score_and_no_rank():
    scores = lga_scores([[1, 2, 3, 4, 100]], View())
    pick = pick_by_scores(SELECTORS["lga"], scores, range(5))
    assert (pick.layer, pick.ranking) == (3, (3, 2, 1, 0)) and pick.scores[4] == 100
    none = pick_by_scores(SELECTORS["lga"], scores, [4])
    assert (none.layer, none.own_layer, none.restricted) == (None, 3, True)
    assert none.reason == "none of the layers that it ranks was swept"


def test_without_a_usable_fact_there_is_no_pick_and_the_reason_stays():
    pick = pick_by_scores(SELECTORS["lga"], lga_scores([[1, 2]], unused=[0]), (0, 1))
    assert (pick.layer, pick.ranking, pick.n_facts, pick.reason) == (None, (), 0, "no usable fact")
    assert not pick.restricted and np.isnan(pick.scores).all()


def test_the_middle_layer_of_a_subset_is_the_swept_one_that_is_nearest():
    scores = layer_scores("middle", [], 8, View())
    assert pick_by_scores(SELECTORS["middle"], scores, range(8)).layer == 4
    assert pick_by_scores(SELECTORS["middle"], scores, (0, 1, 7)).layer == 1  # 3 away, as 7 is: the lower


def test_scores_of_another_model_are_refused():
    with pytest.raises(LgaError, match="LGA has no score of layer 2"):
        pick_by_scores(SELECTORS["lga"], lga_scores([[1, 2]]), (0, 2))


def test_the_brute_force_ranks_by_mean_overall_ties_to_the_lower_layer():
    values = {"rewrite": [[0, 100, 50], [100, 0, 50]], "locality": [[50, 100, 100], [50, 0, 0]]}
    sweep = sweep_of(values, layers=(2, 5, 9))
    pick = pick_by_sweep(sweep)  # A: 25 100 75 / 75 0 25, means 50 each
    assert (pick.ranking, pick.layer, pick.own_layer, pick.n_facts) == ((2, 5, 9), 2, 2, 2)
    np.testing.assert_array_equal(pick.scores, [50, 50, 50])
    assert (pick.cost.seconds, pick.cost.forward_rows, pick.cost.backward_rows) == (3.0, 18, 6)
    better = pick_by_sweep(sweep_of({"rewrite": [[0, 100, 50], [100, 25, 50]]}))
    assert better.ranking == (1, 0, 2)


def test_only_facts_that_are_measured_at_every_layer_say_what_is_best():
    values = {"rewrite": [[0, 100], [100, 0], [100, 0]]}
    assert pick_by_sweep(sweep_of(values)).layer == 0
    pick = pick_by_sweep(sweep_of(values, missing=[(1, 0), (2, 1)]))
    assert (pick.layer, pick.n_facts) == (1, 1)
    none = pick_by_sweep(sweep_of(values, missing=[(0, 0), (1, 0), (2, 1)]))
    assert (none.layer, none.n_facts, none.reason) == (None, 0, "no fact is measured at every layer")


def test_the_brute_force_among_other_layers_is_its_best_of_them():
    sweep = sweep_of({"rewrite": [[10, 30, 20]]}, layers=(0, 1, 2))
    pick = pick_by_sweep(sweep, (0, 2, 4))
    assert (pick.layer, pick.ranking, pick.own_layer, pick.restricted, pick.layers) == (2, (2, 0), 1, True, (0, 2, 4))
    np.testing.assert_array_equal(pick.scores, [10, 20, np.nan])
    assert pick_by_sweep(sweep, (7,)).reason == "none of its layers was swept"


def test_the_order_of_the_facts_says_nothing():
    sweep = random_sweep(1, facts=7, layers=6)
    turned = facts_of(sweep, np.random.default_rng(0).permutation(7).tolist())
    assert turned.records != sweep.records and pick_by_sweep(turned).to_json() == pick_by_sweep(sweep).to_json()


def test_a_forecast_is_at_the_norm_bound_of_the_editor_whose_layer_it_names():
    bounded = RRomeSettings(value=ValueSettings(norm_bound=0.5))
    assert SELECTORS["forecast"].choices(3, bounded) == View(terms=Terms(norm_bound=0.5), seed=3)
    for editor in (None, RRomeSettings(), FineTuningSettings()):
        assert SELECTORS["forecast"].choices(3, editor) == View(seed=3)
