"""Captum's layer scores: gradient × activation and integrated gradients of each block's MLP output (METHOD.md §3).

What is explained is log p(answer) in nats, summed over the answer's tokens, with the old answer as in LGA.
A layer's score is the signed sum over positions and dimensions.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import ActivationCache, final_hidden, record_activations, resume, run_block
from lga_core.models.running.hooks import on_outputs
from lga_core.models.running.memory import batch_tokens, gradient_bytes
from lga_core.models.structure.quantized import require_gradients
from lga_core.models.text.chat import Asking
from lga_core.models.text.tokens import Batch, TokenRow, answer_row
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Cost, FactRow, KnownFactCheck
from lga_core.scores.answer_pairs import asking_cost, given_old_answer, old_answer
from lga_core.scores.settings import GradxactSettings, IgSettings, OldAnswerSettings
from lga_core.scores.steps import Stopwatch, inside, measured_row

BATCH_TOKENS = 1024  # of the steps that run together where they fit
Measure = Callable[[LoadedModel, TokenRow, Any, Reporter], tuple[dict[str, torch.Tensor], Cost]]
"""One fact's values and what they took but the seconds, from its prompt with the old answer and the settings."""


def _gradxact(
    model: LoadedModel, row: TokenRow, _settings: GradxactSettings, _report: Reporter
) -> tuple[dict[str, torch.Tensor], Cost]:
    return {"score": gradient_x_activation(model, row)}, Cost(forward_rows=1, backward_rows=1)


def _ig(
    model: LoadedModel, row: TokenRow, settings: IgSettings, report: Reporter
) -> tuple[dict[str, torch.Tensor], Cost]:
    score, change = integrated_gradients(model, row, settings.steps, report=report)
    share = (model.layers + 1) / 2  # a layer's runs begin at its own block: the sum of (L − l) / L
    cost = Cost(forward_rows=4 + (settings.steps + 1) * share, backward_rows=settings.steps * share)
    return {"score": score, "gap": score - change}, cost


def _rows(
    model: LoadedModel,
    facts: Sequence[Fact],
    checks: Sequence[KnownFactCheck],
    settings: OldAnswerSettings,
    done: Collection[int] = frozenset(),
    *,
    phase: Phase,
    measure: Measure,
    report: Reporter = silent,
) -> Iterator[FactRow]:
    """One row a fact that is not done, in order."""
    require_gradients(model, phase.value)
    left = [(fact, check) for fact, check in zip(facts, checks, strict=True) if fact.record not in done]
    for finished, (fact, check) in enumerate(left, start=len(facts) - len(left)):
        answer, source = old_answer(fact, check, settings.old)
        given = given_old_answer(fact, check, settings.old)
        asking = asking_cost(check, source)
        if not given:
            yield replace(FactRow.not_used(check, "the model's own answer is empty", None, source), cost=asking)
            continue
        watch = Stopwatch(inside(report, phase, finished, len(facts)))
        values, passes = measure(model, answer_row(model.asking, fact.prompt, given), settings, watch.report)
        arrays = {name: value.cpu().numpy() for name, value in values.items()}
        cost = passes + Cost(seconds=watch.seconds) + asking
        yield measured_row(model, check, answer, source, arrays, cost, "attributions")


gradxact_rows = partial(_rows, phase=Phase.GRADIENT_ACTIVATION, measure=_gradxact)
"""Gradient × activation of every block's MLP output; yields one row a fact, in order, with "score" (L,) in nats."""

ig_rows = partial(_rows, phase=Phase.INTEGRATED_GRADIENTS, measure=_ig)
"""Layer integrated gradients of every block's MLP output; yields one row a fact, in order. Reports each layer.

`values` holds "score" and "gap", each (L,) in nats: a score is the change in log p(answer) when the layer's MLP output
alone is the baseline's, and its gap is score − that change, the error of the steps: mostly small, but often nats in the
first layers. The baseline is `baseline_row`.
"""


def answer_log_probability(model: LoadedModel, hidden: torch.Tensor, row: TokenRow) -> torch.Tensor:
    """log p(answer) in nats, summed over its tokens, (B,), from normed hidden states (B, T, d) of B runs of one row."""
    logits = model.architecture.logits(hidden[:, row.start - 1 : len(row) - 1])  # (B, answer, V)
    tokens = torch.tensor(row.answer, device=hidden.device).expand(len(hidden), -1)
    return logits.log_softmax(-1).gather(-1, tokens[..., None]).sum((1, 2))


def gradient_x_activation(model: LoadedModel, row: TokenRow) -> torch.Tensor:
    """Signed sums of gradient × activation over each block's MLP output, (L,) float64; one pass for all layers."""
    from captum.attr import LayerGradientXActivation  # here: with its plots it takes a second, and few ask for it

    batch = Batch.of([row], model.device)

    def explained(_ids: torch.Tensor) -> torch.Tensor:
        return answer_log_probability(model, final_hidden(model, batch), row)

    with model.using(Phase.GRADIENT_ACTIVATION):
        # Captum lets the gradient begin at the first MLP's output, so no weight ever needs one.
        products = LayerGradientXActivation(explained, _mlps(model)).attribute(batch.ids)
    return torch.stack([product.double().sum() for product in products]).detach()


def integrated_gradients(
    model: LoadedModel, row: TokenRow, steps: int, *, report: Reporter = silent
) -> tuple[torch.Tensor, torch.Tensor]:
    """Layer integrated gradients of each block's MLP output, and what they would add up to without steps; 2 × (L,).

    Captum moves one layer's output from the baseline's to the prompt's and leaves the rest of the prompt's run as it
    is. So a layer's sum is log p(answer) minus log p(answer) with that one output replaced, not minus log p(answer)
    after the baseline, from which the residual stream around the MLP would also differ. Captum's own convergence
    delta measures against the latter and is of no use here. Reports after each layer.
    """
    with model.using(Phase.INTEGRATED_GRADIENTS), torch.no_grad():
        activations, blanks = _record_ends(model, row)
        reached = _from_block(model, activations, row, model.layers)(activations.hidden[model.layers][:1])
    scores: list[torch.Tensor] = []
    changes: list[torch.Tensor] = []
    for layer in range(model.layers):  # one at a time: Captum would move dependent layers together
        with model.using(Phase.INTEGRATED_GRADIENTS):
            scores.append(_integrate(model, activations, row, layer, steps))
            changes.append(reached - _replaced(model, activations, row, layer, blanks[layer]))
        report(Progress(phase=Phase.INTEGRATED_GRADIENTS, done=layer + 1, total=model.layers, detail=f"layer {layer}"))
    return torch.stack(scores), torch.cat(changes).double()


def _record_ends(model: LoadedModel, row: TokenRow) -> tuple[ActivationCache, list[torch.Tensor]]:
    """One run of the prompt (row 0) and of the baseline (row 1); the baseline's MLP outputs (1, T, d), by block."""
    outputs: dict[nn.Module, torch.Tensor] = {}
    keep = {mlp: lambda _given, output, mlp=mlp: outputs.update({mlp: output[1:].clone()}) for mlp in _mlps(model)}
    batch = Batch.of([row, baseline_row(model.asking, row)], model.device)
    with on_outputs(keep, model.architecture.flat):
        activations = record_activations(model, batch, range(model.layers + 1))
    return activations, [outputs[mlp] for mlp in _mlps(model)]


def _replaced(
    model: LoadedModel, activations: ActivationCache, row: TokenRow, layer: int, blank: torch.Tensor
) -> torch.Tensor:
    """log p(answer) (1,) of the prompt's run with one MLP's output replaced by the baseline's."""
    with torch.no_grad(), on_outputs({_mlps(model)[layer]: lambda _given, _output: blank}, model.architecture.flat):
        return _from_block(model, activations, row, layer)(activations.hidden[layer][:1])


def _integrate(model: LoadedModel, activations: ActivationCache, row: TokenRow, layer: int, steps: int) -> torch.Tensor:
    """Captum's sum over one block's MLP output, () float64, with runs that begin at that block."""
    from captum.attr import LayerIntegratedGradients  # here, as above

    whole = _from_block(model, activations, row, layer)
    mlp = _mlps(model)[layer]

    def explained(hidden: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            # Captum's own hook has put its point there; Falcon adds to it in place, which a point may not bear.
            with on_outputs({mlp: lambda _given, output: output.clone()}):
                return whole(hidden)
        # Captum first reads the layer's output at both ends, without gradients: the block alone gives it.
        return run_block(model, activations, layer, hidden, _first(hidden))[:, 0, 0]

    method = LayerIntegratedGradients(explained, mlp)
    hidden = activations.hidden[layer]
    attribution = method.attribute(
        hidden[:1],
        baselines=hidden[1:],
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=steps_at_once(model, row),
    )
    return attribution.detach().double().sum()


def steps_at_once(model: LoadedModel, row: TokenRow, most: int | None = None) -> int:
    """How many steps of an integration run together: of `most` tokens (BATCH_TOKENS), fewer where memory is short."""
    tokens = batch_tokens(model, "Integrated gradients", gradient_bytes(model), most or BATCH_TOKENS)
    return max(1, tokens // len(row))


def _from_block(
    model: LoadedModel, activations: ActivationCache, row: TokenRow, layer: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Block inputs (B, T, d) -> log p(answer) (B,). Nothing below the block depends on its MLP's output."""

    def explained(hidden: torch.Tensor) -> torch.Tensor:
        return answer_log_probability(model, resume(model, activations, layer, hidden, _first(hidden)), row)

    return explained


def _first(hidden: torch.Tensor) -> torch.Tensor:
    """The row of the activations whose masks and positions all runs of hidden states (B, T, d) share, (B,)."""
    return torch.zeros(len(hidden), dtype=torch.long, device=hidden.device)


def _mlps(model: LoadedModel) -> list[nn.Module]:
    return [block.mlp for block in model.architecture.blocks]


def blank_token(asking: Asking) -> int:
    """The token of an uninformative prompt: the tokenizer's padding, or its end-of-text where that cannot be read.

    A padding token that was added to a tokenizer may have no embedding. Raises LgaError where neither has one.
    """
    for token in (asking.tokenizer.pad_token_id, asking.tokenizer.eos_token_id):
        if token is not None and asking.has_embedding(token):
            return token
    raise LgaError(
        "The tokenizer has neither a padding nor an end-of-text token that the model can read, to make a baseline of.",
        hint="Set tokenizer.pad_token, or choose another layer score.",
    )


def kept_positions(tokenizer: PreTrainedTokenizerFast, row: TokenRow) -> list[int]:
    """What a baseline does not replace of a row's prompt: special tokens, a chat template, and the first token.

    Decoders park attention on their first token with activations far larger than elsewhere. Where no BOS
    holds that place, a path that moves the first token crosses their collapse, and a sum over steps is noise: on
    SmolLM2 135M a layer's sum was off by 100 nats with 8 steps, and the tokens' sums had the wrong sign with 64.
    """
    special = set(tokenizer.all_special_ids)
    first, end = row.own or (0, row.start)
    return [i for i, token in enumerate(row.ids[: row.start]) if i == 0 or token in special or not first <= i < end]


def baseline_row(asking: Asking, row: TokenRow) -> TokenRow:
    """The row with `blank_token` for all of its prompt but `kept_positions`, and the same answer."""
    kept = set(kept_positions(asking.tokenizer, row))
    blank = blank_token(asking)
    prompt = (token if i in kept else blank for i, token in enumerate(row.ids[: row.start]))
    return replace(row, ids=(*prompt, *row.answer))
