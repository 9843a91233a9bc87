"""Results as tables: pandas frames with one row a thing that was measured, and CSV made of them.

Every table that leaves the program is one of these. A value that cannot be had is missing, never 0.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from lga_core.errors import LgaError
from lga_core.results import (
    METRICS,
    CausalTrace,
    EditReport,
    LayerScores,
    Metric,
    Race,
    SelectorWorth,
    ShownResult,
    StudyUnit,
    Sweep,
    TokenAttribution,
    Worth,
)
from lga_core.view.words.sweep_words import cheaper

# Column types that hold "missing" beside their values.
TEXT, WHOLE, NUMBER, TRUTH = "str", "Int64", "float64", "boolean"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
Columns = Mapping[str, str]  # name -> type
Labels = Mapping[int, str]  # record -> its fact in words


def table(columns: Columns, lines: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """A frame of these columns, in order, whatever values happen to be missing."""
    return pd.DataFrame(list(lines), columns=list(columns), dtype=object).astype(dict(columns))


def to_csv(frame: pd.DataFrame) -> str:
    """The frame in CSV, with numbers in full and cells that a spreadsheet would run defused."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(frame.columns)
    writer.writerows([_cell(value) for value in line] for line in frame.itertuples(index=False, name=None))
    return buffer.getvalue()


def _cell(value: object) -> str:
    """Nothing for what is missing, and text that a spreadsheet would run as a formula defused."""
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    text = str(value)
    # A leading apostrophe is how spreadsheets themselves mark text; leading blanks do not hide a formula from them.
    dangerous = not isinstance(value, int) and (
        text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
    )
    return "'" + text if dangerous else text


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


def edit_probes(report: EditReport) -> pd.DataFrame:
    """A probe a row: both protocols before and after, with the texts."""
    about = dict.fromkeys(("metric", "group", "prompt", "expected", "expected_source"), TEXT)
    forced = {"teacher_forced_before": NUMBER, "teacher_forced_after": NUMBER}
    said = {"free_before": TRUTH, "free_after": TRUTH, "text_before": TEXT, "text_after": TEXT}
    layers = " ".join(map(str, report.layers))
    return table(
        {"record": WHOLE, "editor": TEXT, "layers": TEXT, "answers": TEXT, **about, **forced, **said},
        (
            (report.record, report.editor, layers, report.answers, *attrgetter(*about, "before", "after", *said)(probe))
            for probe in report.probes
        ),
    )


def edit_metrics(report: EditReport) -> pd.DataFrame:
    """A metric a row, percent by both protocols before and after; n counts its probes."""
    nothing = Metric(teacher_forced=None, free=None, n=0)
    values = {f"{name}_{when}": NUMBER for name in ("teacher_forced", "free") for when in ("before", "after")}
    return table(
        {"metric": TEXT, **values, "n": WHOLE},
        (
            (name, before.teacher_forced, after.teacher_forced, before.free, after.free, after.n)
            for name in METRICS
            for before, after in [(report.before.get(name, nothing), report.after.get(name, nothing))]
        ),
    )


def sweep_cells(sweeps: Mapping[str, Sweep], labels: Mapping[str, Labels] | None = None) -> pd.DataFrame:
    """A fact and layer of each part ("proxy", "test") a row; what is not measured is left out."""
    described = ("target_error", "delta_norm", "clamped", "steps")
    of_metrics = [f"{name}_{what}" for name in METRICS for what in ("before", "probes", "nll")]
    names = {"part": TEXT, "record": WHOLE, "fact": TEXT, "editor": TEXT, "answers": TEXT, "layer": WHOLE}
    return table(
        {**names, **dict.fromkeys((*METRICS, "overall", *of_metrics, *described), NUMBER)},
        (
            (
                *(part, record, (labels or {}).get(part, {}).get(record), sweep.editor, sweep.answers, layer),
                *(sweep.after[name][row, column] for name in METRICS),
                sweep.overall[row, column],
                *(
                    value
                    for name in METRICS
                    for value in (
                        sweep.before[name][row],
                        sweep.probes[name][row],
                        _kept(sweep.nll[name], row, column),
                    )
                ),
                *(_kept(getattr(sweep, name), row, column) for name in described),
            )
            for part, sweep in sweeps.items()
            for row, record in enumerate(sweep.records)
            for column, layer in enumerate(sweep.layers)
            if sweep.measured[row, column] == 1
        ),
    )


def _kept(values: np.ndarray, row: int, column: int) -> float:
    """NaN where a study's unit does not keep these values."""
    return values[row, column] if values.size else math.nan


def sweep_layers(sweep: Sweep) -> pd.DataFrame:
    """A layer a row: each metric's mean in percent, and how many facts are measured there."""
    names = (*METRICS, "overall")
    means = {name: sweep.mean(name) for name in names}
    return table(
        {"layer": WHOLE, **dict.fromkeys(names, NUMBER), "facts": WHOLE},
        (
            (layer, *(means[name][column] for name in names), int((sweep.measured[:, column] == 1).sum()))
            for column, layer in enumerate(sweep.layers)
        ),
    )


def worth_layers(worth: Worth) -> pd.DataFrame:
    """A layer a row: the means over the facts judged on, each with its n."""
    names = (*METRICS, "overall")
    counts = dict.fromkeys((f"{name}_n" for name in names), WHOLE)
    return table(
        {"layer": WHOLE, **dict.fromkeys(names, NUMBER), **counts, "best_for_facts": NUMBER, "best_on_average": TRUTH},
        (
            (
                layer,
                *(worth.mean[name][column] for name in names),
                *(worth.n[name] for name in names),
                worth.histogram[column],
                layer == worth.best_layer,
            )
            for column, layer in enumerate(worth.layers)
        ),
    )


def worth_selectors(worth: Worth) -> pd.DataFrame:
    """A selector a row: pick, Overall and the metrics there, regret with its interval, hits, correlation, cost."""
    hits = sorted({k for item in worth.selectors for k in item.hits})
    bounds = [f"{name}{end}" for name in ("overall", "regret", "spearman") for end in ("", "_low", "_high")]
    columns = {
        **{"selector": TEXT, "layer": WHOLE, "own_layer": WHOLE, "judged_on": TEXT},
        **dict.fromkeys((*bounds, *METRICS), NUMBER),
        **dict.fromkeys((f"{name}_n" for name in METRICS), WHOLE),
        "harmonic": NUMBER,
        **{f"hit_at_{k}": TRUTH for k in hits},
        **{"n_judged": WHOLE, "n_picked_from": WHOLE},
        **dict.fromkeys(("seconds", "forward_rows", "backward_rows", "times_cheaper_than_the_sweep"), NUMBER),
        "reason": TEXT,
    }
    return table(columns, (_selector_line(worth, item, hits) for item in worth.selectors))


def _selector_line(worth: Worth, item: SelectorWorth, hits: Sequence[int]) -> tuple[Any, ...]:
    pick = item.pick
    return (
        *(pick.selector, pick.layer, pick.own_layer, "the same facts" if worth.in_sample else "held-out facts"),
        *(
            bound
            for estimate in (item.overall, item.regret, item.spearman)
            for bound in (estimate.value, estimate.low, estimate.high)
        ),
        *(item.metrics[name].value for name in METRICS),
        *(item.metrics[name].n for name in METRICS),
        item.harmonic.value,
        *(item.hits.get(k) for k in hits),
        *(worth.n_facts, pick.n_facts),
        *(pick.cost.seconds, pick.cost.forward_rows, pick.cost.backward_rows, cheaper(worth, item), pick.reason),
    )


def race_rounds(race: Race) -> pd.DataFrame:
    """A layer that ran in a round a row: its mean and how far it lies behind the leader; points and percent."""
    values = ("mean", "low", "high", "behind", "behind_low", "behind_high")
    names = {"method": TEXT, "round": WHOLE, "facts": WHOLE, "layer": WHOLE}
    return table(
        {**names, **dict.fromkeys(values, NUMBER), "leader": TRUTH, "dropped": TEXT},
        (
            (
                *(race.method, number, item.facts, standing.layer, *attrgetter(*values)(standing)),
                *(standing.layer == item.leader, item.dropped.get(standing.layer)),
            )
            for number, item in enumerate(race.rounds, start=1)
            for standing in item.standings
        ),
    )


def unit_picks(unit: StudyUnit) -> pd.DataFrame:
    """A selector a row: what it picked from the proxy and what that took; Overall there on the test facts, percent."""
    overall = dict(zip(unit.test.layers, unit.test.mean("overall"), strict=True))
    names = {"model": TEXT, "fact_set": TEXT, "editor": TEXT, "selector": TEXT, "layer": WHOLE, "n_picked_from": WHOLE}
    return table(
        {**names, "test_overall": NUMBER, "seconds": NUMBER, "reason": TEXT},
        (
            (
                *(unit.model, unit.fact_set, unit.editor, pick.selector, pick.layer, pick.n_facts),
                *(overall.get(pick.layer, math.nan), pick.cost.seconds, pick.reason),
            )
            for pick in unit.picks
        ),
    )


FRAMES: Mapping[type[ShownResult], Mapping[str, Callable[[Any], pd.DataFrame]]] = {
    LayerScores: {"layers": layer_totals, "facts": fact_scores},
    CausalTrace: {"cells": trace_cells},
    TokenAttribution: {"tokens": token_scores},
    EditReport: {"probes": edit_probes, "metrics": edit_metrics},
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
