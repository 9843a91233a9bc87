"""A sweep and what its selectors are worth, in files: tidy CSV and one JSON."""

import json
from collections.abc import Mapping

from lga_core.results import METRICS, SelectorWorth, Stored, Sweep, Worth
from lga_core.view.export.html import table_csv
from lga_core.view.words.sweep_words import cheaper


def sweep_csv(sweeps: Mapping[str, Sweep], labels: Mapping[str, Mapping[int, str]]) -> str:
    """One line per fact and layer of each part ("proxy", "test"); what is not measured is left out."""
    described = ("target_error", "delta_norm", "clamped", "steps")
    of_metrics = [f"{name}_{what}" for name in METRICS for what in ("before", "probes", "nll")]
    return table_csv(
        ("part", "record", "fact", "editor", "answers", "layer", *METRICS, "overall", *of_metrics, *described),
        (
            (
                *(part, record, labels.get(part, {}).get(record, ""), sweep.editor, sweep.answers, layer),
                *(float(sweep.after[name][row, column]) for name in METRICS),
                float(sweep.overall[row, column]),
                *(
                    float(value)
                    for name in METRICS
                    for value in (sweep.before[name][row], sweep.probes[name][row], sweep.nll[name][row, column])
                ),
                *(float(getattr(sweep, name)[row, column]) for name in described),
            )
            for part, sweep in sweeps.items()
            for row, record in enumerate(sweep.records)
            for column, layer in enumerate(sweep.layers)
            if sweep.measured[row, column] == 1
        ),
    )


def layers_csv(worth: Worth) -> str:
    """One line per layer: the means over the facts judged on, each with its n."""
    names = (*METRICS, "overall")
    return table_csv(
        ("layer", *names, *(f"{name}_n" for name in names), "best_for_facts", "best_on_average"),
        (
            (
                layer,
                *(float(worth.mean[name][column]) for name in names),
                *(worth.n[name] for name in names),
                float(worth.histogram[column]),
                layer == worth.best_layer,
            )
            for column, layer in enumerate(worth.layers)
        ),
    )


def selectors_csv(worth: Worth) -> str:
    """One line per selector: pick, Overall and the metrics there, regret with its interval, hits, correlation, cost."""
    lines = [_selector_columns(worth, item) for item in worth.selectors]
    return table_csv(list(lines[0]) if lines else (), [list(line.values()) for line in lines])


def _selector_columns(worth: Worth, item: SelectorWorth) -> dict[str, object]:
    pick = item.pick
    bounded = {"overall": item.overall, "regret": item.regret, "spearman": item.spearman}
    return {
        "selector": pick.selector,
        "layer": pick.layer,
        "own_layer": pick.own_layer,
        "judged_on": "the same facts" if worth.in_sample else "held-out facts",
        **{
            f"{name}{end}": bound
            for name, estimate in bounded.items()
            for end, bound in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high))
        },
        **{name: item.metrics[name].value for name in METRICS},
        **{f"{name}_n": item.metrics[name].n for name in METRICS},
        "harmonic": item.harmonic.value,
        **{f"hit_at_{k}": hit for k, hit in item.hits.items()},
        "n_judged": worth.n_facts,
        "n_picked_from": pick.n_facts,
        "seconds": pick.cost.seconds,
        "forward_rows": pick.cost.forward_rows,
        "backward_rows": pick.cost.backward_rows,
        "times_cheaper_than_the_sweep": cheaper(worth, item),
        "reason": pick.reason,
    }


def sweep_json(sweeps: Mapping[str, Sweep], worth: Worth | None, stored: Mapping[str, Stored]) -> str:
    """Everything in one object: each part's sweep, the verdicts, and the provenance; null for what is missing."""
    return json.dumps(
        {
            "sweeps": {part: json.loads(sweep.to_json()) for part, sweep in sweeps.items()},
            "worth": None if worth is None else json.loads(worth.to_json()),
            "provenance": {name: json.loads(item.provenance.to_json()) for name, item in stored.items()},
        },
        ensure_ascii=False,
    )
