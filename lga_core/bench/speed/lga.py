"""`bench lga`: the batched gradient product against the naive double backward, fact by fact."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
import torch

from lga_core.bench.measure import FACT_SET, all_known, peak_in_own_process, product_rate, seconds_of, some_facts
from lga_core.bench.speed.baselines import naive_gradient_products
from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.models.text.tokens import TokenRow, sequence_row
from lga_core.progress import Reporter, silent
from lga_core.results import FactRow
from lga_core.scores.gradients.lga import gradient_rows
from lga_core.scores.settings import GradientSettings

FACTS, REPEATS = 32, 3


def bench_lga(model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent) -> dict[str, Any]:
    """LGA: one batched forward and backward against two backward passes a fact that form every MLP gradient.

    Both in one process with the same threads, in turn; peak memory of each in a process of its own.
    """
    model = load(model_name, report=report)
    facts = some_facts(limit or FACTS, seed)
    batched(model, facts[:4])  # warm up both
    naive(model, facts[:1])
    fast: list[float] = []
    slow: list[float] = []
    for _ in range(REPEATS):
        fast.append(seconds_of(lambda: batched(model, facts), model.device))
        slow.append(seconds_of(lambda: naive(model, facts), model.device))
    rate = product_rate(model.device, model.dtype)
    apart = difference(model, facts)
    rows = []
    for name, way, seconds, operations in (
        ("batched", batched, median(fast), _batched_operations(model, facts)),
        ("naive", naive, median(slow), _naive_operations(model, facts)),
    ):
        before, peak = peak_in_own_process(way, model_name, len(facts), seed)
        rows.append(
            {
                "way": name,
                "seconds": seconds,
                "seconds_per_fact": seconds / len(facts),
                "peak_bytes": peak,
                "peak_above_loaded_bytes": peak - before,
                "share_of_product_rate": operations / seconds / rate,
            }
        )
    return {
        "name": "lga",
        "speedup": median(b / a for a, b in zip(fast, slow, strict=True)),
        "baseline_seconds": median(slow),
        "seconds": median(fast),
        "peak_bytes": rows[0]["peak_bytes"],
        "rows": rows,
        "machine": model.machine,
        "settings": {
            "model": model_name,
            "facts": FACT_SET,
            "n_facts": len(facts),
            "seed": seed,
            "repeats": REPEATS,
            "product_rate_flops": rate,
            "largest_difference_of_norms_product": apart,
        },
    }


def batched(model: LoadedModel, facts: Sequence[Fact]) -> list[FactRow]:
    """The engine's way, in the facts' order; the known-fact checks are not part of it."""
    rows = {row.record: row for row in gradient_rows(model, facts, all_known(facts), GradientSettings())}
    return [rows[fact.record] for fact in facts]


def naive(model: LoadedModel, facts: Sequence[Fact]) -> list[torch.Tensor]:
    """The plain way: batch 1, gradients of the MLP weights only."""
    matrices = tuple(block.mlp_linears for block in model.architecture.blocks)
    return [naive_gradient_products(model, old, new, matrices) for old, new in _pairs(model, facts)]


def difference(model: LoadedModel, facts: Sequence[Fact]) -> float:
    """Largest |batched − naive| as a share of the two norms' product, over all facts and layers."""
    return max(
        float(
            np.max(
                np.abs(row.values["product/mlp"] - plain.numpy())
                / (row.values["norm-old/mlp"] * row.values["norm-new/mlp"])
            )
        )
        for row, plain in zip(batched(model, facts), naive(model, facts), strict=True)
    )


def _pairs(model: LoadedModel, facts: Sequence[Fact]) -> list[tuple[TokenRow, TokenRow]]:
    return [
        (
            sequence_row(model.asking, fact.prompt, fact.target_old[0]),
            sequence_row(model.asking, fact.prompt, fact.target_new),
        )
        for fact in facts
    ]


def _weights(model: LoadedModel) -> tuple[int, int]:
    """Matrix entries of the blocks: all, and those of the MLPs."""
    mlp = sum(linear.weight.numel() for block in model.architecture.blocks for linear in block.mlp_linears)
    attention = sum(linear.weight.numel() for block in model.architecture.blocks for linear in block.attn_linears)
    return mlp + attention, mlp


def _batched_operations(model: LoadedModel, facts: Sequence[Fact]) -> float:
    """What it must do, 2 operations a weight and token: forward, and backward to the activations; pads do not count.

    An answer's last token is never an input; two answers that leave the same inputs share their forward pass.
    """
    tokens = sum(
        3 * (len(old) - 1) if old.ids[:-1] == new.ids[:-1] else 2 * (len(old) + len(new) - 2)
        for old, new in _pairs(model, facts)
    )
    return 2 * _weights(model)[0] * tokens


def _naive_operations(model: LoadedModel, facts: Sequence[Fact]) -> float:
    """Forward and backward of two rows a fact, and the MLP weights' own gradients."""
    everything, mlp = _weights(model)
    return (4 * everything + 2 * mlp) * sum(len(old) + len(new) for old, new in _pairs(model, facts))
