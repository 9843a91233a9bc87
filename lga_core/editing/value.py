"""What a rank-one edit writes: the key k that stands for the subject, and the value v* = v0 + δ that answers anew.

δ is added to the down projection's output at the last subject token of every context, and found by gradient descent
(ROME §3.1, METHOD §4).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied
from lga_core.editing.search import Search, Site
from lga_core.editing.settings import Settings, setting
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import TokenRow, answer_row, prompt_row, subject_span
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
class Contexts:
    """The prompts that δ is searched on: the bare prompt first, then prefixed ones, then "{subject} is a"."""

    rows: tuple[TokenRow, ...]               # contexts with the new answer, and the KL prompt last
    subject_ends: tuple[int, ...]            # position of the last subject token in each row

    @classmethod
    def of(cls, model: LoadedModel, fact: Fact, prefixes: Sequence[str]) -> "Contexts":
        tokenizer = model.tokenizer
        rows, ends = [], []
        for before in ("", *(f"{prefix}. " for prefix in prefixes)):
            prompt, (first, end) = before + fact.prompt, fact.span
            rows.append(answer_row(tokenizer, prompt, fact.target_new))
            span = (first + len(before), end + len(before))
            ends.append(subject_span(tokenizer, f"{prompt} {fact.target_new}", span)[1] - 1)
        essence = f"{fact.subject} is a"
        rows.append(prompt_row(tokenizer, essence))
        ends.append(subject_span(tokenizer, essence, (0, len(fact.subject)))[1] - 1)
        return cls(rows=tuple(rows), subject_ends=tuple(ends))


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


def find_value(model: LoadedModel, fact: Fact, layer: int, settings: ValueSettings, prefixes: Sequence[str], *,
               mean_start: bool, edits: Sequence[Edit] = (),
               site: Site = "down") -> Generator[Progress, None, Value]:
    """Search v* at one layer of the model with `edits` applied; yields after each step.

    v0 is the bare prompt's output (ROME), or the mean over contexts (R-ROME) with `mean_start`: the down projection's,
    or the whole block's with `site` "block" (MEMIT's z).
    """
    contexts = Contexts.of(model, fact, prefixes)
    with model.using(f"v* at layer {layer}"), applied(model, edits):
        search = Search.prepare(model, contexts.rows, contexts.subject_ends, layer, site)
    start = search.outputs.mean(0) if mean_start else search.outputs[0]
    delta = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=settings.learning_rate)
    bound, decay = settings.norm_bound * start.norm(), settings.decay(model)
    losses, clamped, before = [], False, None
    for step in range(settings.steps + 1):
        with model.using(f"v* at layer {layer}"), applied(model, edits), torch.enable_grad():
            nll, log_after = search.evaluate(model, delta)
            before = log_after.detach() if before is None else before
            losses.append(float(nll.detach()))
            if losses[-1] < settings.stop_nll or step == settings.steps:
                break
            divergence = functional.kl_div(before, log_after, reduction="sum", log_target=True)
            loss = nll + settings.kl_weight * divergence + decay * delta.norm() / start.norm() ** 2
            delta.grad, = torch.autograd.grad(loss, [delta])
        optimizer.step()
        with torch.no_grad():
            if delta.norm() > bound:
                clamped = True
                delta.mul_(bound / delta.norm())
        yield Progress(label=f"v* at layer {layer}", done=step + 1, total=settings.steps)
    return Value(keys=search.keys, start=start, delta=delta.detach(), losses=tuple(losses),
                 clamped=clamped)
