"""`bench cma`: the batched, suffix-only causal trace against one whole run per layer and draw."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lga_core.bench.baselines import naive_clean_outputs, naive_restored_probability
from lga_core.bench.measure import all_known, in_own_process, peak_memory, product_rate, seconds_of
from lga_core.data.facts import Fact
from lga_core.data.load import choose, load_facts
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.progress import Reporter, silent
from lga_core.results import FactRow
from lga_core.scores.settings import CmaSettings
from lga_core.scores.tracing.cma import mlp_rows, noise_level, traced_answer, window_size, window_state
from lga_core.scores.tracing.restore import record_runs

FACTS, FACT_SET = 4, "world"


def bench_cma(model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent) -> dict[str, Any]:
    """CMA: the per-layer MLP trace in batched suffixes against one whole run per layer and draw.

    Both in one process with the same threads; peak memory of each in a process of its own.
    """
    model = load(model_name, report=report)
    facts = choose(load_facts(FACT_SET).facts, limit or FACTS, seed)
    sigma = noise_level(model, facts)
    batched(model, facts[:1])  # warm up
    ours: list[FactRow] = []
    plain: list[np.ndarray] = []
    fast = seconds_of(lambda: ours.extend(batched(model, facts)), model.device)
    slow = seconds_of(lambda: plain.extend(naive(model, facts, sigma)), model.device)
    difference = max(
        float(np.max(np.abs(row.values["effect"] - effects))) for row, effects in zip(ours, plain, strict=True)
    )
    rows = []
    for way, seconds in (("batched", fast), ("naive", slow)):
        before, peak = in_own_process(_peak_of, way, model_name, len(facts) if way == "batched" else 1, seed)
        rows.append(
            {
                "way": way,
                "seconds": seconds,
                "seconds_per_fact": seconds / len(facts),
                "peak_bytes": peak,
                "peak_above_loaded_bytes": peak - before,
            }
        )
    return {
        "name": "cma",
        "speedup": slow / fast,
        "baseline_seconds": slow,
        "seconds": fast,
        "peak_bytes": rows[0]["peak_bytes"],
        "rows": rows,
        "machine": model.machine,
        "settings": {
            "model": model_name,
            "facts": FACT_SET,
            "n_facts": len(facts),
            "seed": seed,
            "draws": CmaSettings().draws,
            "window": window_size(model.layers, "mlp"),
            "largest_difference_of_effects": difference,
        },
    }


def batched(model: LoadedModel, facts: Sequence[Fact]) -> list[FactRow]:
    """The engine's way."""
    return list(mlp_rows(model, facts, all_known(facts), CmaSettings()))


def naive(model: LoadedModel, facts: Sequence[Fact], sigma: float) -> list[np.ndarray]:
    """The plain way: for every layer and draw one whole run of batch 1; (L,) mean effects a fact."""
    settings = CmaSettings()
    window = window_size(model.layers, "mlp")
    effects: list[np.ndarray] = []
    for fact, check in zip(facts, all_known(facts), strict=True):
        token = traced_answer(model, fact, check)[1]
        runs = record_runs(
            model, fact, token, "mlp", noise=settings.noise * sigma, draws=settings.draws, seed=settings.seed
        )
        clean = naive_clean_outputs(model, fact, "mlp")
        restored = [
            [
                naive_restored_probability(
                    model,
                    fact,
                    token,
                    "mlp",
                    window_state((runs.subject[1] - 1,), layer, window, model.layers),
                    draw,
                    clean,
                    noise=settings.noise * sigma,
                    seed=settings.seed,
                )
                for draw in range(settings.draws)
            ]
            for layer in range(model.layers)
        ]
        effects.append(np.mean(restored, axis=1) - float(runs.p_corrupted.double().mean()))
    return effects


def _peak_of(way: str, model_name: str, limit: int, seed: int) -> tuple[int, int]:
    """Resident bytes after loading, and at the peak of one run."""
    model = load(model_name)
    facts = choose(load_facts(FACT_SET).facts, limit, seed)
    with peak_memory(model.device) as loaded:
        product_rate(model.device, model.dtype)
    with peak_memory(model.device) as peak:
        if way == "batched":
            batched(model, facts)
        else:
            naive(model, facts, noise_level(model, facts))
    return loaded.bytes, peak.bytes
