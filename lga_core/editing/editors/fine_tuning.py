"""FT-L and FT-M: plain gradient descent on one down projection (ROME §E.1; KnowEdit, arXiv 2401.01286).

What is trained is ΔW, added by a hook: the weights stay as they are, and a gradient reaches nothing but ΔW.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import Written
from lga_core.editing.edits import DenseEdit, Edit, applied, applied_by_row
from lga_core.editing.settings import FineTuningSettings
from lga_core.editing.table import new_answer
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens, padded
from lga_core.models.running.forward import ActivationCache, answer_nll, record_activations, resume
from lga_core.models.running.memory import batch_room, batch_tokens, gradient_bytes
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, answer_row
from lga_core.progress import Phase, Progress, Reporter, silent

TRAINED_BYTES = 16  # an entry of ΔW: in float32, its gradient, and Adam's two moments
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
    rows = _rows(model, facts)
    most = batch_tokens(model, "Fine-tuning", gradient_bytes(model), BATCH_TOKENS)
    written: list[Written] = []
    for layer in sorted(layers):
        before = (*base, *(item.edit for item in written))
        batches: list[_TrainingBatch] = []
        for part in by_tokens(rows, padded(), most):
            with model.using(f"fine-tuning layer {layer}"), applied(model, before):
                batches.append(_TrainingBatch.prepare(model, part, [0] * len(part), layer, at_prompt_end))
        written += _train(model, batches, [len(facts)], layer, settings, before, report)
    return tuple(written)


def _each_alone(
    model: LoadedModel,
    facts: Sequence[Fact],
    layer: int,
    settings: FineTuningSettings,
    *,
    at_prompt_end: bool,
    report: Reporter = silent,
) -> list[Written]:
    """A ΔW for each fact, trained on its loss alone. The facts share batches: what a step reads most of is the head."""
    down = model.architecture.blocks[layer].down
    most = batch_tokens(model, "Fine-tuning", gradient_bytes(model), BATCH_TOKENS)
    at_once = max(1, batch_room(model) // (TRAINED_BYTES * down.d_in * down.d_out))
    tokens = padded()
    written: list[Written] = []
    for part in by_tokens(_rows(model, facts), lambda rows: max(tokens(rows) / most, len(rows) / at_once), 1):
        with model.using(f"fine-tuning layer {layer}"):
            batch = _TrainingBatch.prepare(model, part, range(len(part)), layer, at_prompt_end)
        written += _train(model, [batch], [1] * len(part), layer, settings, (), report)
    return written


ft_l = partial(_fine_tuned, at_prompt_end=True)
"""Loss: mean over answer tokens of −log p(token) at the prompt's last position; mean over facts."""

ft_m = partial(_fine_tuned, at_prompt_end=False)
"""Loss: nll of the answer tokens after the prompt and the earlier ones; mean over facts."""

ft_l_alone = partial(_each_alone, at_prompt_end=True)
"""As FT-L of each fact by itself."""

ft_m_alone = partial(_each_alone, at_prompt_end=False)
"""As FT-M of each fact by itself."""


def _rows(model: LoadedModel, facts: Sequence[Fact]) -> list[TokenRow]:
    return [answer_row(model.asking, fact.prompt, new_answer(fact)) for fact in facts]


def _train(
    model: LoadedModel,
    batches: Sequence["_TrainingBatch"],
    sizes: Sequence[int],
    layer: int,
    settings: FineTuningSettings,
    base: Sequence[Edit],
    report: Reporter,
) -> list[Written]:
    """Gradient descent on one or several ΔW of one layer; `sizes`: how many facts each is trained on."""
    matrix = model.architecture.blocks[layer].down
    limit = bound(settings, model)
    deltas = [torch.zeros(matrix.d_out, matrix.d_in, device=model.device, requires_grad=True) for _ in sizes]
    optimizer = torch.optim.Adam(deltas, lr=settings.learning_rate)
    edits = [DenseEdit(layer=layer, matrix=matrix.name, delta=delta) for delta in deltas]
    histories: list[list[list[float]]] = [[] for _ in sizes]  # of each ΔW: step -> its facts' losses
    going = list(range(len(sizes)))
    for step in range(settings.steps + 1):
        last = step == settings.steps
        optimizer.zero_grad()
        losses = _evaluated(model, batches, edits, going, sizes, base, last)
        for number in going:
            histories[number].append(losses[number])
        going = [number for number in going if fmean(losses[number]) >= settings.stop_loss]
        if last or not going:
            break
        for number in set(losses) - set(going):  # they have stopped: Adam leaves alone what has no gradient
            deltas[number].grad = None
        optimizer.step()
        if limit is not None:
            with torch.no_grad():
                for number in going:
                    deltas[number].clamp_(-limit, limit)
        report(Progress(phase=Phase.EDIT, done=step + 1, total=settings.steps, detail=f"fine-tuning layer {layer}"))
    weight_norm = float(matrix.weight.float().norm())
    return [
        Written(
            edit=DenseEdit(layer=layer, matrix=matrix.name, delta=delta.detach()),
            target_errors=(None,) * size,
            clamped=(None,) * size,
            losses=tuple(zip(*history, strict=True)),
            weight_norm=weight_norm,
        )
        for delta, size, history in zip(deltas, sizes, histories, strict=True)
    ]


def _evaluated(
    model: LoadedModel,
    batches: Sequence["_TrainingBatch"],
    edits: Sequence[DenseEdit],
    going: Sequence[int],
    sizes: Sequence[int],
    base: Sequence[Edit],
    last: bool,
) -> dict[int, list[float]]:
    """Of each ΔW that is still trained, its facts' losses under it; the gradient of their mean is added to its own.

    After the last step no gradient is taken.
    """
    losses: dict[int, list[float]] = {number: [] for number in going}
    for batch in batches:
        rows = [row for row, number in enumerate(batch.trains) if number in losses]
        if not rows:
            continue
        numbers = [batch.trains[row] for row in rows]
        with (
            model.using(f"fine-tuning layer {batch.layer}"),
            applied(model, base),
            applied_by_row(model, [edits[number] for number in numbers]),
            torch.set_grad_enabled(not last),
        ):
            own = batch.losses(model, rows)
            if not last:
                weights = own.new_tensor([1 / sizes[number] for number in numbers])
                torch.autograd.backward((own * weights).sum(), inputs=[edits[n].delta for n in dict.fromkeys(numbers)])
        for number, loss in zip(numbers, own.tolist(), strict=True):
            losses[number].append(loss)
    return losses


@dataclass(frozen=True, kw_only=True, eq=False)
class _TrainingBatch:
    """Some of the facts, run up to the trained block: nothing below it changes from step to step."""

    activations: ActivationCache
    layer: int
    index: AnswerIndex
    trains: Sequence[int]  # the number of the ΔW that each row trains

    @classmethod
    @torch.no_grad()
    def prepare(
        cls, model: LoadedModel, rows: Sequence[TokenRow], trains: Sequence[int], layer: int, at_prompt_end: bool
    ) -> "_TrainingBatch":
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
        return cls(activations=record_activations(model, batch, [layer]), layer=layer, index=index, trains=trains)

    def losses(self, model: LoadedModel, rows: Sequence[int]) -> torch.Tensor:
        """The loss of each of these rows (R,), nats, with whatever edits are applied."""
        chosen = torch.tensor(rows, device=model.device)
        index = self.index.select(chosen)
        hidden = resume(model, self.activations, self.layer, rows=chosen)
        return index.mean_by_row(answer_nll(model, hidden, index))
