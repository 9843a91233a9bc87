"""An edit in words: percentages before and after, a relative error, and what its second moments take."""

import math
from typing import Literal

from lga_core.results import Adapter, FactMean, Metric, MomentPlan, Sweep
from lga_core.view.words.sentences import duration, layers_in_words, memory_size
from lga_core.view.words.text import count, fixed

Protocol = Literal["teacher_forced", "free"]


def before_after(before: Metric | FactMean, after: Metric | FactMean, protocol: Protocol) -> str:
    """ "0 → 100", percent; n/a where nothing was asked."""
    if not after.n:
        return "n/a"
    return f"{fixed(getattr(before, protocol))} → {fixed(getattr(after, protocol))}"


def relative_error(value: float | None) -> str:
    """ "1.2e-05"; n/a where there is none, or it is not finite."""
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.1e}"


def moment_headline(plan: MomentPlan) -> str:
    """Whether second moments must be computed before the edit, and how long that takes."""
    if plan.ready:
        return f"Second moment C of {layers_in_words(plan.layers)}: kept, nothing to compute."
    time = "time not known yet" if plan.seconds is None else f"about {duration(plan.seconds)}"
    return f"The second moment C comes first: {time}."


def moment_details(plan: MomentPlan, text: str) -> str:
    """What is computed, from which text, and what it takes. `text`: in words, or a name."""
    written = ", which it writes first" if plan.tokens_to_write else ""
    passes = "" if plan.passes == 1 else f", {plan.passes} passes"
    return (
        f"{count(len(plan.filled), 'layer')} from {plan.tokens_to_read:,} tokens of {text}{written}{passes}; "
        f"{memory_size(plan.disk_bytes)} on disk, {memory_size(plan.memory_bytes)} of memory. Kept, so that later "
        "edits need none of it."
    )


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


def adapter_words(adapter: Adapter) -> str:
    """Where it lies, of which ranks, and what an approximation by SVD leaves out."""
    parts = []
    for matrix, rank in adapter.ranks.items():
        left_out = adapter.errors.get(matrix)
        parts.append(f"{matrix} rank {rank}" + ("" if left_out is None else f", {left_out:.0%} of ‖ΔW‖ left out"))
    return f"LoRA adapter in {adapter.folder}: {'; '.join(parts)}"
