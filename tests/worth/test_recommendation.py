"""Which layer to take: by the study's regret, never where an edit cannot act, and what the study is asked for."""

from dataclasses import replace

import numpy as np
import pytest
from view.made import rows
from view.made_study import unit
from view.made_sweep import sweep

from lga_core.data.facts import Fact
from lga_core.results import Cost, Estimate, FactRow, LayerScores, Obstacle, PastWorth, Selection
from lga_core.worth.reach import obstacles, subject_ends_prompt
from lga_core.worth.recommendation import past_worth, recommend

LAST = Obstacle(layer=5, why="no path", facts=3, of=3)


def past(regret: float, proxy_facts: int = 4) -> PastWorth:
    return PastWorth(
        regret=Estimate(value=regret, low=regret - 1, high=regret + 1, n=12),
        like="this",
        units=1,
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
        {"lga": scores("lga", 2), "forecast": scores("forecast", 3)}, None, {"lga": past(9), "forecast": past(2)}, {}
    )
    assert (found.recommended.selector, found.layer) == ("forecast", 3)
    other = recommend(
        {"lga": scores("lga", 2), "forecast": scores("forecast", 3)}, None, {"lga": past(1), "forecast": past(2)}, {}
    )
    assert (other.recommended.selector, other.layer) == ("lga", 2)


def test_a_layer_where_an_edit_cannot_act_is_never_recommended():
    both = {"lga": scores("lga", 5), "forecast": scores("forecast", 3)}
    worth = {"lga": past(1), "forecast": past(2)}
    found = recommend(both, None, worth, {5: LAST})
    assert (found.recommended.selector, found.layer) == ("forecast", 3)
    assert found.candidates[0].obstacle == LAST
    alone = recommend({"lga": both["lga"]}, None, worth, {5: LAST})
    assert alone.layer == alone.recommended.ranking[1] != 5
    everywhere = {layer: replace(LAST, layer=layer) for layer in range(6)}
    assert recommend(both, None, worth, everywhere).layer is None


def test_a_pick_from_fewer_facts_than_the_studys_comes_after_the_others():
    found = recommend(
        {"lga": scores("lga", 2, n=6), "forecast": scores("forecast", 3, n=3)},
        None,
        {"lga": past(9), "forecast": past(2)},
        {},
    )
    assert found.recommended.selector == "lga"


def test_a_sweep_is_a_candidate_with_the_share_of_draws_that_pick_its_layer():
    swept = sweep(8, 6, 0)
    found = recommend({}, swept, {"brute-force": past(3)}, {})
    best = int(np.argmax(swept.overall.mean(0)))
    assert found.layer == best and 0 < found.recommended.share <= 1
    assert recommend({}, None, {}, {}).recommended is None


@pytest.mark.parametrize(
    ("model", "fact_set", "like", "units"),
    [("tiny", "world", "this", 1), ("tiny", "unseen", "this model", 2), ("unseen", "world", "any", 3)],
)
def test_the_study_answers_with_the_nearest_units_it_has(model, fact_set, like, units):
    kept = [unit(0), unit(1, fact_set="other"), unit(2, model="second"), unit(3, editor="ft-m")]
    found = past_worth(kept, model, fact_set, "r-rome")["lga"]
    assert (found.like, found.units, found.editor) == (like, units, "r-rome")
    assert found.regret.low <= found.regret.value <= found.regret.high and found.regret.n > 0
    assert found.proxy_facts == min(
        pick.n_facts for one in kept[:units] for pick in one.picks if pick.selector == "lga"
    )


def test_an_editor_without_units_is_judged_by_those_of_most():
    found = past_worth([unit(0), unit(1, fact_set="other")], "tiny", "world", "emmet")["lga"]
    assert (found.like, found.editor) == ("this model", "r-rome")
    assert past_worth([], "tiny", "world", "r-rome") == {}


def fact(prompt: str, record: int = 0) -> Fact:
    start = prompt.index("Needle")
    return Fact(record=record, prompt=prompt, subject="Needle", span=(start, start + 6), target_new="Boston")


def test_the_last_block_has_no_path_where_the_prompt_goes_on_behind_the_subject():
    behind, at_end = fact("The Needle is in"), fact("Where is the Needle")
    assert subject_ends_prompt(at_end) and not subject_ends_prompt(behind)
    found = obstacles(6, [behind], "r-rome")
    assert list(found) == [5] and found[5].why == "no path"
    assert obstacles(6, [at_end], "r-rome") == {} == obstacles(6, [behind], "ft-m")
    assert obstacles(6, [behind, at_end, at_end], "r-rome") == {}
    assert obstacles(6, [behind, behind, at_end], "r-rome")[5].facts == 2


def test_a_layer_without_an_expected_gain_is_named():
    change = np.array([-0.5, 0.2, -0.1, 0.0])  # of the nll: less is better
    row = FactRow(
        record=0,
        status="used",
        old_answer="Seattle",
        old_source="data",
        known=True,
        values={"change/rewrite": change, "nll/rewrite": np.array(2.0)},
    )
    found = obstacles(4, [fact("Where is the Needle")], "r-rome", [row])
    assert {layer: item.why for layer, item in found.items()} == {1: "no gain", 3: "no gain"}
