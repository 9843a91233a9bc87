"""The options of the golden-layers page without their widgets: what each is at first, how an address names them, and
the choices that they make.

An option goes by the key of its widget, which is also its name in an address.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lga_core.service.reading.method_scores import ROME_WINDOW, ScoreChoices
from lga_core.view.words.scores.options import KINDS, OPTIONS

MEASURED = ("cma", "window_10", "loss", "old")  # those that decide what is measured
MOST_KAPPA = 10.0


def option_key(name: str) -> str:
    """The key of the option that is this field of `ScoreChoices`. "known" is the sidebar's choice of facts."""
    return "facts_read" if name == "known" else name


def option_names(key: str) -> Mapping[Any, str]:
    """What the values of an option are called."""
    return KINDS if key == "cma" else OPTIONS["known" if key == "facts_read" else key][1]


FIRST: Mapping[str, Any] = {  # what each is at first
    "window_10": False,
    "fenced": True,
    "kappa": 1.0,
    **{key: next(iter(option_names(key))) for key in ("cma", *map(option_key, OPTIONS))},
}


def option_value(key: str, words: str) -> Any:
    """An option by its value or by what that is called; what it is at first for what is neither."""
    first = FIRST[key]
    if isinstance(first, bool):
        return {"true": True, "false": False}.get(words.lower(), first)
    if isinstance(first, float):
        with suppress(ValueError):
            return kappa if 0 <= (kappa := float(words)) <= MOST_KAPPA else first
        return first
    return next((value for value, name in option_names(key).items() if words in (value, name)), first)


def options_in_words(values: Mapping[str, Any]) -> str:
    """Those that are not as at first, for an address: "kappa:2.0,loss:answer"."""
    return ",".join(f"{key}:{values[key]}" for key, first in FIRST.items() if values[key] != first)


def options_in(words: str) -> dict[str, Any]:
    """The options that such a text of an address names."""
    parts = (part.partition(":") for part in words.split(","))
    return {key: option_value(key, value) for key, _, value in parts if key in FIRST}


def score_choices(values: Mapping[str, Any], seed: int) -> ScoreChoices:
    """The choices that the options make, all of which `values` has."""
    return ScoreChoices(
        seed=seed,
        kind=values["cma"],
        window=ROME_WINDOW if values["window_10"] else None,
        fences=values["kappa"] if values["fenced"] else None,
        **{name: values[option_key(name)] for name in OPTIONS},
    )
