"""Captum's layer scores: gradient × activation and integrated gradients of each block's MLP output (METHOD §3).

What is explained is log p(answer) in nats, summed over the answer's tokens, with the old answer as in LGA.
A layer's score is the signed sum over positions and dimensions.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from captum.attr import LayerGradientXActivation, LayerIntegratedGradients
from torch import nn
from transformers import PreTrainedTokenizerFast

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.forward import Trunk, final_hidden, record_trunk, resume, run_block
from lga_core.models.hooks import on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import batch_tokens, gradient_bytes
from lga_core.models.quantized import require_gradients
from lga_core.models.tokens import Batch, TokenRow, answer_row
from lga_core.results import Cost, FactRow, OldSource, SurveyRow
from lga_core.scores.lga import old_answer

GRADXACT_VERSION = 1
IG_VERSION = 1
BATCH_TOKENS = 1024                          # of the steps that run together where they fit


@dataclass(frozen=True, kw_only=True)
class GradxactSettings:
    """Settings of gradient × activation. `old`: where the old answer comes from first."""

    old: OldSource = "data"

    def __post_init__(self) -> None:
        _check_old(self.old)


@dataclass(frozen=True, kw_only=True)
class IgSettings:
    """Settings of integrated gradients. `steps`: Gauss-Legendre points between the baseline and the prompt.

    What the steps leave out is measured and stored for every layer ("gap" of `ig_rows`).
    """

    old: OldSource = "data"
    steps: int = 8

    def __post_init__(self) -> None:
        _check_old(self.old)
        if self.steps < 1:
            raise ValueError(f"steps must be 1 or more, not {self.steps}")


def _check_old(old: str) -> None:
    if old not in ("data", "model"):
        raise ValueError(f"old must be 'data' or 'model', not {old!r}")


def gradxact_rows(model: LoadedModel, facts: Sequence[Fact], survey: Sequence[SurveyRow], settings: GradxactSettings,
                  done: Collection[int] = frozenset()) -> Iterator[FactRow]:
    """Gradient × activation of every block's MLP output; yields one row a fact, in order, with "score" (L,) in nats."""

    def measure(row: TokenRow) -> tuple[dict[str, torch.Tensor], Cost]:
        return {"score": gradient_x_activation(model, row)}, Cost(forward_rows=1, backward_rows=1)

    return _rows("gradient × activation", model, facts, survey, settings.old, done, measure)


def ig_rows(model: LoadedModel, facts: Sequence[Fact], survey: Sequence[SurveyRow], settings: IgSettings,
            done: Collection[int] = frozenset()) -> Iterator[FactRow]:
    """Layer integrated gradients of every block's MLP output; yields one row a fact, in order.

    `values` holds "score" and "gap", each (L,) in nats: a score is the change in log p(answer) when the layer's MLP
    output alone is the baseline's, and its gap is score − that change, the error of the steps: mostly small, but often
    nats in the first layers. The baseline is `baseline_row`.
    """

    def measure(row: TokenRow) -> tuple[dict[str, torch.Tensor], Cost]:
        score, change = integrated_gradients(model, row, settings.steps)
        share = (model.layers + 1) / 2       # a layer's runs begin at its own block: the sum of (L − l) / L
        cost = Cost(forward_rows=4 + (settings.steps + 1) * share, backward_rows=settings.steps * share)
        return {"score": score, "gap": score - change}, cost

    return _rows("integrated gradients", model, facts, survey, settings.old, done, measure)


def _rows(task: str, model: LoadedModel, facts: Sequence[Fact], survey: Sequence[SurveyRow], prefer: OldSource,
          done: Collection[int], measure: Callable[[TokenRow], tuple[dict[str, torch.Tensor], Cost]],
          ) -> Iterator[FactRow]:
    """One row a fact that is not done; the model is held for one fact at a time."""
    require_gradients(model, task.capitalize())
    for fact, asked in zip(facts, survey, strict=True):
        if fact.record in done:
            continue
        answer, source = old_answer(fact, asked, prefer)
        if not answer:
            yield FactRow(record=fact.record, status="the model's own answer is empty", old_answer=None,
                          old_source=source, known=asked.known, values={})
            continue
        with model.using(task):
            begin = perf_counter()
            values, cost = measure(answer_row(model.tokenizer, fact.prompt, answer))
            arrays = {name: value.cpu().numpy() for name, value in values.items()}
            cost += Cost(seconds=perf_counter() - begin)
        yield FactRow(record=fact.record, status="used", old_answer=answer, old_source=source, known=asked.known,
                      values=arrays, cost=cost)


def answer_log_probability(model: LoadedModel, hidden: torch.Tensor, row: TokenRow) -> torch.Tensor:
    """log p(answer) in nats, summed over its tokens, (B,), from normed hidden states (B, T, d) of B runs of one row."""
    logits = model.architecture.logits(hidden[:, row.start - 1:len(row) - 1])        # (B, answer, V)
    tokens = torch.tensor(row.answer, device=hidden.device).expand(len(hidden), -1)
    return logits.log_softmax(-1).gather(-1, tokens[..., None]).sum((1, 2))


def gradient_x_activation(model: LoadedModel, row: TokenRow) -> torch.Tensor:
    """Signed sums of gradient × activation over each block's MLP output, (L,) float64; one pass for all layers."""
    batch = Batch.of([row], model.device)

    def explained(_ids: torch.Tensor) -> torch.Tensor:
        return answer_log_probability(model, final_hidden(model, batch), row)

    # Captum lets the gradient begin at the first MLP's output, so no weight ever needs one.
    products = LayerGradientXActivation(explained, _mlps(model)).attribute(batch.ids)
    return torch.stack([product.double().sum() for product in products]).detach()


def integrated_gradients(model: LoadedModel, row: TokenRow, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Layer integrated gradients of each block's MLP output, and what they would add up to without steps; 2 × (L,).

    Captum moves one layer's output from the baseline's to the prompt's and leaves the rest of the prompt's run as it
    is. So a layer's sum is log p(answer) minus log p(answer) with that one output replaced, not minus log p(answer)
    after the baseline, from which the residual stream around the MLP would also differ. Captum's own convergence
    delta measures against the latter and is of no use here.
    """
    pair = [row, baseline_row(model.tokenizer, row)]
    outputs: dict[nn.Module, torch.Tensor] = {}
    keep = {mlp: lambda _given, output, mlp=mlp: outputs.update({mlp: output.clone()}) for mlp in _mlps(model)}
    with torch.no_grad():
        with on_outputs(keep, model.architecture.flat):
            trunk = record_trunk(model, Batch.of(pair, model.device), range(model.layers + 1))
        reached = _from_block(model, trunk, row, model.layers)(trunk.hidden[model.layers][:1])
    scores, changes = [], []
    for layer, mlp in enumerate(_mlps(model)):       # one at a time: Captum would move dependent layers together
        scores.append(_integrate(model, trunk, row, layer, steps))
        blank = outputs[mlp][1:]
        with torch.no_grad(), \
                on_outputs({mlp: lambda _given, _output, blank=blank: blank}, model.architecture.flat):
            changes.append(reached - _from_block(model, trunk, row, layer)(trunk.hidden[layer][:1]))
    return torch.stack(scores), torch.cat(changes).double()


def _integrate(model: LoadedModel, trunk: Trunk, row: TokenRow, layer: int, steps: int) -> torch.Tensor:
    """Captum's sum over one block's MLP output, () float64, with runs that begin at that block."""
    whole, mlp = _from_block(model, trunk, row, layer), _mlps(model)[layer]

    def explained(hidden: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            # Captum's own hook has put its point there; Falcon adds to it in place, which a point may not bear.
            with on_outputs({mlp: lambda _given, output: output.clone()}):
                return whole(hidden)
        # Captum first reads the layer's output at both ends, without gradients: the block alone gives it.
        return run_block(model, trunk, layer, hidden, _first(hidden))[:, 0, 0]

    method = LayerIntegratedGradients(explained, mlp)
    hidden = trunk.hidden[layer]
    attribution = method.attribute(hidden[:1], baselines=hidden[1:], n_steps=steps, method="gausslegendre",
                                   internal_batch_size=steps_at_once(model, row))
    return attribution.detach().double().sum()


def steps_at_once(model: LoadedModel, row: TokenRow) -> int:
    """How many steps of an integration run together."""
    return max(1, batch_tokens(model, "Integrated gradients", gradient_bytes(model), BATCH_TOKENS) // len(row))


def _from_block(model: LoadedModel, trunk: Trunk, row: TokenRow, layer: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Block inputs (B, T, d) -> log p(answer) (B,). Nothing below the block depends on its MLP's output."""

    def explained(hidden: torch.Tensor) -> torch.Tensor:
        return answer_log_probability(model, resume(model, trunk, layer, hidden, _first(hidden)), row)

    return explained


def _first(hidden: torch.Tensor) -> torch.Tensor:
    """The trunk's row whose masks and positions runs of hidden states (B, T, d) share, (B,)."""
    return torch.zeros(len(hidden), dtype=torch.long, device=hidden.device)


def _mlps(model: LoadedModel) -> list[nn.Module]:
    return [block.mlp for block in model.architecture.blocks]


def blank_token(tokenizer: PreTrainedTokenizerFast) -> int:
    """The token of an uninformative prompt: the tokenizer's padding, or its end-of-text where it has no padding."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return token
    raise LgaError("The tokenizer has neither a padding nor an end-of-text token to make a baseline of.",
                   mend="Set tokenizer.pad_token, or choose another layer score.")


def kept_positions(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[int]:
    """What a baseline does not replace: special tokens, and the first token whatever it is.

    Decoders park attention on their first token with activations far larger than elsewhere. Where no BOS
    holds that place, a path that moves the first token crosses their collapse, and a sum over steps is noise: on
    SmolLM2 135M a layer's was off by 100 nats with 8 steps, and the tokens' had the wrong sign with 64.
    """
    special = set(tokenizer.all_special_ids)
    return [i for i, token in enumerate(ids) if i == 0 or token in special]


def baseline_row(tokenizer: PreTrainedTokenizerFast, row: TokenRow) -> TokenRow:
    """The row with `blank_token` for all of its prompt but `kept_positions`, and the same answer."""
    kept = set(kept_positions(tokenizer, row.ids[:row.start]))
    blank = blank_token(tokenizer)
    prompt = (token if i in kept else blank for i, token in enumerate(row.ids[:row.start]))
    return TokenRow(ids=(*prompt, *row.answer), start=row.start)
