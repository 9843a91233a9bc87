"""The results that everything passes around: frozen, plain arrays, each with where it came from.

The engine makes them, the store keeps them, the figures, the command line and the pages show them.
Nothing is computed here. A value that cannot be had is NaN inside an array and `null` in JSON, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, ConfigDict, PlainSerializer, TypeAdapter


def _to_array(value: Any) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)  # None becomes NaN
    array.setflags(write=False)
    return array


def _to_lists(array: np.ndarray) -> Any:
    return np.where(np.isnan(array), None, array).tolist()


Array = Annotated[np.ndarray, BeforeValidator(_to_array), PlainSerializer(_to_lists, when_used="json")]
"""A read-only float64 array; JSON nested lists with null for NaN, exact both ways."""

Kind = Literal["hidden", "mlp", "attn"]
OldSource = Literal["data", "model"]
POSITIONS = ("first subject", "middle subject", "last subject", "first after", "further", "last")
"""The six token positions over which ROME averages indirect effects (ROME §2.1)."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Base of all results: allows arrays, and gives each class an exact JSON form."""

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)

    def to_json(self) -> str:
        return TypeAdapter(type(self)).dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes):
        return TypeAdapter(cls).validate_json(text)


@dataclass(frozen=True, kw_only=True)
class Provenance(Result):
    """What a number was measured with; two equal `key` fields are the same question."""

    key: str                      # sha256 over everything that determines the answer
    model: str                    # the name the user gave
    model_fingerprint: str
    facts: str                    # name of the fact set
    facts_fingerprint: str        # of the facts asked for, in order
    method: str
    method_version: int
    settings: Mapping[str, Any]
    packages: Mapping[str, str]   # name -> version
    machine: str                  # device and dtype in words: "cpu, float32, 2 threads"
    created: str                  # ISO 8601, UTC


@dataclass(frozen=True, kw_only=True)
class Cost(Result):
    """What a step took. Rows are sequences through the whole model (a suffix counts its share)."""

    seconds: float = 0.0
    forward_rows: float = 0.0
    backward_rows: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            seconds=self.seconds + other.seconds,
            forward_rows=self.forward_rows + other.forward_rows,
            backward_rows=self.backward_rows + other.backward_rows,
        )


@dataclass(frozen=True, kw_only=True)
class Progress(Result):
    """One finished step of a long computation, as its generator yields it."""

    label: str                    # "LGA", "v* at layer 11", …
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class SurveyRow(Result):
    """What the model says by itself after one fact's prompt (METHOD §2, "known")."""

    record: int
    known: bool | None            # greedy next token starts an accepted old answer; None: no old answer
    greedy: str                   # the model's own greedy answer
    probability: float            # of the greedy next token
    cost: Cost = Cost()


@dataclass(frozen=True, kw_only=True)
class FactRow(Result):
    """One finished fact of one measurement over layers. A fact not used has a status and no values."""

    record: int                   # 0-based index in the fact file
    status: str                   # "used", or why it was not
    old_answer: str | None
    old_source: OldSource | None
    known: bool | None
    values: Mapping[str, Array]   # component -> (L,) array, or () scalar; empty when not used
    cost: Cost = Cost()

    @property
    def used(self) -> bool:
        return self.status == "used"


@dataclass(frozen=True, kw_only=True)
class Selection(Result):
    """Layers ranked by a total, fenced against outliers (METHOD §1, LGA §3)."""

    golden_layer: int | None
    golden_layers: tuple[int, ...]
    ranking: tuple[int, ...]                # layers inside the fences, best first
    excluded_layers: Mapping[int, str]      # layer -> why
    fences: tuple[float, float] | None      # lower, upper; None where they do not apply
    reason: str | None = None               # why there is no pick


@dataclass(frozen=True, kw_only=True)
class Bootstrap(Result):
    """How firm a pick is when the facts are drawn again with replacement."""

    draws: int
    seed: int
    share: Array                            # (L,) how often each layer is the pick
    low: int                                # 95 % interval of the picked layer
    high: int
    margin: float | None                    # (best − second) / sd of that gap over the draws; None: no spread


@dataclass(frozen=True, kw_only=True)
class Signs(Result):
    """Where LGA's sign comes from: known facts pull it down (METHOD §1)."""

    negative_share: float | None            # of all cells; None without a used fact
    all_negative: bool                      # every layer's total is below zero
    n_known: int
    n_unknown: int
    known: Array                            # (L,) total over known facts
    unknown: Array                          # (L,)


@dataclass(frozen=True, kw_only=True)
class LayerScores(Result):
    """One method's score of every layer over a set of facts."""

    method: str
    settings: Mapping[str, Any]
    rows: tuple[FactRow, ...]               # one per requested fact, in order
    per_fact: Array                         # (n_facts requested, L); NaN rows where not used
    total: Array                            # (L,)
    total_is: Literal["sum", "mean"]
    selection: Selection
    bootstrap: Bootstrap | None
    cost: Cost

    @property
    def n_facts(self) -> int:
        return sum(row.used for row in self.rows)

    @property
    def layers(self) -> int:
        return len(self.total)


@dataclass(frozen=True, kw_only=True)
class CausalTrace(Result):
    """One fact's causal trace: the indirect effect of restoring each (token, layer) (ROME §2.1)."""

    record: int
    kind: Kind
    window: int                             # layers restored at once; 1 for hidden
    prompt: str
    tokens: tuple[str, ...]                 # as text, one per prompt token
    subject: tuple[int, int]                # token span of the subject, end exclusive
    answer: str                             # the traced first token
    answer_source: OldSource
    p_clean: float
    p_corrupted: float                      # mean over draws
    noise: float                            # standard deviation of the noise
    draws: int
    effect: Array                           # (tokens, layers) mean indirect effect over draws
    patching: Array | None = None           # (tokens, layers) attribution-patching estimate, where asked for
    cost: Cost = Cost()

    @property
    def total_effect(self) -> float:
        return self.p_clean - self.p_corrupted


@dataclass(frozen=True, kw_only=True)
class TokenAttribution(Result):
    """Captum's attribution of log p(answer) to the prompt's tokens."""

    record: int
    tokens: tuple[str, ...]
    answers: Mapping[str, str]              # "old" / "new" -> answer text
    scores: Mapping[str, Array]             # "old" / "new" -> (tokens,)
    n_steps: int
    cost: Cost = Cost()


@dataclass(frozen=True, kw_only=True)
class ProbeResult(Result):
    """One probe before and after an edit: both protocols and the texts (METHOD §5)."""

    metric: Literal["rewrite", "rephrase", "locality", "portability"]
    group: str
    prompt: str
    expected: str                           # the answer that scored best after the edit
    expected_source: OldSource = "data"     # "model": the model's own tokens before the edit
    before: float                           # teacher-forced token accuracy, percent
    after: float
    free_before: bool | None                # normalized prefix match of the free generation
    free_after: bool | None
    text_before: str
    text_after: str


@dataclass(frozen=True, kw_only=True)
class Metric(Result):
    """One metric of one fact in percent, mean within a probe group, then over groups; null where n = 0."""

    teacher_forced: float | None
    free: float | None
    n: int                                  # probes


@dataclass(frozen=True, kw_only=True)
class Diagnostics(Result):
    """What edits did to the model beside the facts: measured on neutral prompts and on its own running text."""

    kl: float | None                        # KL(before ‖ after) of the next token, nats, mean over neutral prompts
    kl_largest: float | None
    n_prompts: int
    fluency_before: float | None            # (H₂ + 2·H₃)/3 in bits, ×100 (METHOD §5)
    fluency_after: float | None
    text_before: str                        # the continuations that fluency was measured on
    text_after: str
    norm_ratios: tuple[float, ...]          # per layer, ‖ΔW‖ / ‖W‖
    warnings: tuple[str, ...]               # in words: blew up, or did nothing; each with its bound


@dataclass(frozen=True, kw_only=True)
class EditReport(Result):
    """What one trial edit did (METHOD §4 and §5)."""

    record: int
    editor: str
    layers: tuple[int, ...]
    settings: Mapping[str, Any]
    prompt: str
    subject: str
    target_new: str
    target_old: str | None
    before: Mapping[str, Metric]            # metric name -> value
    after: Mapping[str, Metric]
    probes: tuple[ProbeResult, ...]
    dropped_probes: tuple[str, ...]         # in words, each with its reason
    target_errors: tuple[float | None, ...] # per layer, ‖W'k − v*‖ / ‖v*‖; None for editors without a v*
    delta_norms: tuple[float, ...]          # per layer, Frobenius
    weight_norms: tuple[float, ...]
    clamped: tuple[bool | None, ...]        # v*'s norm bound was reached; None for editors without one
    losses: tuple[tuple[float, ...], ...]   # per layer, nll(y_n) at each step of the v* optimization
    target_nll: float | None                # nll(y_n | x) after the edit, nats; None: the edit broke the model
    diagnostics: Diagnostics | None = None
    cost: Cost = Cost()

    @property
    def target_error(self) -> float | None:
        """The largest over layers; None where the editor has no v*."""
        return max((error for error in self.target_errors if error is not None), default=None)


@dataclass(frozen=True, kw_only=True)
class Stored(Result):
    """Pointer to a stored answer: shown wherever its numbers are shown."""

    provenance: Provenance
    complete: bool
    rows: int = 0
    reused: int = 0                         # rows that an earlier question had already left in the store
    notes: tuple[str, ...] = field(default=())

    @property
    def from_store(self) -> bool:
        """Whether nothing had to be computed."""
        return self.complete and self.rows > 0 and self.reused == self.rows
