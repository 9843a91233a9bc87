"""The options of the layer scores: what each and its choices are called, and which differ from the paper's."""

from collections.abc import Mapping
from typing import Any

from lga_core.results import Kind
from lga_core.view.words.names import restored_title

_KINDS: tuple[Kind, ...] = ("mlp", "hidden", "attn")  # ROME’s own choice first
KINDS: Mapping[Kind, str] = {kind: restored_title(kind) for kind in _KINDS}
# Field of `ScoreChoices` -> its label, and what its choices are called; the first one is the paper's.
OPTIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "scope": (
        "LGA weights",
        {"mlp": "all MLP weights", "mlp-down": "down projection", "attention": "attention", "block": "whole block"},
    ),
    "normalize": ("Products", {"raw": "raw products", "cosine": "cosine"}),
    "rank": ("Order of the totals", {"signed": "signed, the paper's", "magnitude": "by magnitude"}),
    "known": ("Facts that count", {"all": "all", "known": "known only", "unknown": "unknown only"}),
    "loss": ("LGA loss", {"sequence": "whole sequence, the paper's", "answer": "answer alone"}),
    "old": ("Old answer", {"data": "the data's, where it has one", "model": "always the model's own"}),
}


def option_words(name: str, value: str) -> str:
    """What a choice is called."""
    return OPTIONS[name][1][value]


def loss_note(settings: Mapping[str, Any]) -> str:
    """Which loss LGA's gradients are of, for a heading; "" where the settings do not say."""
    notes = {"sequence": "loss of the whole sequence", "answer": "loss of the answer alone"}
    return notes.get(settings.get("loss", ""), "")


def differing_options(options: Mapping[str, Any]) -> str:
    """Those that are not the paper's, in words; "" where all are. `options`: `ScoreChoices` by name."""
    parts = [
        f"{label}: {names[options[name]]}"
        for name, (label, names) in OPTIONS.items()
        if options[name] != next(iter(names))
    ]
    if options["fences"] is None:
        parts.append("no fences")
    elif options["fences"] != 1.0:
        parts.append(f"κ = {options['fences']:g}")
    if options["window"] is not None:
        parts.append(f"CMA window {options['window']}")
    return " · ".join(parts)
