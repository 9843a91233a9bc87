"""The readings of LGA beside each other: which loss, and which old answer (METHOD.md §1). No model, no torch."""

from dataclasses import replace
from typing import get_args

from lga_core.results import Loss, OldSource
from lga_core.service.reading.method_scores import LGA, ScoreChoices, agreement, method_scores
from lga_core.service.reading.stored import ScoredFacts
from lga_core.service.requests import Need
from lga_core.view.words.scores.options import option_words


def readings(choices: ScoreChoices) -> tuple[ScoreChoices, ...]:
    """The same choices with every loss and every old answer."""
    return tuple(replace(choices, loss=loss, old=old) for loss in get_args(Loss) for old in get_args(OldSource))


def reading_needs(choices: ScoreChoices) -> tuple[Need, ...]:
    """What the readings are read from: one measurement each."""
    return tuple(item.need("gradients") for item in readings(choices))


def reading_rows(known: ScoredFacts, choices: ScoreChoices) -> list[dict[str, object]]:
    """Each reading's pick, how firm it is, and how it agrees with the one that is shown; None where not measured."""
    shown = method_scores(known, choices, LGA)
    rows: list[dict[str, object]] = []
    for reading in readings(choices):
        item = method_scores(known, reading, LGA)
        scores = item.scores if item is not None else None
        share = scores.share if scores is not None else None
        note = "" if item is None or not item.partial else "partial"
        rows.append(
            {
                "loss": option_words("loss", reading.loss),
                "old answer": option_words("old", reading.old),
                "pick": scores.selection.golden_layer if scores is not None else None,
                "picked in, %": None if share is None else 100 * share,
                "ρ with the one shown": None if reading == choices else agreement(shown, item),
                "facts": scores.n_facts if scores is not None else None,
                "note": "not measured yet" if item is None else "shown" if reading == choices else note,
            }
        )
    return rows


def unmeasured_readings(known: ScoredFacts, choices: ScoreChoices) -> tuple[Need, ...]:
    """The measurements of readings that have no row yet, or not all of them."""
    return tuple(
        need for need in reading_needs(choices) if need not in known.measured or not known.measured[need][1].complete
    )
