"""What an address opens: the parts that it has beside the widgets bound to it, and what a new tab begins with."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from lga_core.data.asked import MOST_LAYERS

FACT = "fact"  # the chosen record
LAYERS = "layers"  # the chosen layers, "11,12"
RUN = "run"  # the stored run that is shown, by the beginning of its key
RUN_LETTERS = 16  # of a run's key: enough to tell it from all others

First = Literal["linked run", "stored answer", "last runs"]


def linked_fact(address: Mapping[str, str]) -> int | None:
    """The record that a link names. What is no number there is ignored, as Streamlit does with its own."""
    with suppress(ValueError):
        return int(address[FACT]) if FACT in address else None
    return None


def linked_layers(address: Mapping[str, str]) -> list[int]:
    """The layers that a link names, in order; none where one of them is no number."""
    with suppress(ValueError):
        layers = {int(part) for part in address.get(LAYERS, "").split(",") if part.strip()}
        return sorted(layer for layer in layers if 0 <= layer < MOST_LAYERS)
    return []


def first_view(*, linked_run: str | None, tabs_run: str | None, link_asks: bool, begun: bool) -> First | None:
    """What a tab opens with; None: what it shows already.

    A run in the address that is not the tab's own is a link, and so is a question without a run.

    `linked_run`: as the address that was opened names it. `tabs_run`: the key of the one that the tab showed last.
    `link_asks`: that address has a question or options. `begun`: the tab has its own results, or something was chosen
    or asked by now.
    """
    if linked_run:
        return "linked run" if not (tabs_run or "").startswith(linked_run) else None
    if link_asks:
        return "stored answer"
    return None if begun else "last runs"
