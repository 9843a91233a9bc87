"""What edits did: metrics, diagnostics, one trial's report, and a ledger's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lga_core.results.base import Answers, Cost, OldSource, Result, ShownResult

KL_BOUND = 0.5  # nats of drift, mean over the neutral prompts: beyond it edits blew the model up


def norm_ratio(delta: float, weight: float) -> float | None:
    """‖ΔW‖ / ‖W‖; None where W is all zeros, or an edit blew up."""
    ratio = delta / weight if weight else math.nan
    return ratio if math.isfinite(ratio) else None


@dataclass(frozen=True, kw_only=True)
class ProbeResult(Result):
    """One probe before and after an edit: both protocols and the texts (METHOD.md §5)."""

    metric: Literal["rewrite", "rephrase", "locality", "portability"]
    group: str
    prompt: str
    expected: str  # the accepted answer that counted: the first, or the one that scored best after the edit
    expected_source: OldSource = "data"  # "model": the model's own tokens before the edit
    before: float  # teacher-forced token accuracy, percent
    after: float
    free_before: bool | None  # normalized prefix match of the free generation
    free_after: bool | None
    text_before: str
    text_after: str


@dataclass(frozen=True, kw_only=True)
class Metric(Result):
    """One metric of one fact in percent, mean within a probe group, then over groups; null where n = 0."""

    teacher_forced: float | None
    free: float | None
    n: int  # probes


@dataclass(frozen=True, kw_only=True)
class Diagnostics(Result):
    """What edits did to the model beside the facts: measured on neutral prompts and on its own running text."""

    kl: float | None  # KL(before ‖ after) of the next token, nats, mean over neutral prompts
    kl_largest: float | None
    n_prompts: int
    fluency_before: float | None  # (H₂ + 2·H₃)/3 in bits, ×100 (METHOD.md §5)
    fluency_after: float | None
    text_before: str  # the continuations that fluency was measured on
    text_after: str
    norm_ratios: tuple[float | None, ...]  # per layer, as `norm_ratio`
    warnings: tuple[str, ...]  # in words: blew up, or did nothing; each with its bound


@dataclass(frozen=True, kw_only=True)
class EditReport(ShownResult):
    """What one trial edit did (METHOD.md §4 and §5)."""

    record: int
    editor: str
    layers: tuple[int, ...]
    settings: Mapping[str, Any]
    prompt: str
    subject: str
    target_new: str
    target_old: str | None
    before: Mapping[str, Metric]  # metric name -> value
    after: Mapping[str, Metric]
    probes: tuple[ProbeResult, ...]
    dropped_probes: tuple[str, ...]  # in words, each with its reason; without those that reading left out
    # Locality probes whose gold is the new answer, which are never asked. None: an earlier version did not count them.
    dropped_locality: int | None = None
    target_errors: tuple[float | None, ...]  # per layer, ‖W'k − v*‖ / ‖v*‖; None for editors without a v*
    delta_norms: tuple[float, ...]  # per layer, Frobenius
    weight_norms: tuple[float, ...]
    clamped: tuple[bool | None, ...]  # v*'s norm bound was reached; None for editors without one
    losses: tuple[tuple[float, ...], ...]  # per layer, nll(y_n) at each evaluation of the v* optimization
    target_nll: float | None  # nll(y_n | x) after the edit, nats; None: the edit broke the model
    answers: Answers = "best"  # which counted; earlier versions, which did not record it, took the best
    diagnostics: Diagnostics | None = None
    cost: Cost = Cost()

    @property
    def target_error(self) -> float | None:
        """The largest over layers; None where the editor has no v*."""
        return max((error for error in self.target_errors if error is not None), default=None)

    @property
    def means(self) -> "EditMeans":
        """Of its one fact."""
        before, now = (
            {
                name: FactMean(teacher_forced=metric.teacher_forced, free=metric.free, n=min(metric.n, 1))
                for name, metric in metrics.items()
            }
            for metrics in (self.before, self.after)
        )
        return EditMeans(before=before, now=now, answers=self.answers)


@dataclass(frozen=True, kw_only=True)
class UneditedMetrics(Result):
    """What the unedited model scores on a fact's probes, teacher-forced: there before the edit is."""

    metrics: Mapping[str, Metric]  # metric name -> value


TrialPart = Literal["texts", "side effects"]
"""What of a trial edit comes after its teacher-forced metrics, in this order."""


@dataclass(frozen=True, kw_only=True)
class TrialStage(Result):
    """A trial edit as far as it is measured."""

    report: EditReport  # without texts no probe has a free answer; without side effects there are no diagnostics
    missing: tuple[TrialPart, ...]  # what is still to be measured, in order; empty: the report is whole


@dataclass(frozen=True, kw_only=True)
class FactMean(Result):
    """One metric in percent, mean over the facts that have it; null where n = 0."""

    teacher_forced: float | None
    free: float | None
    n: int  # facts


@dataclass(frozen=True, kw_only=True)
class EditMeans(Result):
    """Every metric of some facts, on the unedited model and with edits."""

    before: Mapping[str, FactMean]  # metric name -> mean over facts
    now: Mapping[str, FactMean]
    answers: Answers = "first"  # which accepted answer of a probe counted


@dataclass(frozen=True, kw_only=True)
class LedgerFact(Result):
    """One fact of a ledger: on the unedited model, and with all enabled edits applied."""

    entry: str  # id of its entry
    enabled: bool  # whether that entry acts now
    record: int
    prompt: str
    subject: str
    target_new: str
    before: Mapping[str, Metric]  # metric name -> value
    now: Mapping[str, Metric]
    probes: tuple[ProbeResult, ...]  # their "after" is now
    dropped_probes: tuple[str, ...]
    dropped_locality: int | None = None  # as of an EditReport; None too for a fact of a saved edit set


@dataclass(frozen=True, kw_only=True)
class LedgerWrite(Result):
    """What one entry of a ledger writes at one layer."""

    entry: str
    enabled: bool
    layer: int
    matrix: str
    delta_norm: float  # ‖ΔW‖, Frobenius
    weight_norm: float  # ‖W‖
    target_errors: tuple[float | None, ...]  # per fact, when it was computed; None for editors without a v*
    clamped: tuple[bool | None, ...]

    @property
    def norm_ratio(self) -> float | None:
        return norm_ratio(self.delta_norm, self.weight_norm)


@dataclass(frozen=True, kw_only=True)
class LedgerReport(ShownResult):
    """How the facts of a ledger fare now: later edits may damage earlier ones."""

    facts: tuple[LedgerFact, ...]  # in the ledger's order
    writes: tuple[LedgerWrite, ...]
    before: Mapping[str, FactMean]  # metric name -> mean over the facts of enabled entries, each prompt's last one
    now: Mapping[str, FactMean]
    dropped_locality: int | None = None  # over the same facts; None where one of them does not tell
    cost: Cost = Cost()

    @property
    def means(self) -> EditMeans:
        """Over the facts of the entries that are on."""
        return EditMeans(before=self.before, now=self.now)


@dataclass(frozen=True, kw_only=True)
class Adapter(Result):
    """A LoRA adapter that was written."""

    folder: str
    ranks: Mapping[str, int]  # matrix -> rank of its ΔW
    errors: Mapping[str, float]  # matrix -> ‖ΔW − BA‖ / ‖ΔW‖ (Frobenius), of those that were approximated


@dataclass(frozen=True, kw_only=True)
class MergedModel(Result):
    """A model that was written with edits in its weights."""

    folder: str
    errors: Mapping[str, float]  # matrix -> ‖(W' − W) − ΔW‖ / ‖ΔW‖ (Frobenius): what rounding W' to its dtype takes


@dataclass(frozen=True, kw_only=True)
class PublishedEdits(Result):
    """Edits that were put into a repository of a hub."""

    repository: str
    url: str  # of the commit
    files: tuple[str, ...]
