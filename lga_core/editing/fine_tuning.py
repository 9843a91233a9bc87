"""FT-L and FT-M: plain gradient descent on one down projection (ROME §E.1; KnowEdit, arXiv 2401.01286).

What is trained is ΔW, added by a hook: the weights stay as they are, and a gradient reaches nothing but ΔW.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editor import Written
from lga_core.editing.edits import DenseEdit, Edit, applied
from lga_core.editing.settings import Settings, setting
from lga_core.models.forward import Trunk, answer_nll, record_trunk, resume
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import batch_tokens, gradient_bytes
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow, answer_row
from lga_core.results import Progress

VERSION = 1
BATCH_TOKENS = 2048                          # run at once, after padding; a loss over more facts is summed up
EPSILON = {"gpt2": 5e-4, "gptj": 5e-5}       # by config.model_type
"""ROME and EasyEdit bound GPT-2 XL and GPT-J (hparams/FT/*_constr.json), and no other family (norm_constraint: false).
"""


@dataclass(frozen=True, kw_only=True)
class FineTuningSettings(Settings):
    """How ΔW is trained (METHOD §4)."""

    learning_rate: float = setting(5e-4, "Learning rate", "Of Adam, on the weights of the down projection.",
                                   source="ROME, EasyEdit", above=0)
    steps: int = setting(25, "Steps, at most", source="ROME, EasyEdit", least=1)
    stop_loss: float = setting(1e-2, "Stop at loss, nats", "Mean over the facts.", source="ROME, EasyEdit", least=0)
    epsilon: float | None = setting(
        None, "Bound ε", "No weight moves further than this. Empty: 5e-4 for GPT-2, 5e-5 for GPT-J, no bound for "
        "others; 0: no bound.", source="ROME, EasyEdit: norm_constraint of gpt2-xl, gpt-j-6B; false for others",
        least=0, none_means="by family")

    def bound(self, model: LoadedModel) -> float | None:
        """ε, or None where weights may move freely."""
        chosen = EPSILON.get(model.model.config.model_type, 0) if self.epsilon is None else self.epsilon
        return chosen or None


def ft_l(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: FineTuningSettings,
         base: Sequence[Edit] = ()) -> Generator[Progress, None, tuple[Written, ...]]:
    """Loss: mean over answer tokens of −log p(token) at the prompt's last position; mean over facts."""
    return _fine_tuned(model, facts, layers, settings, base, at_prompt_end=True)


def ft_m(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: FineTuningSettings,
         base: Sequence[Edit] = ()) -> Generator[Progress, None, tuple[Written, ...]]:
    """Loss: nll of the answer tokens after the prompt and the earlier ones; mean over facts."""
    return _fine_tuned(model, facts, layers, settings, base, at_prompt_end=False)


def _fine_tuned(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: FineTuningSettings,
                base: Sequence[Edit], *, at_prompt_end: bool) -> Generator[Progress, None, tuple[Written, ...]]:
    rows = [answer_row(model.tokenizer, fact.prompt, fact.target_new) for fact in facts]
    written: list[Written] = []
    for layer in sorted(layers):
        before = (*base, *(item.edit for item in written))
        written.append((yield from _one_layer(model, rows, layer, settings, before, at_prompt_end)))
    return tuple(written)


def _one_layer(model: LoadedModel, rows: Sequence[TokenRow], layer: int, settings: FineTuningSettings,
               base: Sequence[Edit], at_prompt_end: bool) -> Generator[Progress, None, Written]:
    matrix, bound = model.architecture.blocks[layer].down, settings.bound(model)
    lessons = []
    for part in _parts(model, rows):
        with model.using(f"fine-tuning layer {layer}"), applied(model, base):
            lessons.append(_Lesson.prepare(model, part, layer, at_prompt_end))
    delta = torch.zeros(matrix.d_out, matrix.d_in, device=model.device, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=settings.learning_rate)
    edit = DenseEdit(layer=layer, matrix=matrix.name, delta=delta)
    history = []
    for step in range(settings.steps + 1):
        losses, gradient = [], torch.zeros_like(delta)
        last = step == settings.steps
        for lesson in lessons:
            with (model.using(f"fine-tuning layer {layer}"), applied(model, (*base, edit)),
                  torch.set_grad_enabled(not last)):
                own = lesson.losses(model)
                if not last:
                    gradient += torch.autograd.grad(own.sum() / len(rows), [delta])[0]
            losses += own.detach().tolist()
        history.append(losses)
        if last or sum(losses) / len(losses) < settings.stop_loss:
            break
        delta.grad = gradient
        optimizer.step()
        if bound is not None:
            with torch.no_grad():
                delta.clamp_(-bound, bound)
        yield Progress(label=f"fine-tuning layer {layer}", done=step + 1, total=settings.steps)
    return Written(edit=DenseEdit(layer=layer, matrix=matrix.name, delta=delta.detach()),
                   target_errors=(None,) * len(rows), clamped=(None,) * len(rows),
                   losses=tuple(zip(*history, strict=True)), weight_norm=float(matrix.weight.float().norm()))


def _parts(model: LoadedModel, rows: Sequence[TokenRow]) -> list[Sequence[TokenRow]]:
    most = batch_tokens(model, "Fine-tuning", gradient_bytes(model), BATCH_TOKENS)
    size = max(1, most // max(map(len, rows)))
    return [rows[first:first + size] for first in range(0, len(rows), size)]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lesson:
    """Some of the facts, run up to the trained block: nothing below it changes from step to step."""

    trunk: Trunk
    layer: int
    index: AnswerIndex

    @classmethod
    @torch.no_grad()
    def prepare(cls, model: LoadedModel, rows: Sequence[TokenRow], layer: int, at_prompt_end: bool) -> "_Lesson":
        seen = [TokenRow(ids=row.ids[:row.start], start=row.start) for row in rows] if at_prompt_end else rows
        batch = Batch.of(seen, model.device)
        index = AnswerIndex.of(rows, batch)
        if at_prompt_end:
            ends = torch.tensor([row.start - 1 for row in rows], device=model.device)
            index = AnswerIndex(rows=index.rows, columns=ends[index.rows] + batch.offsets[index.rows],
                                tokens=index.tokens, counts=index.counts)
        return cls(trunk=record_trunk(model, batch, [layer]), layer=layer, index=index)

    def losses(self, model: LoadedModel) -> torch.Tensor:
        """Each fact's loss (B,), nats, with whatever edits are applied."""
        hidden = resume(model, self.trunk, self.layer)
        return self.index.mean_by_row(answer_nll(model, hidden, self.index))
