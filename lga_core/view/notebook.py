"""Results that show themselves, a `showing.Presenter`: as tables, and in a notebook as a figure over a table.

Words of facts and models are shown letter by letter.

How a figure finds plotly.js is plotly's own choice, by the renderer of the notebook (`plotly.io.renderers`).
"""

import html
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import (
    AverageTrace,
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
from lga_core.view.export.frames.scores import average_cells, fact_scores, layer_totals, token_scores, trace_cells
from lga_core.view.export.frames.sweeps import (
    race_rounds,
    sweep_cells,
    sweep_layers,
    unit_picks,
    worth_layers,
    worth_selectors,
)
from lga_core.view.export.page import on_own_ground
from lga_core.view.figures.edits.ledger_history import ledger_history
from lga_core.view.figures.edits.loss_curve import loss_curve
from lga_core.view.figures.scores.attribution_bars import attribution_bars
from lga_core.view.figures.scores.average_trace_heatmap import average_trace_heatmap
from lga_core.view.figures.scores.layer_heatmaps import layer_heatmaps
from lga_core.view.figures.scores.trace_heatmap import trace_heatmap
from lga_core.view.figures.sweep.race_curves import race_curves
from lga_core.view.figures.sweep.regret import regret_against_cost
from lga_core.view.figures.sweep.sweep_figure import sweep_figure
from lga_core.view.words.names import method_title
from lga_core.view.words.scores.average_trace import average_sentence
from lga_core.view.words.sentences import layers_in_words
from lga_core.view.words.text import count

_NO_TEX = "tex2jax_ignore mathjax_ignore"  # the notebook's MathJax leaves what stands there alone
ROWS = 12  # of a table that are shown; to_frame() has them all


def frame(result: ShownResult, of: str | None = None) -> pd.DataFrame:
    """One of a result's tables. Raises LgaError for a name that there is not."""
    tables = FRAMES[type(result)]
    name = next(iter(tables)) if of is None else of
    if name not in tables:
        raise LgaError(f"{type(result).__name__} has no table {name!r}.", hint=f"Choose one of {', '.join(tables)}.")
    return tables[name](result)


def page(result: ShownResult) -> str:
    """The result's figure, where it has one, and the head of its table; for `_repr_html_`."""
    figure, words, of = SHOWN[type(result)]
    drawn = figure(result)
    rows = frame(result, of)
    nullable = [name for name in rows if rows[name].dtype in ("Int64", "boolean")]  # whose NA has a word of its own
    shown = (
        rows.astype(dict.fromkeys(nullable, object))
        .fillna(dict.fromkeys(nullable, "n/a"))
        .to_html(index=False, max_rows=ROWS, border=0, na_rep="n/a", float_format="{:.4g}".format)
    )
    more = f"<p>{ROWS} of {count(len(rows), 'row')}: to_frame({of!r}) has all.</p>" if len(rows) > ROWS else ""
    picture = "" if drawn is None else on_own_ground(drawn)._repr_html_()
    return f'<div class="{_NO_TEX}"><p><b>{html.escape(words(result))}</b></p>{picture}{shown}{more}</div>'


def _scores_figure(scores: LayerScores) -> go.Figure:
    effect = scores.method.startswith("cma")
    return layer_heatmaps(None if effect else scores, scores if effect else None, labels={})


def _scores_words(scores: LayerScores) -> str:
    golden = scores.selection.golden_layer
    pick = f"no pick: {scores.selection.reason}" if golden is None else f"golden layer {golden}"
    return f"{method_title(scores.method)}: {pick}, {count(scores.n_facts, 'fact')}"


def _sweep_figure(sweep: Sweep) -> go.Figure | None:
    return sweep_figure(sweep, None, layers=1 + max(sweep.layers), picks=(), labels={}) if sweep.records else None


def _unit_figure(unit: StudyUnit) -> go.Figure:
    layers = 1 + max((*unit.test.layers, *(pick.own_layer for pick in unit.picks if pick.own_layer is not None)))
    return sweep_figure(unit.test, None, layers=layers, picks=unit.picks, labels={})


SHOWN: Mapping[type[ShownResult], tuple[Callable[[Any], go.Figure | None], Callable[[Any], str], str]] = {
    LayerScores: (_scores_figure, _scores_words, "layers"),
    CausalTrace: (
        trace_heatmap,
        lambda trace: f"Causal trace of {trace.prompt} → {trace.answer}: total effect {trace.total_effect:.3g}",
        "cells",
    ),
    AverageTrace: (average_trace_heatmap, average_sentence, "cells"),
    TokenAttribution: (attribution_bars, lambda item: f"Token attributions of record {item.record}", "tokens"),
    EditReport: (
        loss_curve,
        lambda report: f"{report.prompt} → {report.target_new} ({report.editor}, {layers_in_words(report.layers)})",
        "metrics",
    ),
    LedgerReport: (
        lambda report: ledger_history([("now", report)], "rewrite"),
        lambda report: f"Ledger of {count(len(report.facts), 'fact')}, {sum(fact.enabled for fact in report.facts)} on",
        "facts",
    ),
    Sweep: (
        _sweep_figure,
        lambda sweep: f"Sweep with {sweep.editor}: {count(len(sweep.records), 'fact')} at {len(sweep.layers)} layers",
        "layers",
    ),
    Worth: (
        lambda worth: regret_against_cost(worth.selectors),
        lambda worth: f"What the picks are worth on {count(worth.n_facts, 'fact')}",
        "selectors",
    ),
    Race: (
        race_curves,
        lambda race: f"Race of {count(len(race.candidates), 'layer')}: layer {race.layer} ({race.ending})",
        "rounds",
    ),
    StudyUnit: (_unit_figure, lambda unit: f"{unit.model}, {unit.title}, {unit.editor}", "picks"),
}
"""Of each kind of result: its figure, its heading, and the table below."""

FRAMES: Mapping[type[ShownResult], Mapping[str, Callable[[Any], pd.DataFrame]]] = {
    LayerScores: {"layers": layer_totals, "facts": fact_scores},
    CausalTrace: {"cells": trace_cells},
    AverageTrace: {"cells": average_cells},
    TokenAttribution: {"tokens": token_scores},
    EditReport: {"probes": edit_probes, "metrics": edit_metrics},
    LedgerReport: {"facts": ledger_facts, "probes": ledger_probes, "writes": ledger_writes},
    Sweep: {"cells": lambda sweep: sweep_cells({"": sweep}).drop(columns=["part", "fact"]), "layers": sweep_layers},
    Worth: {"selectors": worth_selectors, "layers": worth_layers},
    Race: {"rounds": race_rounds},
    StudyUnit: {"cells": lambda unit: sweep_cells({"proxy": unit.proxy, "test": unit.test}), "picks": unit_picks},
}
"""What there is of each kind of result; the first is what is meant where none is named."""
