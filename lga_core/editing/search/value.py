"""What a rank-one edit writes: the key k that stands for the subject, and the value v* = v0 + δ for the new answer.

δ is added to the down projection's output at the last subject token of every context, and searched by gradient descent
(ROME §3.1, METHOD.md §4). Many facts' δ, at many layers, are searched in one batch, each with its own steps and end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from lga_core.editing.edits import Edit, applied
from lga_core.editing.search.search import Case, Search
from lga_core.editing.settings import ValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, Progress, Reporter, silent


def weight_decay(settings: ValueSettings, model: LoadedModel) -> float:
    """The weight of ‖δ‖/‖v0‖² in the loss: the settings', or else the family's."""
    if settings.weight_decay is not None:
        return settings.weight_decay
    return 0.5 if model.model.config.model_type.startswith("gpt2") else 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Value:
    """Key and value of one fact at one layer, float32."""

    keys: torch.Tensor  # (contexts, d_in), the bare prompt's first
    start: torch.Tensor  # v0 (d_out,)
    delta: torch.Tensor  # δ (d_out,)
    losses: tuple[float, ...]  # nll of the new answer, mean over contexts, at each evaluation
    clamped: bool  # δ reached the norm bound

    @property
    def mean_key(self) -> torch.Tensor:
        """k̄ (d_in,), float64."""
        return self.keys.double().mean(0)

    @property
    def target(self) -> torch.Tensor:
        """v* (d_out,)."""
        return self.start + self.delta


def find_cases(
    model: LoadedModel,
    search: Search,
    cases: Sequence[Case],
    settings: ValueSettings,
    *,
    mean_start: bool,
    edits: Sequence[Edit] = (),
    report: Reporter = silent,
) -> tuple[Value, ...]:
    """Search v* of the batch's facts, each at a layer; the lowest layers first.

    v0 is the bare prompt's output (ROME), or the mean over contexts (R-ROME, MEMIT) with `mean_start`; the output is
    that of the search's site. `edits` are those that the search was prepared with. A step evaluates the loss, ends the
    search where it is small enough, and updates δ unless it is the last one (as ROME's compute_v does). A case's steps,
    bound and end are its own: it gets what it would get alone. Where the answer does not depend on δ (the last block,
    unless the subject ends the prompt) there is nothing to search, and δ stays 0.
    """
    where = f"v* at {layer_span([layer for layer, _ in cases])}"
    outputs = [search.outputs[layer][fact] for layer, fact in cases]
    starts = [output.mean(0) if mean_start else output[0] for output in outputs]
    descent = _Descent(starts, settings)
    log_before: torch.Tensor | None = None
    for step in range(settings.steps):
        more = step + 1 < settings.steps
        gradients: Mapping[int, torch.Tensor] = {}
        with model.using(where), applied(model, edits), torch.set_grad_enabled(more):
            together = descent.together().requires_grad_(more)  # (n, d_out)
            nll, log_after = search.evaluate(model, [cases[i] for i in descent.active], together)
            if log_before is None:
                log_before = log_after.detach()
            current = nll.detach().tolist()
            if more:
                # At δ = 0 KL and decay have no gradient; what rounding makes of it Adam would take for a direction.
                loss = nll
                if step > 0:
                    decay = weight_decay(settings, model) * together.norm(dim=-1) / descent.norms[descent.active] ** 2
                    loss = nll + settings.kl_weight * _divergences(log_before, log_after) + decay
                judged = current if settings.stop == "nll" else loss.detach().tolist()
                rows = [row for row, value in enumerate(judged) if value >= settings.stop_loss]
                gradients = _gradients(loss, together, rows)
        descent.note(current)
        if step == 0:
            gradients = {row: gradient for row, gradient in gradients.items() if gradient.any()}
        if not gradients:
            break
        descent.update(gradients)
        log_before = log_before[list(gradients)]
        report(Progress(phase=Phase.EDIT, done=step + 1, total=settings.steps, detail=where))
    return tuple(
        Value(keys=search.keys[layer][fact], start=start, delta=delta.detach(), losses=tuple(history), clamped=reached)
        for (layer, fact), start, delta, history, reached in zip(
            cases, starts, descent.deltas, descent.losses, descent.clamped, strict=True
        )
    )


class _Descent:
    """Gradient descent on the δ of some cases, each until its own search ends."""

    def __init__(self, starts: Sequence[torch.Tensor], settings: ValueSettings) -> None:
        self.norms = torch.stack([start.norm() for start in starts])  # ‖v0‖ (cases,)
        self.deltas = [torch.zeros_like(start, requires_grad=True) for start in starts]  # δ (d_out,) each
        self.losses: list[list[float]] = [[] for _ in starts]  # nll at each evaluation
        self.clamped = [False] * len(starts)  # δ reached the norm bound
        self.active = list(range(len(starts)))  # whose search has not ended
        self._norm_bound = settings.norm_bound
        # Adam passes over a δ without a gradient.
        self._optimizer = torch.optim.Adam(self.deltas, lr=settings.learning_rate)

    def together(self) -> torch.Tensor:
        """δ of the active cases (n, d_out), apart from the optimizer's."""
        return torch.stack([self.deltas[i].detach() for i in self.active])

    def note(self, losses: Sequence[float]) -> None:
        """The active cases were evaluated."""
        for i, value in zip(self.active, losses, strict=True):
            self.losses[i].append(value)

    def update(self, gradients: Mapping[int, torch.Tensor]) -> None:
        """One step for those of the active cases that have a gradient, by row; the search of the others has ended."""
        for i in self.active:
            self.deltas[i].grad = None
        for row, gradient in gradients.items():
            self.deltas[self.active[row]].grad = gradient
        self.active = [self.active[row] for row in gradients]
        self._optimizer.step()
        for i in self.active:
            self.clamped[i] |= _clamp(self.deltas[i], self._norm_bound * self.norms[i])


def layer_span(layers: Sequence[int]) -> str:
    """ "layer 3", or "layers 3 to 9"."""
    first, last = min(layers), max(layers)
    return f"layer {first}" if first == last else f"layers {first} to {last}"


def _divergences(log_before: torch.Tensor, log_after: torch.Tensor) -> torch.Tensor:
    """KL(after ‖ before) of each row of log-probabilities (n, V), in nats (n,)."""
    return functional.kl_div(log_before, log_after, reduction="none", log_target=True).sum(-1)


def _gradients(loss: torch.Tensor, deltas: torch.Tensor, rows: Sequence[int]) -> dict[int, torch.Tensor]:
    """The gradient of these rows' losses at their δ, by row."""
    if not rows:
        return {}
    (gradient,) = torch.autograd.grad(loss[rows].sum(), deltas)
    return {row: gradient[row] for row in rows}


@torch.no_grad()
def _clamp(delta: torch.Tensor, bound: torch.Tensor) -> bool:
    """Scale δ down to this norm where it is longer; whether it was."""
    norm = delta.norm()
    if not norm > bound:  # also where it is no number
        return False
    delta.mul_(bound / norm)
    return True
