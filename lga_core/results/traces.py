"""One fact's causal trace and its token attributions."""

from collections.abc import Mapping
from dataclasses import dataclass

from lga_core.results.base import Array, Cost, Kind, OldSource, ShownResult


@dataclass(frozen=True, kw_only=True)
class CausalTrace(ShownResult):
    """One fact's causal trace: the indirect effect of restoring each (token, layer) (ROME §2.1)."""

    record: int
    kind: Kind
    window: int  # layers restored at once; 1 for hidden
    prompt: str
    tokens: tuple[str, ...]  # as text, one per prompt token
    subject: tuple[int, int]  # token span of the subject, end exclusive
    answer: str  # the traced first token
    answer_source: OldSource
    p_clean: float
    p_corrupted: float  # mean over draws
    noise: float  # standard deviation of the noise
    draws: int
    effect: Array  # (tokens, layers) mean indirect effect over draws
    patching: Array | None = None  # (tokens, layers) attribution-patching estimate, where asked for
    cost: Cost = Cost()

    @property
    def total_effect(self) -> float:
        return self.p_clean - self.p_corrupted


@dataclass(frozen=True, kw_only=True)
class TokenAttribution(ShownResult):
    """Captum's attribution of log p(answer) to the prompt's tokens."""

    record: int
    tokens: tuple[str, ...]
    answers: Mapping[str, str]  # "old" / "new" -> answer text
    scores: Mapping[str, Array]  # "old" / "new" -> (tokens,)
    n_steps: int
    cost: Cost = Cost()
