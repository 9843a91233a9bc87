"""What edits did to the model beside the facts: drift of next-token distributions on neutral prompts, and fluency.

A number that is out of bounds becomes a warning in words, with its bound.
"""

import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from torch.nn import functional

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied, summed
from lga_core.evaluation.fluency import continuations, fluency
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import answer_nll, final_hidden
from lga_core.models.text.tokens import AnswerIndex, Batch, answer_row, prompt_row
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.resources import ASSETS
from lga_core.results import Diagnostics

PROMPTS = ASSETS / "neutral_prompts.txt"
BATCH = 25  # prompts together: 26 MB of log-probabilities over 262k words
# Seen with R-ROME's defaults on the two default models: drift 9e-4 to 0.03 nats, ratio 0.1 to 0.63. Scaled up, or
# searched with ten times the learning rate, edited models wrote language still at a drift of 0.27 nats, repeated
# themselves at 0.86 and fell apart at 1.5; at a ratio of 1.5 some neutral prompts had moved by more than a nat. An edit
# after one step of next to no length had a drift of 6e-8 nats.
KL_BOUND = 0.5  # nats, mean over the prompts
RATIO_BOUND = 1.0  # the change is as large as the weights
NOTHING_NLL = 0.1  # nats by which the new answer's nll must fall
NOTHING_KL = 1e-5  # nats, where no new answer is known
# What the unedited model makes of the neutral prompts: by the first of a batch, (B, d) before the head.
_unedited: WeakKeyDictionary[LoadedModel, dict[int, torch.Tensor]] = WeakKeyDictionary()


def neutral_prompts() -> tuple[str, ...]:
    """Short beginnings of sentences about nothing in particular; lines that start with # are not among them."""
    lines = PROMPTS.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def diagnose(
    model: LoadedModel, about: Fact | str, edits: Sequence[Edit], *, seed: int = 0, report: Reporter = silent
) -> Diagnostics:
    """Compare the model before and after edits. `about` is the fact that was written, or a prompt to continue.

    With a fact that has a new answer, an edit that hardly moved it is a warning. Reports after each batch and token.
    """
    prompt = about if isinstance(about, str) else about.prompt
    divergences = _drift(model, edits, report=report)
    text_before, text_after = continuations(model, prompt, edits, seed, report=report)
    finite = all(map(math.isfinite, divergences))
    kl = sum(divergences) / len(divergences) if finite else None
    ratios = norm_ratios(model, edits)
    fact = about if isinstance(about, Fact) and about.target_new is not None else None
    nll_before = target_nll(model, fact, ()) if fact else None
    nll_after = target_nll(model, fact, edits) if fact else None
    broken = not finite or (fact is not None and nll_after is None) or None in ratios
    return Diagnostics(
        kl=kl,
        kl_largest=max(divergences) if finite else None,
        n_prompts=len(divergences),
        fluency_before=fluency(text_before),
        fluency_after=fluency(text_after),
        text_before=text_before,
        text_after=text_after,
        norm_ratios=ratios,
        warnings=(*_blown_up(kl, ratios, broken=broken), *_without_effect(kl, nll_before, nll_after)),
    )


def norm_ratios(model: LoadedModel, edits: Sequence[Edit]) -> tuple[float | None, ...]:
    """‖ΔW‖ / ‖W‖ (Frobenius) of each edited matrix, by layer; edits of one matrix are summed. None: not finite."""
    ratios = (edit.norm / float(model.model.get_submodule(edit.matrix).weight.float().norm()) for edit in summed(edits))
    return tuple(ratio if math.isfinite(ratio) else None for ratio in ratios)


def _drift(model: LoadedModel, edits: Sequence[Edit], *, report: Reporter) -> list[float]:
    """KL(before ‖ after) of the next token after each neutral prompt, nats."""
    rows = [prompt_row(model.asking, text) for text in neutral_prompts()]
    kept = _unedited.setdefault(model, {})
    divergences: list[float] = []
    for first in range(0, len(rows), BATCH):
        with model.using(Phase.DRIFT), torch.no_grad():
            batch = Batch.of(rows[first : first + BATCH], model.device, side="left")
            if first not in kept:
                kept[first] = final_hidden(model, batch)[:, -1].clone()
            with applied(model, edits):
                after = final_hidden(model, batch)[:, -1]
                log_after = model.architecture.logits(after).log_softmax(-1)  # (B, V)
            log_before = model.architecture.logits(kept[first]).log_softmax(-1)
            terms = functional.kl_div(log_after, log_before, reduction="none", log_target=True)
            divergences += terms.sum(-1).clamp(min=0).tolist()  # rounding may leave a hair below zero
        report(Progress(phase=Phase.DRIFT, done=len(divergences), total=len(rows)))
    return divergences


def target_nll(model: LoadedModel, fact: Fact, edits: Sequence[Edit]) -> float | None:
    """nll of the fact's new answer with edits applied, nats; None where they broke the model."""
    row = answer_row(model.asking, fact.prompt, fact.target_new)
    batch = Batch.of([row], model.device)
    index = AnswerIndex.of([row], batch)
    with model.using("reading the new answer"), applied(model, edits), torch.no_grad():
        nll = float(index.mean_by_row(answer_nll(model, final_hidden(model, batch), index))[0])
    return nll if math.isfinite(nll) else None


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


def _without_effect(kl: float | None, nll_before: float | None, nll_after: float | None) -> list[str]:
    """By the new answer where one is known: a precise edit may leave neutral prompts as they were."""
    if nll_before is not None and nll_after is not None:
        if nll_after <= nll_before - NOTHING_NLL:
            return []
        return [
            f"The edit did not take: the new answer's nll went from {nll_before:.2f} to "
            f"{nll_after:.2f} nats (bound: down by {NOTHING_NLL:g})."
        ]
    if nll_before is None and kl is not None and kl < NOTHING_KL:
        return [
            f"The edit did nothing: answers to neutral prompts moved by {kl:.1e} nats of KL on average "
            f"(bound {NOTHING_KL:g})."
        ]
    return []
