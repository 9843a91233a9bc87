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
from lga_core.results.playground import LensLayer, PlaygroundReport, SideBySide, TokenChoice
from lga_core.results.traces import CausalTrace, TokenAttribution

__all__ = [
    "POSITIONS", "Array", "Bootstrap", "CausalTrace", "Cost", "Diagnostics", "EditReport", "FactMean", "FactRow",
    "Kind", "LayerScores", "LedgerFact", "LedgerReport", "LedgerWrite", "LensLayer", "Metric", "OldSource",
    "PlaygroundReport", "ProbeResult", "Progress", "Provenance", "Result", "Selection", "SideBySide", "Signs", "Stored",
    "SurveyRow", "TokenAttribution", "TokenChoice",
]
