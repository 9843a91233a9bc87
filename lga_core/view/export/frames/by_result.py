"""Which tables there are of each kind of result."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from lga_core.errors import LgaError
from lga_core.results import (
    CausalTrace,
    EditReport,
    LayerScores,
    LedgerReport,
    Race,
    ShownResult,
    StudyUnit,
    Sweep,
    TokenAttribution,
    Worth,
)
from lga_core.view.export.frames.edits import edit_metrics, edit_probes, ledger_facts, ledger_probes, ledger_writes
from lga_core.view.export.frames.scores import fact_scores, layer_totals, token_scores, trace_cells
from lga_core.view.export.frames.sweeps import (
    race_rounds,
    sweep_cells,
    sweep_layers,
    unit_picks,
    worth_layers,
    worth_selectors,
)

FRAMES: Mapping[type[ShownResult], Mapping[str, Callable[[Any], pd.DataFrame]]] = {
    LayerScores: {"layers": layer_totals, "facts": fact_scores},
    CausalTrace: {"cells": trace_cells},
    TokenAttribution: {"tokens": token_scores},
    EditReport: {"probes": edit_probes, "metrics": edit_metrics},
    LedgerReport: {"facts": ledger_facts, "probes": ledger_probes, "writes": ledger_writes},
    Sweep: {"cells": lambda sweep: sweep_cells({"": sweep}).drop(columns=["part", "fact"]), "layers": sweep_layers},
    Worth: {"selectors": worth_selectors, "layers": worth_layers},
    Race: {"rounds": race_rounds},
    StudyUnit: {"cells": lambda unit: sweep_cells({"proxy": unit.proxy, "test": unit.test}), "picks": unit_picks},
}
"""What there is of each kind of result; the first is what is meant where none is named."""


def frame(result: ShownResult, of: str | None = None) -> pd.DataFrame:
    """One of a result's tables. Raises LgaError for a name that there is not."""
    tables = FRAMES[type(result)]
    name = next(iter(tables)) if of is None else of
    if name not in tables:
        raise LgaError(f"{type(result).__name__} has no table {name!r}.", hint=f"Choose one of {', '.join(tables)}.")
    return tables[name](result)
