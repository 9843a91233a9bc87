"""An edit's numbers in words, and whether its second moments are at hand."""

import math
from dataclasses import replace

from view.made_sweep import cell

from lga_core.results import METRICS, MemoryEstimate, Metric, Sweep
from lga_core.service.reading.every_layer import EveryLayer
from lga_core.view.words.edits.sentences import (
    before_after,
    best_layer_sentence,
    moment_sentence,
    relative_error,
)
from lga_core.view.words.text import fixed


def metric(teacher_forced: float | None, free: float | None = None, n: int = 1) -> Metric:
    return Metric(teacher_forced=teacher_forced, free=free, n=n)


def test_percentages_before_and_after():
    assert before_after(metric(0.0, 50.0), metric(99.6, None), "teacher_forced") == "0 → 100"
    assert before_after(metric(0.0, 50.0), metric(99.6, None), "free") == "50 → n/a"
    assert before_after(metric(None), metric(None, n=0), "free") == "n/a"
    assert fixed(None) == "n/a" and relative_error(None) == relative_error(math.inf) == "n/a"
    assert relative_error(1.23e-5) == "1.2e-05"


def test_whether_the_second_moments_are_at_hand():
    need = MemoryEstimate(where="cpu", free=1, second_moments=1)
    assert moment_sentence(replace(need, second_moments=0)) is None
    assert moment_sentence(need) == "The second moments C are at hand."
    assert moment_sentence(replace(need, to_collect=(1, 3))) == (
        "The second moment C of layers 1 and 3 is collected first, and kept for later edits."
    )


def test_the_best_layers_of_one_fact_are_named_with_their_ties():
    made = [cell(0, layer, dict.fromkeys(METRICS, value)) for layer, value in enumerate((20.0, 60.0, 60.0))]
    tied = Sweep.of(made, [0], range(3), "r-rome", {})
    assert best_layer_sentence(tied, None, 1) == "The best layer for this fact is named when every layer is measured."
    both = "Best for this fact: layers 1 and 2, Overall 60 % each."
    assert best_layer_sentence(tied, 1, 2) == f"{both} Among them is 2, the golden layer of the last scores."
    assert best_layer_sentence(tied, 1, 0) == f"{both} Golden layer of the last scores: 0, Overall 20 %."
    alone = Sweep.of(made[:2], [0], range(2), "r-rome", {})
    one = "Best for this fact: layer 1, Overall 60 %."
    assert best_layer_sentence(alone, 1, 1) == f"{one} It is the golden layer of the last scores too."
    assert best_layer_sentence(alone, 1, None) == f"{one} No golden layer is known yet: score the layers first."


def test_a_best_layer_that_others_share_but_for_rounding_is_tied_with_them():
    shares = (100.0, 100 / 3, 200 / 3, 100 / 7)
    made = [
        cell(0, layer, dict(zip(METRICS, (shares[0], shares[a], shares[b], shares[3]), strict=True)))
        for layer, (a, b) in enumerate(((1, 2), (2, 1)))
    ]
    of = Sweep.of(made, [0], range(2), "r-rome", {})
    assert of.overall[0, 0] < of.overall[0, 1], "by the last bit"
    best = EveryLayer(sweep=of, stored=None, scores={}).best
    assert best == 0 and best_layer_sentence(of, best, None).startswith("Best for this fact: layers 0 and 1, Overall")
