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
    units=1,
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
    assert "No method has picked" in recommendation(Answer(candidates=(CMA,), recommended=None, layer=None))


def test_a_mean_over_other_units_is_said_to_be_one():
    any_unit = replace(PAST, like="any", units=10)
    assert "has no unit of this model" in past_sentence(any_unit) and "10 units" in past_sentence(any_unit)
    best = replace(LGA, ranking=(4,), obstacle=None, past=any_unit)
    assert "it has none of this model" in recommendation(Answer(candidates=(best,), recommended=best, layer=4))
    few = replace(best, n_facts=4)
    assert "From 4 facts" in recommendation(Answer(candidates=(few,), recommended=few, layer=4))


def test_layers_at_which_an_edit_cannot_act_are_named_together():
    silent = [Obstacle(layer=layer, why="no gain", facts=5, of=5) for layer in (1, 3)]
    said = obstacles_sentence({1: silent[0], 3: silent[1], 29: LAST})
    assert "layer 29" in said and "no gain at layers 1 and 3" in said
    assert obstacles_sentence({}) == ""
