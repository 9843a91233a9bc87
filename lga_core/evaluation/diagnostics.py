"""What edits did to the model beside the facts: drift of next-token distributions on neutral prompts, and fluency.

A number that is out of bounds becomes a warning in words, with its bound.
"""

import math
from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch.nn import functional

from lga_core.data.facts import Fact
from lga_core.editing.edits import DenseEdit, Edit, LowRankEdit, applied
from lga_core.evaluation.fluency import continuation, fluency
from lga_core.models.forward import answer_nll, final_hidden
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row
from lga_core.results import Diagnostics, Progress

VERSION = 1
PROMPTS = Path(__file__).resolve().parents[2] / "assets" / "neutral_prompts.txt"
BATCH = 25                                   # prompts together: 26 MB of log-probabilities over 262k words
# Seen with R-ROME's defaults on the two default models: drift 9e-4 to 0.03 nats, ratio 0.1 to 0.63. Scaled up, or
# searched with ten times the learning rate, edited models wrote language still at a drift of 0.27 nats, repeated
# themselves at 0.86 and fell apart at 1.5; at a ratio of 1.5 some neutral prompts had moved by more than a nat. An edit
# after one step of next to no length had a drift of 6e-8 nats.
KL_BOUND = 0.5                               # nats, mean over the prompts
RATIO_BOUND = 1.0                            # the change is as large as the weights
NOTHING_NLL = 0.1                            # nats by which the new answer's nll must fall
NOTHING_KL = 1e-5                            # nats, where no new answer is known


def neutral_prompts() -> tuple[str, ...]:
    """Short beginnings of sentences about nothing in particular; lines that start with # are not among them."""
    lines = PROMPTS.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def diagnose(model: LoadedModel, about: Fact | str, edits: Sequence[Edit], *,
             seed: int = 0) -> Generator[Progress, None, Diagnostics]:
    """Compare the model before and after edits. `about` is the fact that was written, or a prompt to continue.

    With a fact that has a new answer, an edit that left it where it was is told. Yields after each batch and token.
    """
    prompt = about if isinstance(about, str) else about.prompt
    divergences: list[float] = []
    rows = [prompt_row(model.tokenizer, text) for text in neutral_prompts()]
    for first in range(0, len(rows), BATCH):
        divergences += _divergences(model, rows[first:first + BATCH], edits)
        yield Progress(label="drift on neutral prompts", done=len(divergences), total=len(rows))
    before = yield from continuation(model, prompt, (), seed)
    after = yield from continuation(model, prompt, edits, seed)
    finite = all(map(math.isfinite, divergences))
    ratios = norm_ratios(model, edits)
    drift = sum(divergences) / len(divergences) if finite else None
    told = isinstance(about, Fact) and about.target_new is not None
    losses = (target_nll(model, about, ()), target_nll(model, about, edits)) if told else (None, None)
    broken = not finite or (told and losses[1] is None) or None in ratios
    return Diagnostics(
        kl=drift, kl_largest=max(divergences) if finite else None, n_prompts=len(rows),
        fluency_before=fluency(before), fluency_after=fluency(after), text_before=before, text_after=after,
        norm_ratios=ratios, warnings=tuple([*_blown_up(drift, ratios, broken=broken), *_nothing(drift, *losses)]),
    )


def norm_ratios(model: LoadedModel, edits: Sequence[Edit]) -> tuple[float | None, ...]:
    """‖ΔW‖ / ‖W‖ (Frobenius) of each edited matrix, by layer; edits of one matrix are summed first. None: not finite.
    """
    together: dict[tuple[int, str], list[Edit]] = {}
    for edit in edits:
        together.setdefault((edit.layer, edit.matrix), []).append(edit)
    ratios = (_sum(together[place]).norm / float(model.model.get_submodule(place[1]).weight.float().norm())
              for place in sorted(together))
    return tuple(ratio if math.isfinite(ratio) else None for ratio in ratios)


def _sum(edits: Sequence[Edit]) -> Edit:
    """Edits of one matrix as one."""
    first = edits[0]
    if all(isinstance(edit, LowRankEdit) for edit in edits):
        return LowRankEdit(layer=first.layer, matrix=first.matrix, left=torch.cat([edit.left for edit in edits]),
                           right=torch.cat([edit.right for edit in edits]))
    return DenseEdit(layer=first.layer, matrix=first.matrix, delta=sum(edit.delta for edit in edits))


def _divergences(model: LoadedModel, rows: Sequence[TokenRow], edits: Sequence[Edit]) -> list[float]:
    """KL(before ‖ after) of the next token after each row, nats."""
    batch = Batch.of(rows, model.device, side="left")

    def log_p() -> torch.Tensor:
        return model.architecture.logits(final_hidden(model, batch)[:, -1]).log_softmax(-1)      # (B, V)

    with model.using("drift on neutral prompts"), torch.no_grad():
        before = log_p()
        with applied(model, edits):
            after = log_p()
        terms = functional.kl_div(after, before, reduction="none", log_target=True)
        return terms.sum(-1).clamp(min=0).tolist()                # rounding may leave a hair below zero


def target_nll(model: LoadedModel, fact: Fact, edits: Sequence[Edit]) -> float | None:
    """nll of the fact's new answer with edits applied, nats; None where they broke the model."""
    row = answer_row(model.tokenizer, fact.prompt, fact.target_new)
    batch = Batch.of([row], model.device)
    index = AnswerIndex.of([row], batch)
    with model.using("reading the new answer"), applied(model, edits), torch.no_grad():
        nll = float(index.mean_by_row(answer_nll(model, final_hidden(model, batch), index))[0])
    return nll if math.isfinite(nll) else None


def _blown_up(drift: float | None, ratios: Sequence[float | None], *, broken: bool) -> list[str]:
    warnings = []
    if broken:
        warnings.append("The edit blew up: the model's probabilities are no longer finite numbers.")
    elif drift is not None and drift > KL_BOUND:
        warnings.append(f"The edit blew up: answers to neutral prompts moved by {drift:.2g} nats of KL on average "
                        f"(bound {KL_BOUND:g}).")
    if (largest := max((ratio for ratio in ratios if ratio is not None), default=0.0)) > RATIO_BOUND:
        warnings.append(f"The edit blew up: the change is {largest:.2g} times as large as the weights it is added to "
                        f"(bound {RATIO_BOUND:g}).")
    return warnings


def _nothing(drift: float | None, nll_before: float | None, nll_after: float | None) -> list[str]:
    """By the new answer where one is known: an edit may be so precise that neutral prompts feel nothing of it."""
    if nll_before is not None and nll_after is not None:
        if nll_after <= nll_before - NOTHING_NLL:
            return []
        return [f"The edit did not take: the new answer's nll went from {nll_before:.2f} to "
                f"{nll_after:.2f} nats (bound: down by {NOTHING_NLL:g})."]
    if nll_before is None and drift is not None and drift < NOTHING_KL:
        return [f"The edit did nothing: answers to neutral prompts moved by {drift:.1e} nats of KL on average "
                f"(bound {NOTHING_KL:g})."]
    return []
