"""What a rank-one edit writes: the key k that stands for the subject, and the value v* = v0 + δ that answers anew.

δ is added to the down projection's output at the last subject token of every context, and found by gradient descent
(ROME §3.1, METHOD §4); many facts' δ in one batch, each with its own steps and its own end.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from lga_core.editing.edits import Edit, applied
from lga_core.editing.search import Search
from lga_core.editing.settings import Settings, setting
from lga_core.models.loaded import LoadedModel
from lga_core.results import Progress


@dataclass(frozen=True, kw_only=True)
class ValueSettings(Settings):
    """How δ is searched for (METHOD §4)."""

    learning_rate: float = setting(0.5, "Learning rate", "Of Adam, in the search for v*.", source="ROME", above=0)
    steps: int = setting(25, "Steps, at most", source="ROME", least=1)
    stop_nll: float = setting(0.05, "Stop at nll, nats",
                              "Mean negative log-likelihood of the new answer over the contexts.", source="ROME",
                              least=0)
    kl_weight: float = setting(0.0625, "KL weight", "How firmly “{subject} is a” is held where it was.", source="ROME",
                               least=0)
    weight_decay: float | None = setting(None, "Weight decay", "Empty: 0.5 for the GPT-2 family, 0.001 for all others.",
                                         source="ROME; EasyEdit for others; Gemma: ours", least=0,
                                         none_means="by family")
    norm_bound: float = setting(4.0, "Norm bound", "‖δ‖ is at most this many times ‖v0‖.", source="ROME", above=0)

    def decay(self, model: LoadedModel) -> float:
        if self.weight_decay is not None:
            return self.weight_decay
        return 0.5 if model.model.config.model_type.startswith("gpt2") else 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Value:
    """Key and value of one fact at one layer, float32."""

    keys: torch.Tensor                       # (contexts, d_in), the bare prompt's first
    start: torch.Tensor                      # v0 (d_out,)
    delta: torch.Tensor                      # δ (d_out,)
    losses: tuple[float, ...]                # nll of the new answer, mean over contexts, before each step and after
    clamped: bool                            # δ reached the norm bound

    @property
    def mean_key(self) -> torch.Tensor:
        """k̄ (d_in,), float64."""
        return self.keys.double().mean(0)

    @property
    def target(self) -> torch.Tensor:
        return self.start + self.delta


def find_values(model: LoadedModel, search: Search, layer: int, settings: ValueSettings, *, mean_start: bool,
                facts: Sequence[int] | None = None,
                edits: Sequence[Edit] = ()) -> Generator[Progress, None, tuple[Value, ...]]:
    """Search v* of the batch's facts (or of those with these positions in it) at one layer; yields after each step.

    v0 is the bare prompt's output (ROME), or the mean over contexts (R-ROME, MEMIT) with `mean_start`; the output is
    that of the search's site. `edits` are those that the search was prepared with. A fact's steps, bound and end are
    its own: it gets what it would get alone. Where the answer does not depend on δ (the last block, unless the subject
    ends the prompt) there is nothing to search, and δ stays 0.
    """
    keys, outputs = search.keys[layer], search.outputs[layer]
    chosen = list(range(len(keys))) if facts is None else list(facts)
    starts = [outputs[fact].mean(0) if mean_start else outputs[fact, 0] for fact in chosen]
    deltas = [torch.zeros_like(start, requires_grad=True) for start in starts]
    optimizer = torch.optim.Adam(deltas, lr=settings.learning_rate)    # passes over those without a gradient
    bounds, decay = [settings.norm_bound * start.norm() for start in starts], settings.decay(model)
    losses: list[list[float]] = [[] for _ in chosen]
    clamped, before = [False] * len(chosen), None
    live = list(range(len(chosen)))
    for step in range(settings.steps + 1):
        with model.using(f"v* at layer {layer}"), applied(model, edits), torch.enable_grad():
            places = torch.tensor([chosen[i] for i in live], device=keys.device)
            nll, log_after = search.evaluate(model, layer, places, torch.stack([deltas[i] for i in live]))
            before = log_after.detach() if before is None else before
            told = nll.detach().tolist()
            going = [row for row, value in enumerate(told) if value >= settings.stop_nll]
            if going and step < settings.steps:
                # At δ = 0 KL and decay have no gradient; what rounding makes of it Adam would take for a direction.
                loss = nll if step == 0 else _loss(nll, log_after, before, [deltas[i] for i in live],
                                                   [starts[i] for i in live], settings.kl_weight, decay)
                found = torch.autograd.grad(loss[going].sum(), [deltas[live[row]] for row in going])
                gradients = dict(zip(going, found, strict=True))
                going = [row for row in going if step or bool(gradients[row].any())]
        for i, value in zip(live, told, strict=True):
            losses[i].append(value)
            deltas[i].grad = None
        if not going or step == settings.steps:
            break
        for row in going:
            deltas[live[row]].grad = gradients[row]
        live, before = [live[row] for row in going], before[going]
        optimizer.step()
        with torch.no_grad():
            for i in live:
                if (norm := deltas[i].norm()) > bounds[i]:
                    clamped[i] = True
                    deltas[i].mul_(bounds[i] / norm)
        yield Progress(label=f"v* at layer {layer}", done=step + 1, total=settings.steps)
    return tuple(
        Value(keys=keys[fact], start=start, delta=delta.detach(), losses=tuple(history), clamped=reached)
        for fact, start, delta, history, reached in zip(chosen, starts, deltas, losses, clamped, strict=True)
    )


def _loss(nll: torch.Tensor, log_after: torch.Tensor, log_before: torch.Tensor, deltas: Sequence[torch.Tensor],
          starts: Sequence[torch.Tensor], kl_weight: float, decay: float) -> torch.Tensor:
    """Each fact's own loss (n,): nll + KL at the KL prompt + weight decay."""
    divergence = functional.kl_div(log_before, log_after, reduction="none", log_target=True).sum(-1)
    shrink = torch.stack([delta.norm() / start.norm() ** 2 for delta, start in zip(deltas, starts, strict=True)])
    return nll + kl_weight * divergence + decay * shrink
