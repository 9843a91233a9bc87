"""What a page can ask the engine for: frozen, hashable, and without torch, so that equal questions share one job.

What is asked about a ledger is in `ledger_requests`.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from lga_core.data.facts import Fact
from lga_core.evaluation.settings import (
    SWEEP_METRICS,
    TRIAL_METRICS,
    ManyEditsSettings,
    MetricSettings,
    SweepMetrics,
)
from lga_core.results import Kind, OldSource, Origin

ATTRIBUTION = "attribution"  # beside the kinds in what a TraceRequest returns


@dataclass(frozen=True, kw_only=True)
class ProxySet:
    """Which facts are asked for: the first `limit` of the candidates, or the first ones that the model knows."""

    name: str  # of the fact set
    candidates: tuple[Fact, ...]  # in the order of the seed
    limit: int
    known_only: bool = False

    @property
    def facts(self) -> tuple[Fact, ...] | None:
        """The facts, where they can be told without asking the model."""
        return None if self.known_only else self.candidates[: self.limit]


@dataclass(frozen=True, kw_only=True)
class Need:
    """One measurement of `scores.methods.MEASUREMENTS`, with its settings."""

    measurement: str
    settings: Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """Something that the engine does with a model."""

    interactive: ClassVar[bool] = False  # short: goes ahead of long work
    only_stores: ClassVar[bool] = True  # what it leaves is in the store: cancelled, its last step is not waited for
    model: str  # as the user named it; "" where none is needed
    origin: Origin | None = field(default=None, compare=False)  # noted beside the runs; equal questions share a job


@dataclass(frozen=True, kw_only=True)
class ReadFactsRequest(Request):
    """Read a fact set from a data set of the hub, a folder or a file. Returns (Table, FactSet)."""

    interactive: ClassVar[bool] = True
    model: str = ""
    source: str


@dataclass(frozen=True, kw_only=True)
class ScoreRequest(Request):
    """Measure what layer scores are read from, in the store row by row. Returns a Stored for each need."""

    proxy: ProxySet
    needs: tuple[Need, ...]


@dataclass(frozen=True, kw_only=True)
class KnownFactsRequest(Request):
    """Ask the model about facts. Returns how many were asked, and how many of those were in the store."""

    interactive: ClassVar[bool] = True
    facts: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True)
class TraceRequest(Request):
    """One fact's causal traces and token attributions, in the store. Returns a Stored by kind, and for ATTRIBUTION."""

    proxy: ProxySet  # the noise is measured over its facts
    fact: Fact
    kinds: tuple[Kind, ...]
    settings: Any  # CmaSettings
    old: OldSource


@dataclass(frozen=True, kw_only=True)
class AverageTraceRequest(Request):
    """The causal traces of a set's first facts, each in the store by itself. Returns by kind where each is from."""

    proxy: ProxySet  # the noise is measured over its facts
    facts: int  # how many of them are asked for; those that the model does not know are left out
    kinds: tuple[Kind, ...]
    settings: Any  # CmaSettings


@dataclass(frozen=True, kw_only=True)
class EditingRequest(Request):
    """Something that edits at these layers, none of which touches a ledger."""

    layers: tuple[int, ...]
    editor: str
    settings: Any  # the editor's


@dataclass(frozen=True, kw_only=True)
class TrialRequest(EditingRequest):
    """One trial edit. Publishes UneditedMetrics, then each TrialStage; returns (EditReport, Stored)."""

    interactive: ClassVar[bool] = True
    facts_name: str
    fact: Fact
    metrics: MetricSettings = TRIAL_METRICS


@dataclass(frozen=True, kw_only=True)
class EasyEditRequest(EditingRequest):
    """The files with which EasyEdit makes the same edit. Returns the bytes of a .zip."""

    interactive: ClassVar[bool] = True
    facts: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True)
class EveryLayerRequest(Request):
    """One fact edited at every layer alone, and its own scores. All of it is in the store, row by row."""

    proxy: ProxySet  # whose scores are looked into for those of the fact
    fact: Fact
    editor: str
    settings: Any
    needs: tuple[Need, ...]
    metrics: MetricSettings = TRIAL_METRICS

    @property
    def sweep_metrics(self) -> SweepMetrics:
        """As a trial edit is measured: with all of the fact's probes."""
        return SweepMetrics(answers=self.metrics.answers, probes=None)


@dataclass(frozen=True, kw_only=True)
class SweepRequest(EditingRequest):
    """Every fact edited at every layer alone, the proxy's first. Results are in the store, cell by cell."""

    proxy: ProxySet
    test: ProxySet | None
    metrics: SweepMetrics = SWEEP_METRICS


@dataclass(frozen=True, kw_only=True)
class ManyEditsRequest(EditingRequest):
    """Facts edited one after another or in batches. Each checkpoint is in the store at once."""

    facts_name: str
    facts: tuple[Fact, ...]  # in the order in which they are edited
    how: ManyEditsSettings


@dataclass(frozen=True, kw_only=True)
class ReplayRequest(Request):
    """A stored run computed again. Returns a ReplayReport."""

    run: str  # its key


@dataclass(frozen=True, kw_only=True)
class MemoryRequest(Request):
    """What scoring or editing takes of the memory. Returns a MemoryEstimate; None while the model is not in memory."""

    interactive: ClassVar[bool] = True
    measurements: tuple[str, ...] = ()  # of a scoring
    facts: int | None = None
    layers: tuple[int, ...] = ()  # of an edit
    settings: Any = None
