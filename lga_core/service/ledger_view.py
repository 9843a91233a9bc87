"""A session's ledger as pages see it: what was written where, in order, and how the facts fare; no tensor."""

from dataclasses import dataclass
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.table import Mode
from lga_core.results import LedgerReport
from lga_core.service.requests import TrialRequest


@dataclass(frozen=True, kw_only=True)
class EntryView:
    """One entry of the ledger."""

    id: str
    facts: tuple[Fact, ...]
    editor: str
    layers: tuple[int, ...]
    settings: Any
    mode: Mode
    enabled: bool
    stale: bool  # computed on another set of enabled entries than those before it now
    norm_ratio: float | None  # ‖ΔW‖ / ‖W‖, the largest over layers; None where one cannot be had
    target_error: float | None  # ‖W'k − v*‖ / ‖v*‖, the largest over layers and facts


@dataclass(frozen=True, kw_only=True)
class Change:
    """The ledger's facts after one change."""

    words: str  # what was changed
    report: LedgerReport


@dataclass(frozen=True, kw_only=True)
class LedgerView:
    """The whole ledger at one moment."""

    entries: tuple[EntryView, ...] = ()
    report: LedgerReport | None = None
    current: bool = True  # whether the report is about the ledger as it is now
    changes: tuple[Change, ...] = ()  # the oldest first

    @property
    def enabled(self) -> tuple[EntryView, ...]:
        return tuple(entry for entry in self.entries if entry.enabled)

    def holds(self, trial: TrialRequest) -> bool:
        """Whether an entry is this very edit."""
        wanted = trial.editor, trial.layers, trial.settings, (trial.fact.fingerprint,)
        return any(
            (entry.editor, entry.layers, entry.settings, tuple(fact.fingerprint for fact in entry.facts)) == wanted
            for entry in self.entries
        )
