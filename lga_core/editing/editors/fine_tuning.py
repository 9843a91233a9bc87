"""FT-L and FT-M: plain gradient descent on one down projection (ROME §E.1; KnowEdit, arXiv 2401.01286).

What is trained is ΔW, added by a hook: the weights stay as they are, and a gradient reaches nothing but ΔW.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import Written
from lga_core.editing.edits import DenseEdit, Edit, applied
from lga_core.editing.settings import FineTuningSettings
from lga_core.editing.table import new_answer
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens, padded
from lga_core.models.running.forward import ActivationCache, answer_nll, record_activations, resume
from lga_core.models.running.memory import batch_tokens, gradient_bytes
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, answer_row
from lga_core.progress import Phase, Progress, Reporter, silent

BATCH_TOKENS = 2048  # run at once, after padding; a loss over more facts is summed up
EPSILON = {"gpt2": 5e-4, "gptj": 5e-5}  # by config.model_type
"""ROME and EasyEdit bound GPT-2 XL and GPT-J (hparams/FT/*_constr.json), and no other family (norm_constraint: false).
"""


def bound(settings: FineTuningSettings, model: LoadedModel) -> float | None:
    """ε, or None where weights may move freely."""
    chosen = EPSILON.get(model.model.config.model_type, 0) if settings.epsilon is None else settings.epsilon
    return chosen or None


def _fine_tuned(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    settings: FineTuningSettings,
    base: Sequence[Edit] = (),
    *,
    at_prompt_end: bool,
    report: Reporter = silent,
) -> tuple[Written, ...]:
    """ΔW of each layer, one after another, trained on the mean loss over the facts."""
    rows = [answer_row(model.asking, fact.prompt, new_answer(fact)) for fact in facts]
    written: list[Written] = []
    for layer in sorted(layers):
        before = (*base, *(item.edit for item in written))
        batches: list[_TrainingBatch] = []
        most = batch_tokens(model, "Fine-tuning", gradient_bytes(model), BATCH_TOKENS)
        for part in by_tokens(rows, padded(), most):
            with model.using(f"fine-tuning layer {layer}"), applied(model, before):
                batches.append(_TrainingBatch.prepare(model, part, layer, at_prompt_end))
        written.append(_train(model, batches, layer, settings, before, report))
    return tuple(written)


ft_l = partial(_fine_tuned, at_prompt_end=True)
"""Loss: mean over answer tokens of −log p(token) at the prompt's last position; mean over facts."""

ft_m = partial(_fine_tuned, at_prompt_end=False)
"""Loss: nll of the answer tokens after the prompt and the earlier ones; mean over facts."""


def _train(
    model: LoadedModel,
    batches: Sequence["_TrainingBatch"],
    layer: int,
    settings: FineTuningSettings,
    base: Sequence[Edit],
    report: Reporter,
) -> Written:
    """Gradient descent on ΔW of one layer."""
    matrix = model.architecture.blocks[layer].down
    limit = bound(settings, model)
    n_facts = sum(len(batch.index.counts) for batch in batches)
    delta = torch.zeros(matrix.d_out, matrix.d_in, device=model.device, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=settings.learning_rate)
    edit = DenseEdit(layer=layer, matrix=matrix.name, delta=delta)
    history: list[list[float]] = []
    for step in range(settings.steps + 1):
        last = step == settings.steps
        losses, gradient = _evaluated(model, batches, (*base, edit), delta, n_facts, last)
        history.append(losses)
        if last or sum(losses) / len(losses) < settings.stop_loss:
            break
        delta.grad = gradient
        optimizer.step()
        if limit is not None:
            with torch.no_grad():
                delta.clamp_(-limit, limit)
        report(Progress(phase=Phase.EDIT, done=step + 1, total=settings.steps, detail=f"fine-tuning layer {layer}"))
    return Written(
        edit=DenseEdit(layer=layer, matrix=matrix.name, delta=delta.detach()),
        target_errors=(None,) * n_facts,
        clamped=(None,) * n_facts,
        losses=tuple(zip(*history, strict=True)),
        weight_norm=float(matrix.weight.float().norm()),
    )


def _evaluated(
    model: LoadedModel,
    batches: Sequence["_TrainingBatch"],
    edits: Sequence[Edit],
    delta: torch.Tensor,
    n_facts: int,
    last: bool,
) -> tuple[list[float], torch.Tensor]:
    """Each fact's loss under the edits, and the gradient of their mean at ΔW; after the last step it is left at 0."""
    losses: list[float] = []
    gradient = torch.zeros_like(delta)
    for batch in batches:
        with (
            model.using(f"fine-tuning layer {batch.layer}"),
            applied(model, edits),
            torch.set_grad_enabled(not last),
        ):
            own = batch.losses(model)
            if not last:
                gradient += torch.autograd.grad(own.sum() / n_facts, [delta])[0]
        losses += own.detach().tolist()
    return losses, gradient


@dataclass(frozen=True, kw_only=True, eq=False)
class _TrainingBatch:
    """Some of the facts, run up to the trained block: nothing below it changes from step to step."""

    activations: ActivationCache
    layer: int
    index: AnswerIndex

    @classmethod
    @torch.no_grad()
    def prepare(cls, model: LoadedModel, rows: Sequence[TokenRow], layer: int, at_prompt_end: bool) -> "_TrainingBatch":
        seen = [TokenRow(ids=row.ids[: row.start], start=row.start) for row in rows] if at_prompt_end else rows
        batch = Batch.of(seen, model.device)
        index = AnswerIndex.of(rows, batch)
        if at_prompt_end:
            ends = torch.tensor([row.start - 1 for row in rows], device=model.device)
            index = AnswerIndex(
                rows=index.rows,
                columns=ends[index.rows] + batch.offsets[index.rows],
                tokens=index.tokens,
                counts=index.counts,
            )
        return cls(activations=record_activations(model, batch, [layer]), layer=layer, index=index)

    def losses(self, model: LoadedModel) -> torch.Tensor:
        """Each fact's loss (B,), nats, with whatever edits are applied."""
        hidden = resume(model, self.activations, self.layer)
        return self.index.mean_by_row(answer_nll(model, hidden, self.index))
