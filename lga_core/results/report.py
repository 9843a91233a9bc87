"""All that is measured of one question, put together to be written down in one report.

What was not measured is None or empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lga_core.results.base import Stored
from lga_core.results.edits.many_edits import ManyEdits
from lga_core.results.edits.trial import EditReport, LedgerReport
from lga_core.results.layers import LayerScores, MethodScores
from lga_core.results.traces import AverageTrace, CausalTrace, TokenAttribution
from lga_core.results.worth.answer import Answer, Obstacle
from lga_core.results.worth.picks import Worth
from lga_core.results.worth.sweep import Sweep

Rows = tuple[Mapping[str, object], ...]
"""A table: cells by column, None where a value cannot be had."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportedTrace:
    """One fact's causal traces and token attributions."""

    fact: str
    traces: tuple[tuple[CausalTrace, Stored], ...]
    attribution: tuple[TokenAttribution, Stored] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportedAverage:
    """The causal traces of several facts, averaged as far as they are stored."""

    average: AverageTrace
    runs: tuple[Stored, ...]  # one a trace
    missing: int  # facts that belong to it and are not traced, or not checked yet


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportedTrial:
    """One trial edit."""

    editor: str  # its title
    report: EditReport
    stored: Stored | None
    overall_before: float | None  # percent, teacher-forced
    overall_after: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportedLayers:
    """One fact edited at every layer alone, with its own scores by method."""

    fact: str
    sweep: Sweep
    stored: Stored
    scores: Mapping[str, LayerScores]
    best: int | None  # None before every layer is measured


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportedSweep:
    """Every fact edited at every layer alone. The parts are "proxy" and "test"."""

    parts: Mapping[str, tuple[Sweep, Stored]]
    labels: Mapping[str, Mapping[int, str]]  # part -> record -> the fact in words
    judged: str  # the part that the picks are judged on: held-out facts where there are some
    worth: Worth
    lga: LayerScores | None  # of the proxy's facts


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportedLedger:
    """The edits that a session kept."""

    entries: Rows
    report: LedgerReport | None
    changes: tuple[tuple[str, LedgerReport], ...]  # what was changed, and how the facts fared after it; oldest first


@dataclass(frozen=True, kw_only=True, eq=False)
class QuestionReport:
    """One question: a model, a set of facts, and the options of whoever asks."""

    title: str
    made: str  # ISO 8601, UTC
    asked: Mapping[str, str]  # the question in words
    layers: int
    labels: Mapping[int, str]  # record -> the fact in words
    facts: Rows
    answer: Answer | None
    obstacles: Mapping[int, Obstacle]
    lga: MethodScores | None
    cma: MethodScores | None
    forecast: MethodScores | None
    agreement: float | None  # Spearman's rank correlation of LGA's and CMA's totals over layers
    picks: Rows  # of every method that is measured
    readings: Rows  # of LGA: its losses and old answers
    published: Mapping[str, tuple[int, ...]]  # layers at which others edit this model
    traces: tuple[ReportedTrace, ...] = ()
    averages: tuple[ReportedAverage, ...] = ()  # one a kind
    trials: tuple[ReportedTrial, ...] = ()  # the oldest first
    every_layer: ReportedLayers | None = None
    sweep: ReportedSweep | None = None
    ledger: ReportedLedger | None = None
    many_edits: tuple[ManyEdits, Stored] | None = None
    licences: Mapping[str, str] = field(default_factory=dict)  # what -> its licence
    version: str = ""  # of this program
    citation: str = ""  # CITATION.cff

    @property
    def golden(self) -> int | None:
        """LGA's pick."""
        return None if self.lga is None else self.lga.scores.selection.golden_layer

    @property
    def runs(self) -> tuple[Stored, ...]:
        """Every run once, in the order of the parts."""
        runs = [item.stored for item in (self.lga, self.cma, self.forecast) if item is not None]
        for traced in self.traces:
            runs += [stored for _trace, stored in traced.traces]
            runs += [traced.attribution[1]] if traced.attribution is not None else []
        runs += [stored for averaged in self.averages for stored in averaged.runs]
        runs += [trial.stored for trial in self.trials]
        runs += [self.every_layer.stored] if self.every_layer is not None else []
        runs += [stored for _sweep, stored in self.sweep.parts.values()] if self.sweep is not None else []
        runs += [self.many_edits[1]] if self.many_edits is not None else []
        return tuple({(item.provenance.key, item.provenance.facts): item for item in runs if item is not None}.values())
