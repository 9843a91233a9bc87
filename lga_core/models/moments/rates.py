"""How fast a model read and wrote text when it last did, on this machine: what a plan's seconds are made of."""

import json
from contextlib import suppress
from typing import Literal

from lga_core.errors import LgaError
from lga_core.models.sources.derived import Identified, derived_path, keep, kept_json

What = Literal["reading", "writing"]
_NAME = "rates.json"


def rate(model: Identified, what: What) -> float | None:
    """Tokens a second; None where it was never measured on this machine."""
    return _kept(model).get(model.machine, {}).get(what)


def note_rate(model: Identified, what: What, tokens: float, seconds: float) -> None:
    """Keep a measured rate. Nothing was measured where no token was read."""
    if tokens <= 0 or seconds <= 0:
        return
    rates = _kept(model)
    rates.setdefault(model.machine, {})[what] = tokens / seconds
    keep(derived_path(model, _NAME), lambda place: place.write_text(json.dumps(rates)))


def _kept(model: Identified) -> dict[str, dict[str, float]]:
    with suppress(LgaError):  # a plan without seconds is better than none
        return kept_json(derived_path(model, _NAME), dict[str, dict[str, float]]) or {}
    return {}
