"""`bench cma`: our causal trace beside ROME's own way and beside one whole run a layer and draw.

Two questions: the per-layer trace at the last subject token, and one fact's full trace of every token at every layer in
all three kinds. ROME's own way (kmeng01/rome, trace_with_patch) runs one batch of the clean and all corrupted rows
through the whole model for each state.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lga_core.bench.measure import FACT_SET, all_known, peak_in_own_process, seconds_of, some_facts
from lga_core.bench.speed.baselines import naive_clean_outputs, naive_restored_probability, rome_restored_probabilities
from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.models.text.tokens import prompt_row, subject_span
from lga_core.progress import Reporter, silent
from lga_core.results import Kind
from lga_core.scores.settings import CmaSettings
from lga_core.scores.tracing.cma import mlp_rows, noise_level, trace, traced_answer, window_size, window_state
from lga_core.scores.tracing.restore import State, record_runs

FACTS = 4
KINDS: tuple[Kind, ...] = ("hidden", "mlp", "attn")
Effects = list[np.ndarray]


def bench_cma(model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent) -> dict[str, Any]:
    """CMA: the per-layer MLP trace, and one fact's full trace of three kinds, against ROME's own way.

    All in one process with the same threads; peak memory of each way in a process of its own. The speedup is that of
    the per-layer trace against ROME's way.
    """
    model = load(model_name, report=report)
    facts = some_facts(limit or FACTS, seed)
    sigma = noise_level(model, facts)
    batched(model, facts[:1], sigma)  # warm up
    ways = {"batched": batched, "rome": rome, "plain": plain}
    layer_rows, layer_difference = _timed(model, ways, facts, sigma)
    full_rows, full_difference = _timed(model, {"full trace": full, "full trace, rome": rome_full}, facts[:1], sigma)
    for row in layer_rows:
        one = 1 if row["way"] == "plain" else len(facts)
        before, peak = peak_in_own_process(partial(ways[row["way"]], sigma=sigma), model_name, one, seed)
        row |= {"peak_bytes": peak, "peak_above_loaded_bytes": peak - before}
    fast, slow = layer_rows[0]["seconds"], layer_rows[1]["seconds"]
    return {
        "name": "cma",
        "speedup": slow / fast,
        "baseline_seconds": slow,
        "seconds": fast,
        "peak_bytes": layer_rows[0]["peak_bytes"],
        "rows": layer_rows + full_rows,
        "machine": model.machine,
        "settings": {
            "model": model_name,
            "facts": FACT_SET,
            "n_facts": len(facts),
            "seed": seed,
            "draws": CmaSettings().draws,
            "window": window_size(model.layers, "mlp"),
            "full_trace_speedup": full_rows[1]["seconds"] / full_rows[0]["seconds"],
            "largest_difference_of_effects": max(layer_difference, full_difference),
        },
    }


def _timed(
    model: LoadedModel, ways: dict[str, Callable[..., Effects]], facts: Sequence[Fact], sigma: float
) -> tuple[list[dict[str, Any]], float]:
    """A row for each way, and the largest difference of any way's effects from the first one's."""
    rows: list[dict[str, Any]] = []
    effects: dict[str, Effects] = {}
    for name, way in ways.items():
        effects[name] = []

        def run(way: Callable[..., Effects] = way, into: Effects = effects[name]) -> None:
            into.extend(way(model, facts, sigma))

        seconds = seconds_of(run, model.device)
        row = {"way": name, "seconds": seconds, "seconds_per_fact": seconds / len(facts)}
        rows.append(row | {"peak_bytes": None, "peak_above_loaded_bytes": None})
    first, *others = effects.values()
    differences = [np.abs(a - b).max() for other in others for a, b in zip(first, other, strict=True)]
    return rows, float(max(differences))


def batched(model: LoadedModel, facts: Sequence[Fact], sigma: float) -> Effects:
    """The engine's per-layer trace: (L,) mean effects a fact. It measures `sigma` again."""
    return [row.values["effect"] for row in mlp_rows(model, facts, all_known(facts), CmaSettings())]


def rome(model: LoadedModel, facts: Sequence[Fact], sigma: float) -> Effects:
    """ROME's way of the per-layer trace."""
    return [
        _rome_effects(model, fact, "mlp", sigma, [subject_span(model.asking, fact.prompt, fact.span)[1] - 1])[0]
        for fact in facts
    ]


def full(model: LoadedModel, facts: Sequence[Fact], sigma: float) -> Effects:
    """The engine's full trace, with the attribution patching that stands beside it: (T, L) a fact and kind."""
    return [
        trace(model, fact, check, kind, CmaSettings(), sigma).effect
        for fact, check in zip(facts, all_known(facts), strict=True)
        for kind in KINDS
    ]


def rome_full(model: LoadedModel, facts: Sequence[Fact], sigma: float) -> Effects:
    """ROME's way of the full trace."""
    return [
        _rome_effects(model, fact, kind, sigma, range(len(prompt_row(model.asking, fact.prompt))))
        for fact in facts
        for kind in KINDS
    ]


def _rome_effects(model: LoadedModel, fact: Fact, kind: Kind, sigma: float, positions: Sequence[int]) -> np.ndarray:
    """Mean effects (positions, L)."""
    settings = CmaSettings()
    window = window_size(model.layers, kind)
    (check,) = all_known([fact])
    _, token, _ = traced_answer(model, fact, check)
    noise = {"noise": settings.noise * sigma, "draws": settings.draws, "seed": settings.seed}
    if token is None:
        token = record_runs(model, fact, None, kind, **noise).answer

    def probability(state: State) -> float:
        restored = rome_restored_probabilities(model, fact, token, kind, state, **noise)
        return float(restored.double().mean())

    corrupted = probability(State(tokens=(), first=0, last=0))
    return np.array(
        [
            [
                probability(window_state((position,), layer, window, model.layers)) - corrupted
                for layer in range(model.layers)
            ]
            for position in positions
        ]
    )


def plain(model: LoadedModel, facts: Sequence[Fact], sigma: float) -> Effects:
    """The plain way: for every layer and draw one whole run of batch 1; (L,) mean effects a fact."""
    settings = CmaSettings()
    window = window_size(model.layers, "mlp")
    noise = settings.noise * sigma
    effects: Effects = []
    for fact, check in zip(facts, all_known(facts), strict=True):
        token = traced_answer(model, fact, check)[1]
        runs = record_runs(model, fact, token, "mlp", noise=noise, draws=settings.draws, seed=settings.seed)
        clean = naive_clean_outputs(model, fact, "mlp")
        restored = [
            [
                naive_restored_probability(
                    model, fact, runs.answer, "mlp", state, draw, clean, noise=noise, seed=settings.seed
                )
                for draw in range(settings.draws)
            ]
            for state in (
                window_state((runs.subject[1] - 1,), layer, window, model.layers) for layer in range(model.layers)
            )
        ]
        effects.append(np.mean(restored, axis=1) - float(runs.p_corrupted.double().mean()))
    return effects
