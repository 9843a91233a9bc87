"""What the options of the layer scores are called, and which of them differ from the paper's."""

from collections.abc import Mapping
from typing import Any

from lga_core.results import Kind, Loss

KINDS: Mapping[Kind, str] = {"mlp": "MLP", "hidden": "hidden state", "attn": "attention"}
SCOPES = {"mlp": "all MLP weights", "mlp-down": "down projection", "attention": "attention", "block": "whole block"}
LOSSES: Mapping[Loss, str] = {"sequence": "whole sequence, the paper's", "answer": "answer alone"}
OLD = {"data": "the data's, where it has one", "model": "always the model's own"}
NORMALIZE = {"raw": "raw products", "cosine": "cosine"}
RANK = {"signed": "signed, the paper's", "magnitude": "by magnitude"}
KNOWN = {"all": "all", "known": "known only", "unknown": "unknown only"}


def loss_note(settings: Mapping[str, Any]) -> str:
    """Which loss LGA's gradients are of, for a heading; "" where the settings do not say."""
    return {"sequence": "loss of the whole sequence", "answer": "loss of the answer alone"}.get(
        settings.get("loss", ""), ""
    )


def differing_options(options: Mapping[str, Any]) -> str:
    """Those that are not the paper's, in words; "" where all are. `options`: `ScoreChoices` by name."""
    parts = []
    if options["scope"] != "mlp":
        parts.append(SCOPES[options["scope"]])
    if options["normalize"] != "raw":
        parts.append(NORMALIZE[options["normalize"]])
    if options["rank"] != "signed":
        parts.append(RANK[options["rank"]])
    if options["known"] != "all":
        parts.append(f"{options['known']} facts only")
    if options["loss"] != "sequence":
        parts.append(loss_note(options))
    if options["old"] != "data":
        parts.append("old answer the model's own")
    if options["fences"] is None:
        parts.append("no fences")
    elif options["fences"] != 1.0:
        parts.append(f"κ = {options['fences']:g}")
    if options["window"] is not None:
        parts.append(f"CMA window {options['window']}")
    return " · ".join(parts)
