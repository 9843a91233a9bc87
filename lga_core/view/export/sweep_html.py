"""A sweep and what its selectors are worth, in files: tidy CSV and one JSON."""

import json
from collections.abc import Mapping, Sequence

from lga_core.results import METRICS, Estimate, Stored, Sweep, Worth
from lga_core.view.export.html import table_csv
from lga_core.view.words.sweep_words import cheaper


def sweep_csv(sweeps: Mapping[str, Sweep], labels: Mapping[str, Mapping[int, str]]) -> str:
    """One line per fact and layer of each part ("proxy", "test"); what is not measured is left out."""
    return table_csv(
        (
            "part",
            "record",
            "fact",
            "editor",
            "layer",
            *METRICS,
            "overall",
            *(f"{name}_{what}" for name in METRICS for what in ("before", "probes", "nll")),
            "target_error",
            "delta_norm",
            "clamped",
            "steps",
        ),
        (
            (
                part,
                record,
                labels.get(part, {}).get(record, ""),
                sweep.editor,
                layer,
                *(float(sweep.after[name][row, column]) for name in METRICS),
                float(sweep.overall[row, column]),
                *(
                    value
                    for name in METRICS
                    for value in (
                        float(sweep.before[name][row]),
                        float(sweep.probes[name][row]),
                        float(sweep.nll[name][row, column]),
                    )
                ),
                *(
                    float(values[row, column])
                    for values in (sweep.target_error, sweep.delta_norm, sweep.clamped, sweep.steps)
                ),
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

    def bounds(estimate: Estimate) -> Sequence[float | None]:
        return estimate.value, estimate.low, estimate.high

    hits = tuple(worth.selectors[0].hits) if worth.selectors else ()
    return table_csv(
        (
            "selector",
            "layer",
            "own_layer",
            "judged_on",
            *(f"{name}{end}" for name in ("overall", "regret", "spearman") for end in ("", "_low", "_high")),
            *METRICS,
            *(f"{name}_n" for name in METRICS),
            "harmonic",
            *(f"hit_at_{k}" for k in hits),
            "n_judged",
            "n_picked_from",
            "seconds",
            "forward_rows",
            "backward_rows",
            "times_cheaper_than_the_sweep",
            "reason",
        ),
        (
            (
                item.pick.selector,
                item.pick.layer,
                item.pick.own_layer,
                "the same facts" if worth.in_sample else "held-out facts",
                *bounds(item.overall),
                *bounds(item.regret),
                *bounds(item.spearman),
                *(item.metrics[name].value for name in METRICS),
                *(item.metrics[name].n for name in METRICS),
                item.harmonic.value,
                *(item.hits[k] for k in hits),
                worth.n_facts,
                item.pick.n_facts,
                item.pick.cost.seconds,
                item.pick.cost.forward_rows,
                item.pick.cost.backward_rows,
                cheaper(worth, item),
                item.pick.reason,
            )
            for item in worth.selectors
        ),
    )


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
