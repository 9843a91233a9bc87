"""The results that everything passes around: frozen, plain arrays, each with where it came from.

The engine makes them, the store keeps them, the figures, the command line and the pages show them.
Nothing is computed here.
"""

from lga_core.results.base import POSITIONS, Array, Cost, Kind, OldSource, Progress, Provenance, Result, Stored
from lga_core.results.edits import (
    Diagnostics,
    EditReport,
    FactMean,
    LedgerFact,
    LedgerReport,
    LedgerWrite,
    Metric,
    ProbeResult,
)
from lga_core.results.layers import Bootstrap, FactRow, LayerScores, Selection, Signs, SurveyRow
from lga_core.results.memory import MemoryEstimate
from lga_core.results.playground import LensLayer, PlaygroundReport, SideBySide, TokenChoice
from lga_core.results.race import CostPoint, Ending, Race, RaceRound, RaceStep, Standing
from lga_core.results.steps import retold
from lga_core.results.study import Across, Difference, StudyUnit, Summary
from lga_core.results.sweep import METRICS, Sweep, SweepCell, SweepStep
from lga_core.results.traces import CausalTrace, TokenAttribution
from lga_core.results.worth import Estimate, Pick, SelectorWorth, Stability, Transfer, Worth

__all__ = [
    "METRICS", "POSITIONS", "Across", "Array", "Bootstrap", "CausalTrace", "Cost", "CostPoint", "Diagnostics",
    "Difference", "EditReport", "Ending", "Estimate", "FactMean", "FactRow", "Kind", "LayerScores", "LedgerFact",
    "LedgerReport", "LedgerWrite", "LensLayer", "MemoryEstimate", "Metric", "OldSource", "Pick", "PlaygroundReport",
    "ProbeResult", "Progress", "Provenance", "Race", "RaceRound", "RaceStep", "Result", "Selection",
    "SelectorWorth", "SideBySide", "Signs", "Stability", "Standing", "Stored", "StudyUnit", "Summary", "SurveyRow",
    "Sweep", "SweepCell", "SweepStep", "TokenAttribution", "TokenChoice", "Transfer", "Worth", "retold",
]
