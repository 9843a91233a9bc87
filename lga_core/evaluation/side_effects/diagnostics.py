"""What edits did to the model beside the facts: drift of next-token distributions on neutral prompts, and fluency.

A number that is out of bounds becomes a warning in words, with its bound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch.nn import functional

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied, summed
from lga_core.evaluation.metrics.unedited import remembered
from lga_core.evaluation.side_effects.fluency import continuations, fluency
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import ActivationCache, answer_nll, final_hidden, record_activations, resume
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.resources import ASSETS
from lga_core.results import KL_BOUND, Diagnostics, norm_ratio

PROMPTS = ASSETS / "neutral_prompts.txt"
BATCH = 25  # prompts together: 26 MB of log-probabilities over 262k words
# Seen with R-ROME's defaults on the two default models: drift 9e-4 to 0.03 nats, ratio 0.1 to 0.63. Scaled up, or
# searched with ten times the learning rate, edited models wrote language still at a drift of 0.27 nats, repeated
# themselves at 0.86 and fell apart at 1.5; at a ratio of 1.5 some neutral prompts had moved by more than a nat.
RATIO_BOUND = 1.0  # the change is as large as the weights
NOTHING_NLL = 0.1  # nats by which the new answer's nll must fall
SEED = 0  # of the continuations
KEPT_BYTES = 128 * 2**20  # of what blocks were given for the neutral prompts, for each batch
# The unedited model's runs of the neutral prompts, each by the number of its batch's first prompt.
_unedited: WeakKeyDictionary[LoadedModel, dict[int, "_Neutral"]] = WeakKeyDictionary()


def neutral_prompts() -> tuple[str, ...]:
    """Short beginnings of sentences about nothing in particular; lines that start with # are not among them."""
    lines = PROMPTS.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def diagnose(model: LoadedModel, fact: Fact, edits: Sequence[Edit], *, report: Reporter = silent) -> Diagnostics:
    """Compare the model before and after the edits that wrote a fact. Reports after each batch and token."""
    divergences = drift(model, edits, report=report)
    text_before, text_after = continuations(model, fact.prompt, edits, SEED, report=report)
    finite = all(map(math.isfinite, divergences))
    kl = sum(divergences) / len(divergences) if finite else None
    ratios = norm_ratios(model, edits)
    nll_before, nll_after = _target_nlls(model, fact, edits, (False, True))
    broken = not finite or nll_after is None or not all(math.isfinite(edit.norm) for edit in edits)
    return Diagnostics(
        kl=kl,
        kl_largest=max(divergences) if finite else None,
        n_prompts=len(divergences),
        fluency_before=fluency(text_before),
        fluency_after=fluency(text_after),
        text_before=text_before,
        text_after=text_after,
        norm_ratios=ratios,
        warnings=(*_blown_up(kl, ratios, broken=broken), *_without_effect(nll_before, nll_after)),
    )


def norm_ratios(model: LoadedModel, edits: Sequence[Edit]) -> tuple[float | None, ...]:
    """‖ΔW‖ / ‖W‖ (Frobenius) of each edited matrix, by layer; edits of one matrix are summed. As `norm_ratio`."""
    return tuple(
        norm_ratio(edit.norm, float(model.model.get_submodule(edit.matrix).weight.float().norm()))
        for edit in summed(edits)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Neutral:
    """A batch of neutral prompts, run once on the unedited model."""

    activations: ActivationCache  # an edit's run goes on from the nearest block that is kept below it
    final: torch.Tensor  # (B, d) normed, after each prompt's last token

    @classmethod
    def run(cls, model: LoadedModel, rows: Sequence[TokenRow]) -> "_Neutral":
        batch = Batch.of(rows, model.device, side="left")
        block_bytes = batch.ids.numel() * model.architecture.hidden_size * model.dtype.itemsize
        step = -(-model.layers * block_bytes // KEPT_BYTES)
        activations = record_activations(model, batch, {*range(0, model.layers, step), model.layers})
        return cls(activations=activations, final=resume(model, activations, model.layers)[:, -1].clone())

    def under(self, model: LoadedModel, edits: Sequence[Edit]) -> torch.Tensor:
        """`final` (B, d) with edits applied."""
        lowest = min((edit.layer for edit in edits), default=model.layers)
        start = max(block for block in self.activations.hidden if block <= lowest)
        with applied(model, edits):
            return resume(model, self.activations, start)[:, -1]


def drift(model: LoadedModel, edits: Sequence[Edit], *, report: Reporter = silent) -> list[float]:
    """KL(before ‖ after) of the next token after each neutral prompt, nats; not finite where edits broke the model."""
    rows = [prompt_row(model.asking, text) for text in neutral_prompts()]
    kept = remembered(_unedited, model, dict)
    divergences: list[float] = []
    for first in range(0, len(rows), BATCH):
        with model.using(Phase.DRIFT), torch.no_grad():
            if first not in kept:
                kept[first] = _Neutral.run(model, rows[first : first + BATCH])
            after = kept[first].under(model, edits)
            log_before = model.architecture.logits(kept[first].final).log_softmax(-1)  # (B, V)
            log_after = model.architecture.logits(after).log_softmax(-1)
            terms = functional.kl_div(log_after, log_before, reduction="none", log_target=True)
            divergences += terms.sum(-1).clamp(min=0).tolist()  # rounding may leave a hair below zero
        report(Progress(phase=Phase.DRIFT, done=len(divergences), total=len(rows)))
    return divergences


def target_nll(model: LoadedModel, fact: Fact, edits: Sequence[Edit]) -> float | None:
    """nll of the fact's new answer with edits applied, nats; None where they broke the model."""
    return _target_nlls(model, fact, edits, (True,))[0]


def _target_nlls(
    model: LoadedModel, fact: Fact, edits: Sequence[Edit], edited: Sequence[bool]
) -> tuple[float | None, ...]:
    """`target_nll` with the edits (True) or without them, in one batch; those without come first."""
    rows = [answer_row(model.asking, fact.prompt, fact.target_new)] * len(edited)
    batch = Batch.of(rows, model.device)
    index = AnswerIndex.of(rows, batch)
    first = edited.index(True)
    with model.using("reading the new answer"), applied(model, edits, first_row=first), torch.no_grad():
        means = index.mean_by_row(answer_nll(model, final_hidden(model, batch), index)).tolist()
    return tuple(nll if math.isfinite(nll) else None for nll in means)


def _blown_up(kl: float | None, ratios: Sequence[float | None], *, broken: bool) -> list[str]:
    warnings = []
    if broken:
        warnings.append("The edit blew up: the model's probabilities are no longer finite numbers.")
    elif kl is not None and kl > KL_BOUND:
        warnings.append(
            f"The edit blew up: answers to neutral prompts moved by {kl:.2g} nats of KL on average "
            f"(bound {KL_BOUND:g})."
        )
    if (largest := max((ratio for ratio in ratios if ratio is not None), default=0.0)) > RATIO_BOUND:
        warnings.append(
            f"The edit blew up: the change is {largest:.2g} times as large as the weights it is added to "
            f"(bound {RATIO_BOUND:g})."
        )
    return warnings


def _without_effect(nll_before: float | None, nll_after: float | None) -> list[str]:
    """By the new answer: a precise edit may leave neutral prompts as they were. One that was given before may be."""
    if nll_before is None or nll_after is None or nll_after <= max(nll_before - NOTHING_NLL, NOTHING_NLL):
        return []
    return [
        f"The edit did not take: the new answer's nll went from {nll_before:.2f} to "
        f"{nll_after:.2f} nats (bound: down by {NOTHING_NLL:g})."
    ]
