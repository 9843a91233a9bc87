"""Sentences say what the numbers say."""

from dataclasses import replace

import numpy as np
import pytest
from view.made import lga_scores

from lga_core.results import Bootstrap, Cost, Selection
from lga_core.scores.selection import no_pick, signs
from lga_core.view.words import sentences as words


def picking(scores, golden, others=()):
    layers = (golden, *others)
    return replace(
        scores,
        selection=Selection(golden_layer=golden, golden_layers=layers, ranking=layers, excluded_layers={}, fences=None),
    )


def test_the_pick():
    lga = lga_scores(unused=(3, 20))
    assert words.pick_sentence(picking(lga, 11, (3, 10))) == "LGA picks layer 11, next 3 and 10, from 30 facts."
    assert words.pick_sentence(picking(lga, 11)) == "LGA picks layer 11, from 30 facts."
    assert words.pick_sentence(replace(lga, selection=no_pick("5 usable facts, at least 8 are needed"))) == (
        "LGA has no pick: 5 usable facts, at least 8 are needed."
    )


@pytest.mark.parametrize(
    ("low", "high", "margin", "told"),
    [
        (3, 12, 1.44, "95 % of picks lie in layers 3 to 12; margin over the second 1.4 standard deviations."),
        (11, 11, None, "always layer 11."),
    ],
)
def test_how_firm_the_pick_is(low, high, margin, told):
    share = np.zeros(18)
    share[11] = 0.842
    lga = replace(
        picking(lga_scores(), 11),
        bootstrap=Bootstrap(draws=1000, seed=0, share=share, low=low, high=high, margin=margin),
    )
    assert words.firmness_sentence(lga) == f"Layer 11 is the pick in 84 % of 1,000 draws of the facts; {told}"
    assert words.firmness_sentence(replace(lga, bootstrap=None)) is None


def test_the_reason_for_negative_signs_is_given_where_it_is_one():
    lga = lga_scores(negative=True)
    positive = replace(lga, per_fact=-lga.per_fact, total=-lga.total)
    answer, sequence = ({"loss": loss} for loss in ("answer", "sequence"))
    assert "that the model knows" in words.sign_reason(replace(lga, settings=answer), signs(lga))
    assert words.sign_reason(replace(positive, settings=answer), signs(positive)) == ""
    assert "never negative" in words.sign_reason(replace(positive, settings=sequence), signs(positive))


def test_the_sign_sentence_follows_the_signs():
    negative = lga_scores(negative=True)
    assert words.sign_sentence(negative, signs(negative)) == (
        "Every S is negative: the signed order lists the smallest gradients first; 100 % of the cells are negative."
    )
    positive = replace(negative, per_fact=-negative.per_fact, total=-negative.total)
    assert words.sign_sentence(positive, signs(positive)) == (
        "No cell is negative: the signed order lists the largest products first."
    )
    assert words.known_sentence(signs(positive)) == ""
    above = replace(negative, total=-negative.total)
    assert words.sign_sentence(above, signs(above)).startswith("No S is negative: the signed order ")
    mixed = replace(negative, total=np.where(np.arange(18) < 5, 1.0, -1.0))
    assert words.sign_sentence(mixed, signs(mixed)).startswith("S is negative at 13 of 18 layers;")


def test_s_split_by_known_and_unknown_facts():
    lga = lga_scores(10, 4, unused=(), negative=True)
    assert words.known_sentence(signs(lga)) == (
        "Over 8 known facts S is negative at 4 of 4 layers, over 2 unknown facts S is negative at 4 of 4 layers."
    )
    unasked = replace(lga, rows=tuple(replace(row, known=None) for row in lga.rows))
    assert "they name no old answer" in words.known_sentence(signs(unasked))


def test_reasons():
    lga = lga_scores(unused=(3, 20))
    lines = words.excluded_reasons(lga)
    assert len(lines) == len(lga.selection.excluded_layers) > 0
    assert all("is below the lower fence, −" in line for line in lines)
    assert words.unused_reasons(lga) == {"the model does not know this fact": [3, 20]}


def test_cost():
    assert words.cost_sentence("LGA", Cost(seconds=3.14, forward_rows=64, backward_rows=64)) == (
        "LGA 3.1 s, 64 forward and 64 backward rows"
    )
    assert words.cost_sentence("CMA", Cost(seconds=58.2, forward_rows=5000.4)) == "CMA 58 s, 5,000 forward rows"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (float("inf"), ""),
        (0.2, "1 s left"),
        (8.4, "9 s left"),
        (90, "90 s left"),
        (91, "2 min left"),
        (5400, "90 min left"),
        (5401, "2 h left"),
    ],
)
def test_time_left(seconds, text):
    assert words.time_left(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (58, "58 s"),
        (119.7, "2 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0003, "0.1 %"),
        (0.5, "50 %"),
        (0.9999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(share, text):
    assert words.percent(share) == text
