"""A prompt of one's own before and after edits: texts, next tokens, and the layer-by-layer prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lga_core.results.base import Cost, Result


@dataclass(frozen=True, kw_only=True)
class TokenChoice(Result):
    """One token that may come next."""

    token: str  # as text; a part of a character as its vocabulary entry
    id: int
    probability: float


@dataclass(frozen=True, kw_only=True)
class LensLayer(Result):
    """What one block's output would say next, read through the final norm and the head (the logit lens)."""

    layer: int
    choices: tuple[TokenChoice, ...]  # the most probable first; none where an edit broke the model


@dataclass(frozen=True, kw_only=True)
class SideBySide(Result):
    """The playground's two texts so far."""

    text_before: str
    text_after: str


@dataclass(frozen=True, kw_only=True)
class PlaygroundReport(Result):
    """One prompt put to the original and to the edited model, with the same seed."""

    prompt: str
    given: str  # what the model was given: the prompt, or the chat template around it
    settings: Mapping[str, Any]
    text_before: str
    text_after: str
    next_before: tuple[TokenChoice, ...]  # after the prompt, the most probable first
    next_after: tuple[TokenChoice, ...]
    lens_before: tuple[LensLayer, ...]  # after the prompt, one a block
    lens_after: tuple[LensLayer, ...]
    cost: Cost = Cost()
