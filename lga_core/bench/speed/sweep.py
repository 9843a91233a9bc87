"""`bench sweep`: the batched sweep against the same editor run one fact and one layer at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from lga_core.bench.measure import FACT_SET, peak_memory, seconds_of, some_facts
from lga_core.bench.quality.r_rome import spread_layers
from lga_core.bench.speed.baselines import naive_edit
from lga_core.data.facts import Fact
from lga_core.editing.search.values import searched_anew
from lga_core.editing.settings import RRomeSettings
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.models.moments.second_moment import second_moments
from lga_core.progress import Reporter, silent
from lga_core.results import METRICS, SweepCell
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import known_fact_checks
from lga_core.scores.gradients.lga import gradient_rows
from lga_core.scores.settings import GradientSettings

FACTS, LAYERS = 8, 6


def bench_sweep(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """The sweep, technique by technique, against one fact and layer at a time; and LGA against the sweep of all layers.

    The plain way searches v* with all contexts in one batch, the head at the answers' positions and an early stop, but
    runs the whole model at every step. R-ROME with its defaults; every v* is searched anew in each of the ways.
    """
    model = load(model_name, report=report)
    facts = some_facts(limit or FACTS, seed)
    settings = RRomeSettings()
    layers = spread_layers(model, LAYERS)
    second_moments(model, range(model.layers), settings.seed, report=report)  # they are every way's alike
    checks = known_fact_checks(model, facts, Store(), report=report)
    list(gradient_rows(model, facts[:1], checks[:1], GradientSettings()))
    plain: list[SweepCell] = []
    batched: list[SweepCell] = []
    ways: dict[str, Callable[[], Any]] = {
        "one fact and layer at a time, whole model": lambda: plain.extend(
            naive_edit(model, fact, layer, settings) for fact in facts for layer in layers
        ),
        "+ from the edited block and the subject on": lambda: [
            _cells(model, [fact], [layer], settings) for fact in facts for layer in layers
        ],
        "+ one run below for all layers": lambda: [_cells(model, [fact], layers, settings) for fact in facts],
        "+ all facts in one batch": lambda: batched.extend(_cells(model, facts, layers, settings)),
        "all facts, all layers": lambda: _cells(model, facts, range(model.layers), settings),
        "LGA of the same facts": lambda: list(gradient_rows(model, facts, checks, GradientSettings())),
    }
    seconds: dict[str, float] = {}
    with searched_anew(), peak_memory(model.device) as peak:
        for way, work in ways.items():
            seconds[way] = seconds_of(work, model.device)
    slow, *_techniques, fast, whole, _lga = seconds.values()
    return {
        "name": "sweep",
        "speedup": slow / fast,
        "baseline_seconds": slow,
        "seconds": fast,
        "peak_bytes": peak.bytes,
        "rows": [
            {"way": way, "seconds": spent, "times_faster": _ratio(way, spent, slow, whole)}
            for way, spent in seconds.items()
        ],
        "machine": model.machine,
        "settings": {
            "model": model_name,
            "facts": FACT_SET,
            "n_facts": len(facts),
            "layers": layers,
            "seed": seed,
            "editor": "r-rome",
            "threads": torch.get_num_threads(),
            "rows_that_left_early": left_early(batched),
            **differences(plain, batched),
        },
    }


def _cells(
    model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: RRomeSettings
) -> list[SweepCell]:
    return list(sweep_cells(model, facts, layers, "r-rome", settings))


def _ratio(way: str, seconds: float, slow: float, whole: float) -> float | None:
    """Against the plain way; LGA against the sweep of all layers, which it replaces."""
    if way.startswith("all facts"):
        return None
    return (whole if way.startswith("LGA") else slow) / seconds


def left_early(cells: Sequence[SweepCell]) -> float:
    """Share of a batch's search steps that its facts at the stop loss were spared."""
    by_layer: dict[int, list[int]] = {}
    for cell in cells:
        by_layer.setdefault(cell.layer, []).append(len(cell.losses))
    return 1 - sum(map(sum, by_layer.values())) / sum(max(steps) * len(steps) for steps in by_layer.values())


def differences(plain: Sequence[SweepCell], batched: Sequence[SweepCell]) -> dict[str, Any]:
    """How far the batched cells are from the plain ones."""
    ours = {(cell.record, cell.layer): cell for cell in batched}
    pairs = [(cell, ours[cell.record, cell.layer]) for cell in plain]
    return {
        "largest_relative_difference_of_norms": max(
            abs(one.delta_norm - other.delta_norm) / max(one.delta_norm, 1e-12) for one, other in pairs
        ),
        "cells_with_other_accuracies": sum(
            any(one.after[name] != other.after[name] for name in METRICS) for one, other in pairs
        ),
        "cells": len(pairs),
    }
