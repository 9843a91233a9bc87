"""One fact's causal trace and its token attributions, and what many facts' traces say on average."""

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
class AverageTrace(ShownResult):
    """Average indirect effect (AIE) over facts at six kinds of token (ROME §2.2, figure 2; METHOD.md §2)."""

    kind: Kind
    window: int  # layers restored at once; 1 for hidden
    draws: int
    noise: float  # standard deviation of the noise
    positions: tuple[str, ...]  # what the rows are of: POSITIONS
    effect: Array  # (6, layers) mean over the facts that have the position; NaN where none has
    half_width: Array  # (6, layers) 1.96·sd/√n of the effect over these facts; NaN for fewer than two
    n: tuple[int, ...]  # (6,) facts that have the position
    total_effect: float  # p clean − p corrupted, mean over the facts
    records: tuple[int, ...]  # of the averaged facts
    own_answers: tuple[int, ...]  # those of them that were traced for the model's own first token
    left_out: Mapping[str, tuple[int, ...]]  # why -> records that were asked for and are not in it
    caution: str | None  # why not to build on it: too few usable facts
    cost: Cost = Cost()  # of the averaged traces

    @property
    def layers(self) -> int:
        return self.effect.shape[1]


POSITIONS = (
    "first subject token",
    "middle subject tokens",
    "last subject token",
    "first token after",
    "further tokens",
    "last token",
)


@dataclass(frozen=True, kw_only=True)
class TokenAttribution(ShownResult):
    """Captum's attribution of log p(answer) to the prompt's tokens."""

    record: int
    tokens: tuple[str, ...]
    answers: Mapping[str, str]  # "old" / "new" -> answer text
    scores: Mapping[str, Array]  # "old" / "new" -> (tokens,)
    n_steps: int
    cost: Cost = Cost()
