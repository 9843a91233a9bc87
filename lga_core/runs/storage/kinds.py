"""What a stored run is of, told from its method's name, and what its rows are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lga_core.editing.table import editor_title
from lga_core.results import (
    CausalTrace,
    EditCheckpoint,
    EditReport,
    FactRow,
    KnownFactCheck,
    Result,
    SweepCell,
    TokenAttribution,
    TrialStage,
)
from lga_core.runs.storage.row_file import unreadable_rows
from lga_core.runs.storage.store import Run
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import TRACE_PHASES

Subject = Literal["known facts", "scores", "trace", "attribution", "trial", "sweep", "many edits", "other"]
_OF_EDITORS: Mapping[str, tuple[Subject, str, type[Result]]] = {  # what the editor's name comes after
    "trial-": ("trial", "Trial edit", EditReport),
    "sweep-": ("sweep", "Sweep", SweepCell),
    "many-": ("many edits", "Many edits", EditCheckpoint),
}


@dataclass(frozen=True, kw_only=True)
class RunKind:
    """What a run is of."""

    subject: Subject
    name: str  # the measurement, the kind of trace or the editor; "" where there is only one
    title: str
    row_type: type[Result] | None  # None: this version does not know it


def kind_of(method: str) -> RunKind:
    """The kind of a run by its provenance's method."""
    if method == "survey":
        return RunKind(subject="known facts", name="", title="Known facts", row_type=KnownFactCheck)
    if method == "token-attribution":
        return RunKind(subject="attribution", name="", title="Token attributions", row_type=TokenAttribution)
    if method in MEASUREMENTS:
        title = f"Scores: {MEASUREMENTS[method].phase.value}"
        return RunKind(subject="scores", name=method, title=title, row_type=FactRow)
    for kind, phase in TRACE_PHASES.items():
        if method == f"token-trace-{kind}":
            words = phase.value.partition(", ")[2]
            return RunKind(subject="trace", name=kind, title=f"Causal trace: {words}", row_type=CausalTrace)
    for prefix, (subject, title, row_type) in _OF_EDITORS.items():
        if method.startswith(prefix):
            name = method.removeprefix(prefix)
            return RunKind(subject=subject, name=name, title=f"{title}: {editor_title(name)}", row_type=row_type)
    return RunKind(subject="other", name=method, title=method, row_type=None)


def lost_rows(run: Run) -> int:
    """How many of a run's stored rows cannot be read: damaged, or of another version. Asked again, they are computed.

    0 for a kind of run that this version does not know.
    """
    kind = kind_of(run.provenance.method)
    if kind.row_type is None:
        return 0
    types = (kind.row_type, TrialStage) if kind.subject == "trial" else (kind.row_type,)
    return unreadable_rows(run.store.shown(run.provenance.key, ".jsonl"), types)
