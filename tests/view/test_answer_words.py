"""The answer in words: names, the row of each way to pick, the reason, and where the study's numbers are from."""

from dataclasses import replace

import pytest

from lga_core.results import Answer, Candidate, Cost, Estimate, Obstacle, PastWorth
from lga_core.view.words.scores.answer import (
    answer_rows,
    candidate_name,
    obstacles_sentence,
    past_sentence,
    recommendation,
)

LAST = Obstacle(layer=29, why="no path", facts=12, of=12)
PAST = PastWorth(
    regret=Estimate(value=3.2, low=1.0, high=5.2, n=12),
    like="this",
    units=("tiny/world",),
    facts=12,
    models=("tiny",),
    sets=("world (ours)",),
    editor="r-rome",
    proxy_facts=12,
)
LGA = Candidate(
    selector="lga",
    title="LGA",
    settings={},
    ranking=(29, 4),
    share=0.84,
    n_facts=12,
    cost=Cost(seconds=1.2, forward_rows=15, backward_rows=24),
    obstacle=LAST,
    past=PAST,
)
CMA = replace(LGA, selector="cma-mlp", title="CMA, MLP", ranking=(), share=None, reason="3 usable facts", obstacle=None)


@pytest.mark.parametrize(
    ("selector", "settings", "name"),
    [
        ("lga", {}, "LGA (loss of the answer alone)"),
        ("lga", {"loss": "sequence"}, "LGA (loss of the whole sequence)"),
        ("cma-mlp", {}, "CMA (MLP)"),
        ("brute-force", {}, "Sweep"),
    ],
)
def test_each_way_to_pick_is_named_and_lga_with_its_loss(selector, settings, name):
    assert candidate_name(selector, "CMA, MLP", settings) == name


def test_a_row_says_layer_firmness_worth_cost_and_what_is_wrong():
    first, second = answer_rows(Answer(candidates=(LGA, CMA), recommended=LGA, layer=4))
    assert list(first.values())[:5] == [
        "→ LGA (loss of the answer alone)",
        "29",
        "in 84 % of draws",
        "3.2 (1.0 to 5.2), n 12",
        "1.2 s, 39 rows",
    ]
    assert "cannot reach the answer" in first["note"]
    assert (second["layer"], second["firm"], second["note"]) == ("no pick", "n/a", "3 usable facts")
    (free,) = answer_rows(Answer(candidates=(replace(LGA, cost=Cost()),), recommended=None, layer=None))
    assert free["cost"] == "no cost"
    other = replace(LGA, ranking=(4,), obstacle=None, past=None, studied=False)
    (row,) = answer_rows(Answer(candidates=(other,), recommended=other, layer=4))
    assert (row["regret of such picks, points"], row["note"]) == ("n/a", "The study measured other options of it.")


def test_the_reason_is_the_studys_regret_and_says_which_layer_stands_for_a_pick_that_cannot_act():
    said = recommendation(Answer(candidates=(LGA,), recommended=LGA, layer=4))
    assert said.startswith(
        "Edit at layer 4, which LGA (loss of the answer alone) ranks next: at layer 29, the last one"
    )
    assert "a regret of 3.2 points (95 % interval 1.0 to 5.2)" in said and "least" not in said
    best = replace(LGA, ranking=(4,), obstacle=None)
    worse = replace(best, selector="cma-mlp", title="CMA, MLP", past=replace(PAST, regret=Estimate(value=9.0, n=12)))
    said = recommendation(Answer(candidates=(best, worse), recommended=best, layer=4))
    assert "the least of these" in said
    swept = replace(best, selector="brute-force", title="Brute force")
    said = recommendation(Answer(candidates=(swept,), recommended=swept, layer=4))
    assert said.startswith("Edit at layer 4, the pick of the sweep.")
    elsewhere = replace(worse, past=replace(worse.past, units=("tiny/zsre",)))
    said = recommendation(Answer(candidates=(best, elsewhere), recommended=best, layer=4))
    assert "least" not in said, "means over other units are not compared"
    assert "No method has picked" in recommendation(Answer(candidates=(CMA,), recommended=None, layer=None))


def test_a_mean_over_other_units_is_said_to_be_one():
    regret = replace(PAST.regret, n=90)
    any_unit = replace(PAST, like="any", units=tuple(f"tiny/{i}" for i in range(10)), facts=47, regret=regret)
    best = replace(LGA, ranking=(4,), obstacle=None, past=any_unit)
    said = past_sentence(Answer(candidates=(replace(CMA, past=None), best), recommended=best, layer=4))
    assert "has no unit of this model" in said and "on 47 held-out facts, judged 90 times in all" in said
    assert "latest units that were swept in one way and in which all of these have a pick (10, r-rome)" in said
    assert "at random" not in said
    random = replace(any_unit, regret=Estimate(value=5.5, low=4.0, high=7.0, n=90))
    developed = replace(best, past=replace(any_unit, developed_on="world (ours)"))
    said = past_sentence(Answer(candidates=(developed,), recommended=best, any_layer=random, layer=4))
    assert "A layer drawn at random: 5.5 (4.0 to 7.0)." in said
    assert said.endswith("was developed on world (ours), so that set is not held out for it.")
    assert past_sentence(Answer(candidates=(), recommended=None, layer=None)) == ""
    said = recommendation(Answer(candidates=(best,), recommended=best, layer=4))
    assert "as it has none of this model with this editor" in said
    of_model = replace(best, past=replace(any_unit, like="this model"))
    said = recommendation(Answer(candidates=(of_model,), recommended=of_model, layer=4))
    assert "of this model, as it has none of this set with this editor" in said
    few = replace(best, n_facts=4)
    said = recommendation(Answer(candidates=(few,), recommended=few, layer=4))
    assert "From 4 facts, under half of those of the study’s picks (12)" in said


def test_a_regret_of_picks_from_fewer_facts_than_the_studys_says_from_how_many_and_has_no_interval():
    drawn = replace(PAST, regret=Estimate(value=-0.2, n=12), drawn_from=(8,), proxy_facts=8)
    few = replace(LGA, ranking=(4,), obstacle=None, n_facts=9, past=drawn)
    answer = Answer(candidates=(few,), recommended=few, layer=4)
    (row,) = answer_rows(answer)
    assert (row["regret of such picks, points"], row["note"]) == ("-0.2, n 12; picks from 8 facts", "")
    said = recommendation(answer)
    assert "In the study such picks from 8 facts had a regret of -0.2 points, for this model" in said
    assert "interval" not in said and "under half" not in said
    assert "picks from as many facts, or the next fewer, drawn again from the study’s" in past_sentence(answer)
    assert "drawn again" not in past_sentence(Answer(candidates=(LGA,), recommended=LGA, layer=4))
    several = replace(few, past=replace(drawn, drawn_from=(5, 8)))
    assert "such picks from 5 to 8 facts had" in recommendation(replace(answer, recommended=several))


def test_layers_at_which_an_edit_cannot_act_are_named_together():
    silent = [Obstacle(layer=layer, why="no gain", facts=5, of=5) for layer in (1, 3)]
    said = obstacles_sentence({1: silent[0], 3: silent[1], 29: LAST})
    assert "layer 29" in said and "no gain at layers 1 and 3" in said
    assert obstacles_sentence({}) == ""
