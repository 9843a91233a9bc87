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


def find_values(
    model: LoadedModel,
    search: Search,
    layer: int,
    settings: ValueSettings,
    *,
    mean_start: bool,
    edits: Sequence[Edit] = (),
    report: Reporter = silent,
) -> tuple[Value, ...]:
    """`find_cases` of all facts of the batch at one layer."""
    cases = [(layer, fact) for fact in range(len(search.keys[layer]))]
    return find_cases(model, search, cases, settings, mean_start=mean_start, edits=edits, report=report)


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
    where = f"v* at {layers_in_words([layer for layer, _ in cases])}"
    outputs = [search.outputs[layer][fact] for layer, fact in cases]
    starts = [output.mean(0) if mean_start else output[0] for output in outputs]
    norms = torch.stack([start.norm() for start in starts])
    deltas = [torch.zeros_like(start, requires_grad=True) for start in starts]
    optimizer = torch.optim.Adam(deltas, lr=settings.learning_rate)  # passes over those without a gradient
    losses: list[list[float]] = [[] for _ in cases]
    clamped = [False] * len(cases)
    log_before: torch.Tensor | None = None
    active = list(range(len(cases)))  # whose search has not ended
    for step in range(settings.steps):
        more = step + 1 < settings.steps
        with model.using(where), applied(model, edits), torch.set_grad_enabled(more):
            together = torch.stack([deltas[i].detach() for i in active]).requires_grad_(more)  # (n, d_out)
            nll, log_after = search.evaluate(model, [cases[i] for i in active], together)
            if log_before is None:
                log_before = log_after.detach()
            current = nll.detach().tolist()
            gradients: Mapping[int, torch.Tensor] = {}
            if more:
                # At δ = 0 KL and decay have no gradient; what rounding makes of it Adam would take for a direction.
                loss = nll
                if step > 0:
                    divergence = functional.kl_div(log_before, log_after, reduction="none", log_target=True).sum(-1)
                    decay = weight_decay(settings, model) * together.norm(dim=-1) / norms[active] ** 2
                    loss = nll + settings.kl_weight * divergence + decay
                judged = current if settings.stop == "nll" else loss.detach().tolist()
                rows = [row for row, value in enumerate(judged) if value >= settings.stop_loss]
                gradients = _gradients(loss, together, rows)
        for i, value in zip(active, current, strict=True):
            losses[i].append(value)
            deltas[i].grad = None
        if step == 0:
            gradients = {row: gradient for row, gradient in gradients.items() if gradient.any()}
        if not gradients:
            break
        for row, gradient in gradients.items():
            deltas[active[row]].grad = gradient
        active = [active[row] for row in gradients]
        log_before = log_before[list(gradients)]
        optimizer.step()
        for i in active:
            clamped[i] |= _clamp(deltas[i], settings.norm_bound * norms[i])
        report(Progress(phase=Phase.EDIT, done=step + 1, total=settings.steps, detail=where))
    return tuple(
        Value(keys=search.keys[layer][fact], start=start, delta=delta.detach(), losses=tuple(history), clamped=reached)
        for (layer, fact), start, delta, history, reached in zip(cases, starts, deltas, losses, clamped, strict=True)
    )


def layers_in_words(layers: Sequence[int]) -> str:
    """ "layer 3", or "layers 3 to 9"."""
    first, last = min(layers), max(layers)
    return f"layer {first}" if first == last else f"layers {first} to {last}"


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
