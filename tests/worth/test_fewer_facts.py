"""What a pick from fewer facts than the study's is worth: the regret of the study's picks from as few."""

import numpy as np
import pytest
from view.made_study import plain_unit

from lga_core.runs.shipped.study_units import kept_units
from lga_core.worth.recommendation import past_worth
from lga_core.worth.study.judged import verdict


@pytest.mark.parametrize(
    ("facts", "regret", "drawn_from"),
    [
        (1, 30.0, ()),  # the study drew no pick from one fact: its own, at layer 3
        (2, 25.0, (2,)),
        (7, 12.5, (4,)),
        (8, 5.0, (8,)),
        (11, 5.0, (8,)),
        (12, 30.0, ()),  # as many as the study's own pick
        (99, 30.0, ()),
    ],
)
def test_a_pick_from_fewer_facts_is_judged_by_the_studys_picks_from_as_many_or_the_next_fewer(
    facts, regret, drawn_from
):
    """The best layer has 60, so a mean Overall of 35, 47.5 and 55 is a regret of 25, 12.5 and 5."""
    kept = [plain_unit("world", 3, {2: 35.0, 4: 47.5, 8: 55.0, 12: 30.0})]
    found = past_worth(kept, "tiny", "world", "r-rome", {"lga": facts, "middle": 0, "brute-force": facts})
    lga = found["lga"]
    assert (lga.regret.value, lga.drawn_from, lga.regret.n) == (pytest.approx(regret), drawn_from, 12)
    assert (lga.regret.low is None) == bool(drawn_from), "the unit keeps no more of the draws than their mean"
    assert lga.proxy_facts == (drawn_from or (12,))[0]
    own = past_worth(kept, "tiny", "world", "r-rome", dict.fromkeys(("lga", "middle", "brute-force")))
    assert all(found[name] == own[name] for name in ("middle", "brute-force", "any"))


def test_over_several_units_each_gives_its_picks_from_as_many_facts_or_the_next_fewer():
    """25 from 8 facts in one, 10 by the other's own pick, which is from 5."""
    kept = [plain_unit("world", 3, {4: 10.0, 8: 35.0, 12: 30.0}), plain_unit("other", 1, {4: 20.0, 5: 50.0}, facts=5)]
    found = past_worth(kept, "tiny", "unseen", "r-rome", {"lga": 8})["lga"]
    assert (found.regret.value, found.drawn_from, found.regret.n) == (pytest.approx(17.5), (5, 8), 24)
    silent = plain_unit("third", 2, {4: np.nan, 12: 40.0})  # no draw has a pick: a mean over the others is not compared
    found = past_worth([*kept, silent], "tiny", "unseen", "r-rome", {"lga": 8})["lga"]
    assert (found.regret.value, found.drawn_from) == (pytest.approx((30 + 10 + 20) / 3), ())


@pytest.mark.parametrize("facts", [4, 8, 16, 20])
def test_of_the_real_unit_a_pick_from_few_facts_has_the_regret_that_is_stored_at_that_size(facts):
    """What the best layer has is the regret of any pick and its Overall together, as the unit's own table says them."""
    asked = ("smollm2-135m", "world", "r-rome")
    (real,) = (one for one in kept_units() if (one.model, one.fact_set, one.editor) == asked)
    random = verdict(real)
    best = random.any_regret.value + random.any_layer.value
    found = past_worth(kept_units(), "smollm2-135m", "world", "r-rome", dict.fromkeys(("lga", "cma-mlp"), facts))
    size = max(size for size in (4, 8, 16) if size <= facts)
    for name in ("lga", "cma-mlp"):
        (kept,) = (item for item in real.stability if item.selector == name)
        overall = kept.overall[kept.sizes.index(size)]
        if np.isnan(overall):  # CMA never picks from 4 facts
            assert (found[name].drawn_from, found[name].proxy_facts) == ((), 32)
        else:
            assert (found[name].drawn_from, found[name].regret.low) == ((size,), None)
            assert found[name].regret.value == pytest.approx(best - overall, abs=1e-6)
