"""Tables of edits at every layer, what picks are worth there, races, and units of the study."""

import math
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from lga_core.results import METRICS, Race, SelectorWorth, StudyUnit, Sweep, Worth
from lga_core.view.export.frames.table import NUMBER, TEXT, TRUTH, WHOLE, Labels, table
from lga_core.view.words.sweep.sentences import cheaper


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
