"""The sentences and cards of a sweep: time, the recommendation, what cannot be had."""

from dataclasses import replace

import pytest
from view.made_sweep import cell, picks, sweep, worth

from lga_core.results import METRICS, Cost, Estimate, Sweep
from lga_core.view.words.sweep import sentences as sweep_words
from lga_core.view.words.sweep.cards import sweep_cards
from lga_core.worth.judging import judge


def test_the_figure_in_words_names_the_picks_and_the_best_layer():
    judged_sweep = worth(sweep())
    text = sweep_words.figure_in_words(judged_sweep)
    assert f"Layer {judged_sweep.best_layer} is the best on average. LGA picks layer" in text
    assert "is the best" not in sweep_words.figure_in_words(replace(judged_sweep, best_layer=None, selectors=()))


def test_time_is_not_known_before_the_first_batch_and_is_projected_after_it():
    assert sweep_words.remaining([sweep(of=0)]) == (0, 216, None)
    assert "not known yet" in sweep_words.remaining_sentence([sweep(of=0)])
    assert sweep_words.remaining([sweep(of=16), sweep(of=0)]) == (16, 432, pytest.approx(1.5 * 416))
    assert sweep_words.remaining([]) == (0, 0, None)
    assert "at 1.5 s each" in sweep_words.remaining_sentence([sweep(of=16)])
    assert sweep_words.remaining_sentence([sweep()]) == "All 216 edits are measured."


def test_a_layer_that_is_measured_tells_its_own_pace():
    made = [
        replace(cell(record, layer, dict.fromkeys(METRICS, 50.0)), cost=Cost(seconds=seconds))
        for record, layer, seconds in ((0, 0, 4.0), (1, 0, 6.0), (0, 1, 2.0))
    ]
    of = Sweep.of(made, range(4), range(3), "r-rome", {})
    assert sweep_words.remaining([of]) == (3, 12, pytest.approx(2 * 5.0 + 3 * 2.0 + 4 * 4.0))


def judged(regrets, seconds, *, in_sample=False):
    """Selectors with given picks on a sweep whose layers lose 0, 10, 20 … points."""
    of = Sweep.of(
        [cell(record, layer, dict.fromkeys(METRICS, 90.0 - 10 * layer)) for record in range(4) for layer in range(5)],
        range(4),
        range(5),
        "r-rome",
        {},
    )
    base = picks(of)
    made = [
        replace(
            base[0],
            selector=name,
            title=name.upper(),
            layer=layer,
            own_layer=layer,
            ranking=(layer,),
            cost=Cost(seconds=seconds[name]),
        )
        for name, layer in regrets.items()
    ]
    return judge([*made, base[-1]], of, in_sample=in_sample, draws=20)


def test_the_recommendation_names_the_lowest_regret_and_says_where_it_was_judged():
    verdict = judged({"lga": 2, "forecast": 1}, {"lga": 1.0, "forecast": 3.0})
    text = sweep_words.recommendation(verdict)
    assert text.startswith("FORECAST loses least of 2 selectors: layer 1 is 10.0 points below the best layer")
    assert "on 4 facts held out from the picks, found 10 times faster than by the sweep." in text
    assert "LGA: layer 2, 20.0 points below the best layer" in text
    assert "in-sample, so flattering" in sweep_words.recommendation(judged({"lga": 2}, {"lga": 1.0}, in_sample=True))


def test_a_pick_above_what_halves_name_and_one_of_too_few_facts_say_so():
    verdict = judged({"lga": 2}, {"lga": 1.0})
    lga = verdict.selectors[0]
    above = replace(lga, regret=Estimate(value=-2.0, low=-4.0, high=1.0, n=4))
    text = sweep_words.recommendation(replace(verdict, selectors=(above,)))
    assert "layer 2 is 2.0 points above the layer that half of the facts name as the best" in text
    few = sweep_words.recommendation(replace(verdict, selectors=(replace(lga, regret=Estimate()),)))
    assert "layer 2 is at Overall 70.0 (70.0 to 70.0) %, with too few facts for a regret" in few


def test_among_equals_the_cheapest_is_named_and_the_others_counted():
    verdict = judged({"lga": 0, "forecast": 0, "middle": 0}, {"lga": 2.0, "forecast": 1.0, "middle": 3.0})
    assert sweep_words.recommended(verdict).pick.selector == "forecast"
    assert "layer 0 is the best layer" in sweep_words.recommendation(verdict)
    assert "So do 2 others, LGA among them." in sweep_words.recommendation(verdict)


def test_the_sweep_itself_is_never_recommended_and_without_scores_nothing_is():
    of = sweep()
    alone = judge([picks(of)[-1]], of, in_sample=True, draws=5)
    assert sweep_words.recommended(alone) is None and "No selector can be judged" in sweep_words.recommendation(alone)
    assert "is optimistic" in sweep_words.optimum_sentence(alone)
    none = judge([], sweep(of=5), in_sample=True)
    assert none.best_layer is None and "No fact is measured" in sweep_words.optimum_sentence(none)


def test_cards_say_of_what_reading_a_pick_is_and_what_cannot_be_had_has_no_unit():
    of = sweep()
    cards = {card.label: card for card in sweep_cards(worth(of), of)}
    assert "With the default options, of the facts that can be edited." in cards["Golden layer"].help
    assert cards["Optimum"].value.endswith(" %") and cards["Best layer"].below.endswith(" %")
    begun = sweep(of=5)
    cards = {card.label: card for card in sweep_cards(judge([], begun, in_sample=True), begun)}
    assert (cards["Best layer"].below, cards["Optimum"].value) == ("Overall n/a", "n/a")
    assert not [card for card in cards.values() if "n/a %" in f"{card.value} {card.below} {card.help}"]


def test_a_layer_that_stands_for_one_that_was_not_swept_is_explained_by_its_own_number():
    judged = worth(sweep(n=4, layers=4))
    assert sweep_words.stand_in_sentence(judged) == ""
    first, *others = judged.selectors
    restricted = replace(first, pick=replace(first.pick, own_layer=3, layer=1))
    said = sweep_words.stand_in_sentence(replace(judged, selectors=(restricted, *others)))
    assert said == "3 → 1: layer 3 was not swept; the best-ranked layer that was stands for it."
