"""Many edits in words: where they collapse and by which rule, and what the numbers are means of."""

from lga_core.results import KEPT_SHARE, KL_BOUND, EditCheckpoint, ManyEdits
from lga_core.view.words.protocol import not_asked_words
from lga_core.view.words.text import count, number

COLLAPSE_RULE = (
    "Collapse begins at the first checkpoint where rewrite of all edits so far is under "
    f"{'half' if KEPT_SHARE == 0.5 else f'{KEPT_SHARE:g}'} of its first value, or drift on neutral prompts is beyond "
    f"{KL_BOUND:g} nats, or not finite."
)


def collapse_sentence(result: ManyEdits) -> str:
    """Between which numbers of edits the collapse begins, and by what; or that there is none so far."""
    done = result.checkpoints[-1].edits if result.checkpoints else 0
    collapse = result.collapse
    if collapse is None:
        return f"No collapse up to {count(done, 'edit')}." if done else "Nothing is edited yet."
    reasons = []
    if collapse.rewrite is not None:
        reasons.append(f"rewrite of all edits fell to {collapse.rewrite:.0f} %, from {collapse.first:.0f} % at first")
    if collapse.kl is not None:
        reasons.append(f"drift reached {number(collapse.kl, 2)} nats")
    if collapse.broken:
        reasons.append("the model’s probabilities are no finite numbers any more")
    return f"Collapse begins between {collapse.before:,} and {count(collapse.edits, 'edit')}: {' and '.join(reasons)}."


def counts_sentence(result: ManyEdits) -> str:
    """What the last checkpoint's numbers are means of, by which protocol, and which probes are not asked."""
    if not result.checkpoints:
        return ""
    last = result.checkpoints[-1]
    return (
        "Teacher-forced token accuracy, percent, mean over facts. "
        f"After {count(last.edits, 'edit')}: rewrite n {last.n_rewrite}, of the latest n {last.n_latest}, "
        f"rephrase n {last.n_rephrase}; locality of the same {count(last.n_locality, 'probe')} throughout. "
        f"{not_asked_words(result.left_out, result.dropped_locality, 'caps of the run')}"
    )


def largest_ratio(checkpoint: EditCheckpoint) -> float | None:
    """‖ΣΔW‖ / ‖W‖ of the matrix that is changed most."""
    return max((ratio for ratio in checkpoint.norm_ratios if ratio is not None), default=None)


def checkpoint_rows(result: ManyEdits) -> list[dict[str, float | None]]:
    """A checkpoint a row; None where a number cannot be had."""
    return [
        {
            "edits": item.edits,
            "rewrite, all": item.rewrite,
            "n": item.n_rewrite,
            "rewrite, latest": item.latest,
            "n, latest": item.n_latest,
            "rephrase": item.rephrase,
            "n, rephrase": item.n_rephrase,
            "locality": item.locality,
            "drift, nats": item.kl,
            "fluency": item.fluency,
            "‖ΣΔW‖ / ‖W‖": largest_ratio(item),
            "seconds": item.cost.seconds,
        }
        for item in result.checkpoints
    ]
