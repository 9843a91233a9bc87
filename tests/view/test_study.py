"""The study's tables say what the units say, and what cannot be had is n/a."""

from dataclasses import replace

import numpy as np
import pytest
from view.made_study import unit

from lga_core.view.words.sweep.claims import claims_table, recommendation
from lga_core.view.words.sweep.sentences import points
from lga_core.view.words.sweep.study import (
    carried_table,
    forecast_table,
    no_picks,
    pairs_table,
    stability_table,
    study_table,
    summary_table,
    unit_title,
)
from lga_core.worth.study.across import carried, summary
from lga_core.worth.study.judged import table_rows

NAMES = ("lga", "cma-mlp", "middle", "brute-force")


@pytest.fixture(scope="module")
def units():
    return unit(0), unit(1, fact_set="other", without="cma-mlp")


@pytest.fixture(scope="module")
def over(units):
    return summary(units, selectors=NAMES, draws=50)


def test_a_unit_without_a_pick_says_so_and_why(units):
    rows = table_rows(units[1])
    cma = study_table(rows)[1]
    assert (cma["layer"], cma["rewrite"], cma["regret"]) == ("no pick", "n/a", "n/a")
    assert no_picks(rows) == "CMA, MLP has no pick: 3 usable facts." and no_picks(table_rows(units[0])) == ""
    assert unit_title(units[0]) == "tiny · Set world · r-rome · n 12 test facts · seed 0 · 2026-01-02 · cpu"
    early = replace(units[0], settings={"seed": 0, "test_facts": 32, "losses": ["answer"]})
    assert "n 12 test facts (the set has no more; 32 were asked for) · LGA with the answer's loss only" in unit_title(
        early
    )


def test_the_lowest_mean_regret_stands_first(over):
    table = summary_table(over)
    regrets = [float(row["regret"].split()[0]) for row in table[:-3]]
    assert regrets == sorted(regrets) and len(regrets) == 4
    cma = next(row for row in table if row["selector"] == "CMA, MLP")
    assert cma["units"] == "1" and cma["rewrite"].endswith("(12)")
    assert table[-3]["regret"].startswith(f"{over.any_layer['regret'].value:.1f} (")
    assert [row["regret"] for row in table[-2:]] == ["n/a", "n/a"]
    assert table[-1]["Overall"].startswith(f"{over.optimum.value:.1f} (")


def test_the_papers_claims_have_their_numbers(over, units):
    rewrite, rephrase, speed, near, little, apart = (row["LGA, loss of the sequence"] for row in claims_table(over))
    for told, metric in ((rewrite, "rewrite"), (rephrase, "rephrase")):
        assert told.startswith(f"{over.difference('lga', 'cma-mlp', metric).mean.value:.1f} (") and "1 unit" in told
    lga = over.selectors[0]
    assert f"{lga.faster:,.0f} times faster" in speed and f"{lga.fewer_rows:,.0f} times fewer rows" in speed
    assert little.startswith(f"regret {points(lga.measures['regret'])} points")
    assert f"{over.gap.value:.1f} (" in near and f"in {over.same_layer} of 2 units" in apart
    assert claims_table(over)[-1]["LGA, loss of the answer"] == apart  # the sweep's, whatever the loss
    assert {row["LGA, loss of the answer"] for row in claims_table(over)[:-1]} == {
        "n/a: these units were not measured with this loss"
    }
    nobody = claims_table(summary(units[1:], selectors=["lga"], draws=0))
    assert nobody[0]["LGA, loss of the sequence"] == "n/a: no unit has both picks"


def test_units_measured_with_the_answers_loss_say_so(units):
    def of_answer(one):
        picks = [
            replace(pick, selector="lga-answer", title="LGA (loss: answer)") if pick.selector == "lga" else pick
            for pick in one.picks
        ]
        return replace(one, picks=tuple(picks))

    before = summary([of_answer(one) for one in units], selectors=("lga", "lga-answer", *NAMES[1:]), draws=50)
    table = claims_table(before)
    assert table[0]["LGA, loss of the sequence"].startswith("n/a") and "1 unit" in table[0]["LGA, loss of the answer"]
    assert "LGA (loss: answer)" in {row["selector"] for row in summary_table(before)}
    assert pairs_table(before)[0]["Overall"] == "LGA (loss: answer) less CMA, MLP"
    assert "LGA (loss: answer)" in recommendation(before)


def test_pairs_are_of_the_selectors_that_are_there(over):
    pair, middle = pairs_table(over)  # these units have no forecast
    assert pair["Overall"] == "LGA less CMA, MLP" and "over 1 unit," in pair["points"]
    assert middle["Overall"] == "LGA less Middle layer" and "over 2 units," in middle["points"]


def test_the_recommended_selector_is_named_with_lga_beside_it(over, units):
    text = recommendation(over)
    assert text.startswith(f"Over 2 units on 24 held-out facts, {over.recommended.title} has the least")
    assert text.endswith(f"A layer drawn at random: {points(over.any_layer['regret'])} points.")
    assert ("LGA:" in text) == (over.recommended.selector != "lga")
    assert recommendation(summary(units, selectors=["brute-force"], draws=0)).startswith("No selector has a pick")


def test_terms_stand_beside_their_held_out_regret(over, units):
    before = summary(units, selectors=NAMES, in_sample=True, draws=50)
    for row, proxy, test in zip(forecast_table(before, over), before.selectors, over.selectors, strict=True):
        assert row["regret on the proxy"].startswith(f"{proxy.measures['regret'].value:.1f}")
        assert row["regret on held-out facts"].startswith(f"{test.measures['regret'].value:.1f}")


def test_a_set_without_a_pick_is_not_carried(units):
    table = carried_table(carried(units, "cma-mlp"))
    assert [set(row) for row in table] == [{"picked on", "Set world", "Set other"}] * 2
    assert table[1]["picked on"] == "Set other: layer n/a" and table[1]["Set world"] == "n/a"
    assert table[0]["Set other"].count("to") == 1


def test_sizes_that_a_selector_does_not_have_are_blank(units):
    firm = units[0].stability[0]
    early = {"near": None, "picks": (), "firm": None}  # as it was recorded before
    share, regret = np.array([np.nan, 0.5]), np.array([1.0, 2.0])
    short = replace(firm, title="Short", sizes=(1, 3), share=share, regret=regret, **early)
    table = stability_table((firm, short))
    assert [row["proxy facts"] for row in table] == ["1", "2", "3", "4", "8", "12"]
    assert [row["Short"] for row in table[:3]] == ["no pick", "n/a", "50 % the same, regret 2.0"]
    assert table[-1]["Brute force"].startswith(f"layer {firm.layer}, 100 % within one, regret ")
