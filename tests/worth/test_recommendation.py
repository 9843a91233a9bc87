"""Which layer to take: by the study's regret, and never where an edit cannot act."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from view.made import rows
from view.made_study import plain_unit
from view.made_sweep import sweep

from lga_core.results import Cost, Estimate, LayerScores, Obstacle, PastWorth, Selection
from lga_core.scores.methods import layer_scores
from lga_core.worth.recommendation import past_worth, recommend
from lga_core.worth.selectors import SELECTORS

LAST = Obstacle(layer=5, why="no path", facts=3, of=3)


def study(**worth):
    """A study that says these regrets, whoever is compared."""
    return lambda _selectors: worth


def past(regret: float, proxy_facts: int = 4) -> PastWorth:
    return PastWorth(
        regret=Estimate(value=regret, low=regret - 1, high=regret + 1, n=12),
        like="this",
        units=("tiny/world",),
        facts=12,
        models=("tiny",),
        sets=("world",),
        editor="r-rome",
        proxy_facts=proxy_facts,
    )


def scores(method: str, best: int, n: int = 6):
    total = np.array([float(layer == best) + layer / 100 for layer in range(6)])
    ranking = tuple(np.argsort(-total).tolist())
    return LayerScores(
        method=method,
        settings={"loss": "sequence", "old": "data"} if method == "lga" else {},
        rows=tuple(rows(np.tile(total, (n, 1)), ())),
        per_fact=np.tile(total, (n, 1)),
        total=total,
        total_is="mean",
        selection=Selection(
            golden_layer=best, ranking=ranking, golden_layers=ranking[:3], excluded_layers={}, fences=None
        ),
        bootstrap=None,
        cost=Cost(seconds=1.0),
    )


def test_the_pick_whose_kind_lost_least_is_recommended():
    found = recommend(
        {"lga": scores("lga", 2), "forecast": scores("forecast", 3)}, None, study(lga=past(9), forecast=past(2)), {}
    )
    assert (found.recommended.selector, found.layer) == ("forecast", 3)
    other = recommend(
        {"lga": scores("lga", 2), "forecast": scores("forecast", 3)}, None, study(lga=past(1), forecast=past(2)), {}
    )
    assert (other.recommended.selector, other.layer) == ("lga", 2)


def test_a_layer_where_an_edit_cannot_act_is_never_recommended():
    both = {"lga": scores("lga", 5), "forecast": scores("forecast", 3)}
    worth = study(lga=past(1), forecast=past(2))
    found = recommend(both, None, worth, {5: LAST})
    assert (found.recommended.selector, found.layer) == ("forecast", 3)
    assert found.candidates[0].obstacle == LAST
    alone = recommend({"lga": both["lga"]}, None, worth, {5: LAST})
    assert alone.layer == alone.recommended.ranking[1] != 5
    everywhere = {layer: replace(LAST, layer=layer) for layer in range(6)}
    assert recommend(both, None, worth, everywhere).layer is None


@pytest.mark.parametrize(("facts", "picked"), [(1, "lga"), (2, "forecast"), (3, "forecast")])
def test_a_pick_from_under_half_of_the_studys_facts_comes_after_the_others(facts, picked):
    """The study's are from 4."""
    both = {"lga": scores("lga", 2, n=6), "forecast": scores("forecast", 3, n=facts)}
    assert recommend(both, None, study(lga=past(9), forecast=past(2)), {}).recommended.selector == picked


def test_a_pick_of_which_the_study_says_nothing_comes_last():
    """Eight facts of smollm2-135m, world: the study has no pick of LGA with the sequence's loss; it has CMA's, from
    more facts, with the least regret."""
    three = {name: scores(name, layer, n=8) for layer, name in enumerate(("lga", "cma-mlp", "forecast"))}
    worth = {"cma-mlp": past(-2.1, proxy_facts=12), "forecast": past(3.1, proxy_facts=12)}
    assert recommend(three, None, study(**worth), {}).recommended.selector == "cma-mlp"
    unfit = replace(past(0), regret=Estimate())
    assert recommend(three, None, study(lga=unfit, **worth), {}).recommended.selector == "cma-mlp"
    few = {"forecast": past(3.1, proxy_facts=99)}
    assert recommend(three, None, study(**few), {}).recommended.selector == "forecast"


def test_the_middle_layer_is_followed_only_where_the_study_has_something_to_compare_it_with():
    measured = {"lga": scores("lga", 2), "forecast": scores("forecast", 4), "middle": scores("middle", 3)}
    assert recommend(measured, None, study(middle=past(1)), {}).recommended.selector == "lga"
    both = study(middle=past(1), forecast=past(2))
    assert recommend(measured, None, both, {}).recommended.selector == "middle"
    alone = {"middle": measured["middle"]}
    assert recommend(alone, None, study(middle=past(1)), {}).recommended.selector == "middle"


def test_scores_that_are_read_in_another_way_than_the_studys_have_no_past():
    asked = []

    def of_study(selectors):
        asked.append(selectors)
        return {"lga": past(1), "forecast": past(2)}

    cosine = replace(scores("lga", 2), settings={"loss": "sequence", "old": "data", "normalize": "cosine"})
    found = recommend({"lga": cosine, "forecast": scores("forecast", 3)}, None, of_study, {})
    lga, forecast = found.candidates
    assert (lga.studied, lga.past, forecast.studied) == (False, None, True) and forecast.past is not None
    assert found.recommended is forecast and asked == [{"forecast": 6}], "with the facts that its pick is from"


@pytest.mark.parametrize("method", ["lga", "cma-mlp", "forecast", "middle"])
def test_what_the_study_picks_by_is_as_studied_and_no_option_changed_is(method):
    """Scores made by `layer_scores` with the study's own settings and view, and with one choice of the view changed."""
    selector = SELECTORS[method]
    measured = selector.settings(seed=3)
    asked = asdict(measured) if measured is not None else {}

    def alike(view, settings):
        made = layer_scores(method, [], 4, view, settings)
        return recommend({method: made}, None, study(), {}).candidates[0].studied

    assert alike(replace(selector.choices(3), top=5), asked)
    assert alike(replace(selector.choices(3), known="known"), asked) == (method == "middle")  # which reads no fact
    if method == "lga":
        for other in ({"scope": "block"}, {"normalize": "cosine"}, {"rank": "magnitude"}, {"fences": None}):
            assert not alike(replace(selector.choices(3), **other), asked)
        assert alike(selector.choices(3), {**asked, "loss": "answer"})  # a reading of its own in the study
    if method == "cma-mlp":
        assert not alike(selector.choices(3), {**asked, "window": 3})


def test_a_sweep_is_a_candidate_with_the_share_of_draws_that_pick_its_layer():
    swept = sweep(8, 6, 0)
    found = recommend({}, swept, study(**{"brute-force": past(3)}), {})
    best = int(np.argmax(swept.overall.mean(0)))
    assert found.layer == best and 0 < found.recommended.share <= 1
    assert recommend({}, None, study(), {}).recommended is None


def test_few_facts_no_longer_put_a_pick_behind_the_middle_layer_where_the_study_drew_as_few():
    """The middle layer of six, layer 3, has a regret of 30; LGA's own pick at layer 1 has 10, from 8 facts 25."""
    kept = [plain_unit("world", 1, {8: 35.0, 32: 50.0}, facts=32)]
    both = {"lga": scores("lga", 2, n=8), "middle": replace(scores("middle", 3), rows=())}

    def ask(picked_from):
        return past_worth(kept, "tiny", "world", "r-rome", picked_from)

    found = recommend(both, None, ask, {})
    assert (found.recommended.selector, found.layer) == ("lga", 2)
    assert (found.recommended.past.regret.value, found.recommended.fewer_facts) == (pytest.approx(25), False)
    fewer = recommend(both | {"lga": scores("lga", 2, n=7)}, None, ask, {})
    assert fewer.recommended.selector == "middle" and fewer.candidates[0].fewer_facts
