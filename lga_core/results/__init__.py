"""The results that everything passes around: frozen, plain arrays, each with where it came from.

The engine makes them, the store keeps them, the figures, the command line and the pages show them.
Nothing is computed here.
"""

from lga_core.results.answer import Answer, Candidate, Obstacle, PastWorth
from lga_core.results.base import (
    Answers,
    Array,
    Cost,
    Kind,
    Loss,
    ModelIdentity,
    OldSource,
    Provenance,
    Result,
    ShownResult,
    Stored,
)
from lga_core.results.edits import (
    KL_BOUND,
    Adapter,
    Diagnostics,
    EditReport,
    FactMean,
    LedgerFact,
    LedgerReport,
    LedgerWrite,
    Metric,
    ProbeResult,
    TrialPart,
    TrialStage,
)
from lga_core.results.layers import METHOD_TITLES, Bootstrap, FactRow, KnownFactCheck, LayerScores, Selection, Signs
from lga_core.results.many_edits import KEPT_SHARE, Collapse, EditCheckpoint, ManyEdits
from lga_core.results.memory import MemoryEstimate, MomentPlan
from lga_core.results.playground import LensLayer, PlaygroundReport, SideBySide, TokenChoice
from lga_core.results.race import Ending, Race, RaceRound, Standing
from lga_core.results.report import (
    QuestionReport,
    ReportedLayers,
    ReportedLedger,
    ReportedScores,
    ReportedSweep,
    ReportedTrace,
    ReportedTrial,
    Rows,
)
from lga_core.results.stored_runs import FactList, Origin, ReplayReport, RunNotes
from lga_core.results.study_unit import Across, Difference, StudyUnit, Summary
from lga_core.results.sweep import METRICS, LeftOut, Sweep, SweepCell
from lga_core.results.traces import CausalTrace, TokenAttribution
from lga_core.results.worth import Estimate, Pick, SelectorWorth, Stability, Transfer, Worth

__all__ = [
    "KEPT_SHARE",
    "KL_BOUND",
    "METHOD_TITLES",
    "METRICS",
    "Across",
    "Adapter",
    "Answer",
    "Answers",
    "Array",
    "Bootstrap",
    "Candidate",
    "CausalTrace",
    "Collapse",
    "Cost",
    "Diagnostics",
    "Difference",
    "EditCheckpoint",
    "EditReport",
    "Ending",
    "Estimate",
    "FactList",
    "FactMean",
    "FactRow",
    "Kind",
    "KnownFactCheck",
    "LayerScores",
    "LedgerFact",
    "LedgerReport",
    "LedgerWrite",
    "LeftOut",
    "LensLayer",
    "Loss",
    "ManyEdits",
    "MemoryEstimate",
    "Metric",
    "ModelIdentity",
    "MomentPlan",
    "Obstacle",
    "OldSource",
    "Origin",
    "PastWorth",
    "Pick",
    "PlaygroundReport",
    "ProbeResult",
    "Provenance",
    "QuestionReport",
    "Race",
    "RaceRound",
    "ReplayReport",
    "ReportedLayers",
    "ReportedLedger",
    "ReportedScores",
    "ReportedSweep",
    "ReportedTrace",
    "ReportedTrial",
    "Result",
    "Rows",
    "RunNotes",
    "Selection",
    "SelectorWorth",
    "ShownResult",
    "SideBySide",
    "Signs",
    "Stability",
    "Standing",
    "Stored",
    "StudyUnit",
    "Summary",
    "Sweep",
    "SweepCell",
    "TokenAttribution",
    "TokenChoice",
    "Transfer",
    "TrialPart",
    "TrialStage",
    "Worth",
]
