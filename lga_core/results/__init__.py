"""The results that everything passes around: frozen, plain arrays, each with where it came from.

The engine makes them, the store keeps them, the figures, the command line and the pages show them.
Nothing is computed here.
"""

from lga_core.results.base import (
    Answers,
    Array,
    Cost,
    Kind,
    LeftOut,
    Loss,
    ModelIdentity,
    OldSource,
    Provenance,
    Result,
    ShownResult,
    Stored,
)
from lga_core.results.edits.many_edits import KEPT_SHARE, Collapse, EditCheckpoint, ManyEdits
from lga_core.results.edits.playground import LensLayer, PlaygroundReport, SideBySide, TokenChoice
from lga_core.results.edits.trial import (
    KL_BOUND,
    Adapter,
    Diagnostics,
    EditMeans,
    EditReport,
    FactMean,
    LedgerFact,
    LedgerReport,
    LedgerWrite,
    MergedModel,
    Metric,
    ProbeResult,
    PublishedEdits,
    TrialPart,
    TrialStage,
    UneditedMetrics,
    norm_ratio,
)
from lga_core.results.layers import (
    METHOD_TITLES,
    METHODS_OF_ONE_FACT,
    Bootstrap,
    FactRow,
    KnownFactCheck,
    LayerScores,
    MethodScores,
    Selection,
    Signs,
    refusal_words,
)
from lga_core.results.memory import MemoryEstimate
from lga_core.results.report import (
    QuestionReport,
    ReportedAverage,
    ReportedLayers,
    ReportedLedger,
    ReportedSweep,
    ReportedTrace,
    ReportedTrial,
    Rows,
)
from lga_core.results.stored_runs import FactList, Origin, ReplayReport, RunNotes
from lga_core.results.traces import POSITIONS, AverageTrace, CausalTrace, TokenAttribution
from lga_core.results.worth.answer import Answer, Candidate, Obstacle, PastWorth
from lga_core.results.worth.picks import Estimate, Pick, SelectorWorth, Stability, Transfer, Worth
from lga_core.results.worth.race import Ending, Race, RaceRound, Standing
from lga_core.results.worth.study_unit import Across, Difference, StudyUnit, Summary
from lga_core.results.worth.sweep import METRICS, Sweep, SweepCell
