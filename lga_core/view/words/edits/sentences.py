"""An edit in words: percentages before and after, a relative error, and whether its second moments are at hand."""

import math
from typing import Literal

from lga_core.results import Adapter, FactMean, MemoryEstimate, MergedModel, Metric, Sweep
from lga_core.view.words.sentences import layers_in_words
from lga_core.view.words.text import fixed

Protocol = Literal["teacher_forced", "free"]


def before_after(before: Metric | FactMean, after: Metric | FactMean, protocol: Protocol) -> str:
    """ "0 → 100", percent; n/a where nothing was asked."""
    if not after.n:
        return "n/a"
    return f"{fixed(getattr(before, protocol))} → {fixed(getattr(after, protocol))}"


def relative_error(value: float | None) -> str:
    """ "1.2e-05"; n/a where there is none, or it is not finite."""
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.1e}"


def moment_sentence(need: MemoryEstimate) -> str | None:
    """Whether the second moments of an edit are at hand; None where it needs none."""
    if not need.second_moments:
        return None
    if not need.to_collect:
        return "The second moments C are at hand."
    return f"The second moment C of {layers_in_words(need.to_collect)} is collected first, and kept for later edits."


def best_layer_sentence(sweep: Sweep, best: int | None, golden: int | None) -> str:
    """The best layer for one fact beside the golden layer of the last scores, with Overall after the edit there.

    `sweep`: of this one fact; `best`: None before it is complete.
    """
    if best is None:
        return "The best layer for this fact is named when every layer is measured."
    overall = dict(zip(sweep.layers, sweep.overall[0], strict=True))
    tied = [layer for layer in sweep.layers if math.isclose(overall[layer], overall[best], abs_tol=1e-9)]
    each = " each" if len(tied) > 1 else ""
    words = f"Best for this fact: {layers_in_words(tied)}, Overall {fixed(overall[best])} %{each}."
    if golden is None:
        return f"{words} No golden layer is known yet: score the layers first."
    if golden == best and len(tied) == 1:
        return f"{words} It is the golden layer of the last scores too."
    if golden in tied:
        return f"{words} Among them is {golden}, the golden layer of the last scores."
    return f"{words} Golden layer of the last scores: {golden}, Overall {fixed(overall[golden])} %."


ROUNDING_BOUND = 0.05  # of ‖ΔW‖: beyond it a merged model is not the edited one


def merged_words(merged: MergedModel) -> str:
    """Where it lies, and a warning of each edit of which rounding to the weights' dtype takes much."""
    lost = [f"{matrix} {error:.0%}" for matrix, error in merged.errors.items() if error > ROUNDING_BOUND]
    if not lost:
        return f"Merged model in {merged.folder}"
    return (
        f"Merged model in {merged.folder}. Warning: rounding to the model's dtype loses much of ‖ΔW‖: "
        f"{'; '.join(lost)}. Load the model in float32 and export again, or export a LoRA adapter."
    )


def adapter_words(adapter: Adapter) -> str:
    """Where it lies, of which ranks, and what an approximation by SVD leaves out."""
    parts = []
    for matrix, rank in adapter.ranks.items():
        left_out = adapter.errors.get(matrix)
        parts.append(f"{matrix} rank {rank}" + ("" if left_out is None else f", {left_out:.0%} of ‖ΔW‖ left out"))
    return f"LoRA adapter in {adapter.folder}: {'; '.join(parts)}"
