"""Tables of what was measured before any edit: layer scores, causal traces, token attributions."""

import math
from operator import attrgetter

import numpy as np
import pandas as pd

from lga_core.results import AverageTrace, CausalTrace, LayerScores, TokenAttribution
from lga_core.view.export.frames.table import NUMBER, TEXT, TRUTH, WHOLE, Labels, table


def layer_totals(scores: LayerScores) -> pd.DataFrame:
    """A layer a row: its total, rank among the layers not excluded, why it is excluded, its bootstrap share."""
    selection = scores.selection
    ranks = {layer: rank for rank, layer in enumerate(selection.ranking, start=1)}
    share = scores.bootstrap.share if scores.bootstrap is not None else [math.nan] * scores.layers
    columns = {
        "method": TEXT,
        "layer": WHOLE,
        f"total_{scores.total_is}": NUMBER,
        "rank": WHOLE,
        "golden": TRUTH,
        "excluded": TEXT,
        "pick_share": NUMBER,
    }
    return table(
        columns,
        (
            (
                scores.method,
                layer,
                total,
                ranks.get(layer),
                layer == selection.golden_layer,
                selection.excluded_layers.get(layer),
                share[layer],
            )
            for layer, total in enumerate(scores.total)
        ),
    )


def fact_scores(scores: LayerScores, labels: Labels | None = None) -> pd.DataFrame:
    """A fact and layer a row; a fact not used has its status and no values."""
    of_row = {"status": TEXT, "known": TRUTH, "old_answer": TEXT, "old_source": TEXT}
    return table(
        {"method": TEXT, "record": WHOLE, "fact": TEXT, **of_row, "layer": WHOLE, "value": NUMBER},
        (
            (scores.method, row.record, (labels or {}).get(row.record), *attrgetter(*of_row)(row), layer, value)
            for row, values in zip(scores.rows, scores.per_fact, strict=True)
            for layer, value in enumerate(values)
        ),
    )


def trace_cells(trace: CausalTrace) -> pd.DataFrame:
    """A token and layer a row: the indirect effect of restoring it, and its estimate by attribution patching."""
    first, end = trace.subject
    estimate = np.full_like(trace.effect, np.nan) if trace.patching is None else trace.patching
    names = {"record": WHOLE, "kind": TEXT, "position": WHOLE, "token": TEXT, "subject": TRUTH, "layer": WHOLE}
    return table(
        {**names, "effect": NUMBER, "patching_estimate": NUMBER},
        (
            (
                *(trace.record, trace.kind, position, token, first <= position < end, layer),
                *(value, estimate[position, layer]),
            )
            for position, token in enumerate(trace.tokens)
            for layer, value in enumerate(trace.effect[position])
        ),
    )


def average_cells(average: AverageTrace) -> pd.DataFrame:
    """A position and layer a row: the mean indirect effect, half its 95 % interval's width, and of how many facts."""
    return table(
        {"kind": TEXT, "position": TEXT, "layer": WHOLE, "effect": NUMBER, "half_width": NUMBER, "n": WHOLE},
        (
            (average.kind, position, layer, value, average.half_width[place, layer], average.n[place])
            for place, position in enumerate(average.positions)
            for layer, value in enumerate(average.effect[place])
        ),
    )


def token_scores(attribution: TokenAttribution) -> pd.DataFrame:
    """A token and answer ("old", "new") a row."""
    return table(
        {"record": WHOLE, "which": TEXT, "answer": TEXT, "position": WHOLE, "token": TEXT, "attribution": NUMBER},
        (
            (attribution.record, which, attribution.answers[which], position, token, values[position])
            for which, values in attribution.scores.items()
            for position, token in enumerate(attribution.tokens)
        ),
    )
