"""What the study is asked for: the regret of each selector, in the units nearest to the question."""

from dataclasses import replace

import pytest
from view.made_study import unit

from lga_core.worth.recommendation import past_worth
from lga_core.worth.study.across import summary
from lga_core.worth.study.sets import SETS


def own_picks(*selectors: str) -> dict[str, None]:
    """These are compared by the study's own picks."""
    return dict.fromkeys(selectors)


@pytest.mark.parametrize(
    ("model", "fact_set", "like", "units"),
    [("tiny", "world", "this", 1), ("tiny", "unseen", "this model", 2), ("unseen", "world", "any", 3)],
)
def test_the_study_answers_with_the_nearest_units_it_has(model, fact_set, like, units):
    kept = [unit(0), unit(1, fact_set="other"), unit(2, model="second"), unit(3, editor="ft-m")]
    every = past_worth(kept, model, fact_set, "r-rome", own_picks("lga", "cma-mlp", "middle", "brute-force"))
    found = every["lga"]
    assert (found.like, len(found.units), found.editor) == (like, units, "r-rome")
    assert found.regret.low <= found.regret.value <= found.regret.high
    assert (found.regret.n, found.facts) == (12 * units, 12 * min(units, 2)), "two of the units have the same facts"
    assert found.proxy_facts == min(
        pick.n_facts for one in kept[:units] for pick in one.picks if pick.selector == "lga"
    )
    assert every["middle"].proxy_facts == 0
    random = summary(kept[:units]).any_layer["regret"]
    assert every["any"].regret == random and every["any"].units == found.units


def test_selectors_are_compared_over_the_units_in_which_all_of_them_have_a_pick():
    """LGA is worse in the unit in which CMA has no pick; CMA alone says nothing of that unit."""
    kept = [unit(0), unit(1, fact_set="other"), unit(2, fact_set="third", without="cma-mlp")]
    both = past_worth(kept, "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp", "brute-force"))
    own = {item.selector: item.measures["regret"].value for item in summary(kept[:2]).selectors}
    assert {name: both[name].regret.value for name in own if name in both} == pytest.approx(
        {name: own[name] for name in own if name in both}
    )
    assert both["lga"].units == both["cma-mlp"].units == ("tiny/world", "tiny/other")
    alone = past_worth(kept, "tiny", "unseen", "r-rome", own_picks("lga"))["lga"]
    assert len(alone.units) == 3 and alone.regret.value != pytest.approx(both["lga"].regret.value)
    apart = [unit(0, without="lga"), unit(1, fact_set="other", without="cma-mlp")]  # no unit has both
    fallen_back = past_worth(apart, "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
    assert (fallen_back["lga"].units, fallen_back["cma-mlp"].units) == (("tiny/other",), ("tiny/world",))


@pytest.mark.parametrize(("name", "file"), [(name, file or name) for name, (_title, file) in SETS.items()])
def test_a_set_that_is_loaded_from_the_benchmarks_file_is_the_studys(name, file):
    found = past_worth([unit(0, fact_set=name), unit(1, fact_set="another")], "tiny", file, "r-rome", own_picks("lga"))
    assert found["lga"].like == "this" and found["lga"].units == (f"tiny/{name}",)


def test_the_set_that_a_selector_was_developed_on_is_told():
    kept = [unit(0), unit(1, fact_set="other")]
    forecasts = [
        replace(one, picks=(*one.picks, replace(one.picks[0], selector="forecast", title="Forecast"))) for one in kept
    ]
    told = past_worth(forecasts, "tiny", "unseen", "r-rome", own_picks("lga", "forecast"))
    assert told["forecast"].developed_on == "Set world" and told["lga"].developed_on is None
    assert past_worth(forecasts, "tiny", "other", "r-rome", own_picks("forecast"))["forecast"].developed_on is None


def test_an_editor_without_units_is_judged_by_those_of_most():
    found = past_worth([unit(0), unit(1, fact_set="other")], "tiny", "world", "emmet", own_picks("lga"))["lga"]
    assert (found.like, found.editor) == ("this model", "r-rome")
    assert past_worth([], "tiny", "world", "r-rome", own_picks("lga")) == {}


def test_units_that_were_swept_in_another_way_are_not_put_together():
    """Of two ways the one measured last: another stop of the search, or another rule of which answer counts."""
    late = unit(1, fact_set="other")
    first = unit(0)
    early = replace(first, provenance=replace(first.provenance, created="2020-01-01T00:00:00+00:00"))
    alone = summary([late], selectors=("lga", "cma-mlp"))
    for differing in (
        replace(early, test=replace(early.test, settings={**early.test.settings, "steps": 99})),
        replace(early, test=replace(early.test, answers="best" if late.test.answers == "first" else "first")),
    ):
        found = past_worth([differing, late], "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
        assert {name: item.units for name, item in found.items()} == dict.fromkeys(found, ("tiny/other",))
        for item in alone.selectors:
            assert found[item.selector].regret.value == pytest.approx(item.measures["regret"].value)
        assert found["any"].facts == len(late.test.records)
    both = past_worth([early, late], "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
    assert both["lga"].units == ("tiny/world", "tiny/other"), "swept in one way, whenever that was"


def test_a_selector_without_a_pick_in_the_latest_units_is_judged_by_the_earlier_ones():
    late = unit(1, fact_set="other", without="cma-mlp")
    first = unit(0)
    early = replace(
        first,
        provenance=replace(first.provenance, created="2020-01-01T00:00:00+00:00"),
        test=replace(first.test, settings={**first.test.settings, "steps": 99}),
    )
    found = past_worth([early, late], "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
    assert found["lga"].units == found["cma-mlp"].units == ("tiny/world",)
