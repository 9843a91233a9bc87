"""The answer in words: a row a way to pick, one sentence for the one to follow, and why a layer cannot be edited at."""

from collections.abc import Mapping
from typing import Any

from lga_core.results import Answer, Candidate, Obstacle, PastWorth
from lga_core.view.words.scores.options import loss_note
from lga_core.view.words.sentences import duration, percent, without_comma
from lga_core.view.words.sweep.sentences import BRUTE_FORCE, points
from lga_core.view.words.text import capitalized, count, listed

_REGRET = "points of Overall below the layer that is best on half of the facts, measured on the other half"


def candidate_name(selector: str, title: str, settings: Mapping[str, Any]) -> str:
    """ "LGA (loss of the whole sequence)", "CMA (MLP)", "Forecast", "Sweep"."""
    if selector == "lga":
        return f"LGA ({loss_note({'loss': 'answer', **settings})})"  # earlier runs, of the answer's loss, do not say it
    if selector == BRUTE_FORCE:
        return "Sweep"
    return without_comma(title)


def answer_rows(answer: Answer) -> list[dict[str, str]]:
    """The table: who picks, which layer, how firmly, what such picks were worth, what it cost, and a note."""
    return [
        {
            "picked by": ("→ " if item is answer.recommended else "") + _name(item),
            "layer": "no pick" if item.layer is None else f"{item.layer}",
            "firm": "n/a" if item.share is None else f"in {percent(item.share)} of draws",
            "regret of such picks, points": _worth(item.past),
            "cost": _cost(item),
            "note": _note(item),
        }
        for item in answer.candidates
    ]


def recommendation(answer: Answer) -> str:
    """Which layer to take, and why."""
    best, layer = answer.recommended, answer.layer
    if best is None or layer is None:
        return "No method has picked a layer at which an edit can act."
    text = f"Edit at layer {layer}, "
    if layer == best.layer:
        text += f"the pick of {_in_sentence(best)}."
    else:
        text += f"which {_in_sentence(best)} ranks next: {obstacle_sentence(best.obstacle)}"
    past = best.past
    if past is None or past.regret.value is None:
        return f"{text} The study says nothing about such picks."
    compared = [item.past for item in answer.candidates if item.layer is not None and item.past is not None]
    alike = len(compared) > 1 and len({item.units for item in compared}) == 1  # means over other units do not compare
    least = alike and past.regret.value == min(item.regret.value for item in compared if item.regret.value is not None)
    such = f"such picks{_from(past)} had {_regret(past)}"
    return f"{text} In the study {such}{', the least of these' if least else ''}.{_fewer(best)}"


def past_sentence(answer: Answer) -> str:
    """Where the numbers of the study are from, what regret is, and what a layer drawn at random has; "" without any."""
    found = [item.past for item in answer.candidates if item.past is not None]
    if not found:
        return ""
    past = answer.any_layer or found[0]
    if past.like == "this":
        text = f"Regret, on {_judged_on(past)} of {past.sets[0]} ({past.editor}): {_REGRET}."
    else:
        own = f"{past.models[0]} units" if past.like == "this model" else "units"
        alike = f"the latest {own} that were swept in one way"
        which = f"{alike} and in which all of these have a pick" if len({item.units for item in found}) == 1 else alike
        text = (
            f"The study has no unit of this {'set' if past.like == 'this model' else 'model'} with this editor. "
            f"Regret, mean over {which} ({len(past.units)}, {past.editor}), on {_judged_on(past)}: {_REGRET}."
        )
    if any(item.drawn_from for item in found):
        text += (
            " Where a pick is from fewer facts than the study’s, the regret is that of picks from as many facts, or "
            "the next fewer, drawn again from the study’s: their mean, of which no interval is kept."
        )
    if answer.any_layer is not None:
        text += f" A layer drawn at random: {points(answer.any_layer.regret)}."
    for item in answer.candidates:
        if item.past is not None and item.past.developed_on is not None:
            text += f" {_name(item)} was developed on {item.past.developed_on}, so that set is not held out for it."
    return text


def _judged_on(past: PastWorth) -> str:
    """The facts behind a regret. Several units may be judged on the same ones."""
    facts = count(past.facts, "held-out fact")
    return facts if past.regret.n == past.facts else f"{facts}, judged {past.regret.n} times in all"


def obstacle_sentence(obstacle: Obstacle | None) -> str:
    """Why an edit there cannot act; "" where it can."""
    if obstacle is None:
        return ""
    if obstacle.why == "no path":
        of = "" if obstacle.facts == obstacle.of else f" (for {obstacle.facts} of {count(obstacle.of, 'fact')})"
        return (
            f"at layer {obstacle.layer}, the last one, no attention follows, so an edit of the subject cannot reach "
            f"the answer{of}."
        )
    return f"at layer {obstacle.layer} the forecast expects no gain, mean over {count(obstacle.facts, 'fact')}."


def obstacles_sentence(obstacles: Mapping[int, Obstacle]) -> str:
    """The layers at which an edit cannot act, all in one line; "" where there is none."""
    if not obstacles:
        return ""
    parts = [obstacle_sentence(item).rstrip(".") for item in obstacles.values() if item.why == "no path"]
    silent = [layer for layer, item in obstacles.items() if item.why == "no gain"]
    if silent:
        parts.append(f"the forecast expects no gain at layer{'s' if len(silent) > 1 else ''} {listed(silent)}")
    text = "; ".join(parts)
    return f"{capitalized(text)}."


def _name(item: Candidate) -> str:
    return candidate_name(item.selector, item.title, item.settings)


def _in_sentence(item: Candidate) -> str:
    """ "LGA (loss of the whole sequence)", "the forecast", "the sweep"."""
    name = _name(item)
    return f"the {name.lower()}" if item.selector in ("forecast", "middle", BRUTE_FORCE) else name


def _worth(past: PastWorth | None) -> str:
    if past is None:
        return "n/a"
    return f"{points(past.regret)}, n {past.regret.n}" + (f"; picks{_from(past)}" if past.drawn_from else "")


def _from(past: PastWorth) -> str:
    """ " from 8 facts", " from 8 to 12 facts": of picks drawn again from fewer than the study's; "" of its own."""
    if not past.drawn_from:
        return ""
    fewest, most = past.drawn_from[0], past.drawn_from[-1]
    return f" from {count(most, 'fact')}" if fewest == most else f" from {fewest} to {most} facts"


def _cost(item: Candidate) -> str:
    if not item.cost.seconds and not item.cost.rows:
        return "no cost"
    return f"{duration(item.cost.seconds)}, {item.cost.rows:,.0f} rows"


def _note(item: Candidate) -> str:
    if item.layer is None:
        return item.reason or ""
    sentence = obstacle_sentence(item.obstacle)
    if sentence:
        return f"{sentence[:1].upper()}{sentence[1:]}"
    return _fewer(item).strip() if item.studied else "The study measured other options of it."


def _fewer(item: Candidate) -> str:
    if not item.fewer_facts or item.past is None:
        return ""
    return f" From {count(item.n_facts, 'fact')}, under half of those of the study’s picks ({item.past.proxy_facts})."


def _regret(past: PastWorth) -> str:
    regret = past.regret
    span = "" if regret.low is None else f" (95 % interval {regret.low:.1f} to {regret.high:.1f})"
    where = {
        "this": f"for this model, set and editor ({past.editor})",
        "this model": f"on average over {count(len(past.units), 'unit')} of this model, as it has none of this set "
        "with this editor",
        "any": f"on average over {count(len(past.units), 'unit')}, as it has none of this model with this editor",
    }[past.like]
    return f"a regret of {regret.value:.1f} points{span}, {where}, on {_judged_on(past)}"
