"""ROME and R-ROME once more, as METHOD.md §4 states them: one fact, a plain loop, Adam by hand, no batch, no cache."""

from dataclasses import dataclass

import torch

from lga_core.models.moments.second_moment import second_moment
from lga_core.models.text.own_text import prefixes
from lga_core.models.text.tokens import answer_row, prompt_row, subject_span


@dataclass
class Plain:
    """What the plain statement comes to."""

    delta_weight: torch.Tensor  # ΔW (d_out, d_in)
    nll: list[float]  # at each evaluation
    total: list[float]


def run(model, layer, row, position, delta):
    """Logits (T, V) of one row with δ added at one token, and the down projection's input and output there."""
    seen = {}

    def add(_module, given, output):
        seen.update(key=given[0][0, position].detach(), value=output[0, position].detach())
        changed = output.clone()
        changed[0, position] = changed[0, position] + delta
        return changed

    handle = model.architecture.blocks[layer].down.module.register_forward_hook(add)
    try:
        logits = model.model(input_ids=torch.tensor([row.ids])).logits[0]
    finally:
        handle.remove()
    return logits, seen["key"], seen["value"]


def plain_edit(model, fact, layer, settings, *, r_rome, v0="mean", decay=0.0):
    """One edit; `decay` is the weight of ‖δ‖/‖v0‖²."""
    wanted = settings.value
    rows, ends = [], []
    for before in ("", *(f"{prefix}. " for prefix in prefixes(model, settings.contexts, settings.seed))):
        prompt = before + fact.prompt
        span = (fact.span[0] + len(before), fact.span[1] + len(before))
        rows.append(answer_row(model.asking, prompt, fact.target_new))
        ends.append(subject_span(model.asking, f"{prompt} {fact.target_new}", span)[1] - 1)
    essence = prompt_row(model.asking, f"{fact.subject} is a")
    essence_end = subject_span(model.asking, f"{fact.subject} is a", (0, len(fact.subject)))[1] - 1

    nothing = torch.zeros(model.architecture.blocks[layer].down.d_out, dtype=model.dtype)
    with torch.no_grad():
        clean = [run(model, layer, row, end, nothing) for row, end in zip(rows, ends, strict=True)]
        log_before = run(model, layer, essence, essence_end, nothing)[0][essence_end].log_softmax(-1)
    keys = torch.stack([key for _logits, key, _value in clean])
    values = torch.stack([value for _logits, _key, value in clean])
    start = values.mean(0) if r_rome and v0 == "mean" else values[0]

    delta = nothing.clone().requires_grad_()
    first, second = torch.zeros_like(nothing), torch.zeros_like(nothing)
    nlls, totals = [], []
    for step in range(1, wanted.steps + 1):
        each = []
        for row, end in zip(rows, ends, strict=True):
            log_p = run(model, layer, row, end, delta)[0].log_softmax(-1)
            begin = len(row.ids) - len(row.answer)
            each.append(-sum(log_p[begin + i - 1, token] for i, token in enumerate(row.answer)) / len(row.answer))
        nll = sum(each) / len(each)
        log_after = run(model, layer, essence, essence_end, delta)[0][essence_end].log_softmax(-1)
        divergence = (log_after.exp() * (log_after - log_before)).sum()  # KL(after ‖ before)
        total = nll + wanted.kl_weight * divergence + decay * delta.norm() / start.norm() ** 2
        nlls.append(float(nll.detach()))
        totals.append(float(total.detach()))
        if (totals if wanted.stop == "total" else nlls)[-1] < wanted.stop_loss:
            break
        if step == wanted.steps:
            break
        (gradient,) = torch.autograd.grad(total if step > 1 else nll, delta)  # at δ = 0 the others have none
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        moved = delta - wanted.learning_rate * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        bound = wanted.norm_bound * start.norm()
        delta = (moved * min(1.0, float((bound / moved.norm()).detach()))).detach().requires_grad_()

    moment = second_moment(model, layer, settings.seed).double()
    moment = moment + settings.ridge * moment.diagonal().mean() * torch.eye(len(moment), dtype=torch.float64)
    direction = torch.linalg.solve(moment, keys.double().mean(0))
    key, output = (keys.mean(0), values.mean(0)) if r_rome else (keys[0], values[0])
    residual = (start + delta.detach() - output).double()
    return Plain(delta_weight=torch.outer(residual, direction) / (key.double() @ direction), nll=nlls, total=totals)
