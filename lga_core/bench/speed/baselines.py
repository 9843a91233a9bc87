"""The plain ways to compute what the engine computes fast: what the benchmarks compare with and the tests believe."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.rank_one import Inverse, moment_of
from lga_core.editing.edits import LowRankEdit, applied
from lga_core.editing.search.contexts import Contexts
from lga_core.editing.search.value import weight_decay
from lga_core.editing.settings import RRomeSettings
from lga_core.evaluation.metrics.asking import ProbeQuestion, argmax_at_answers, probe_questions
from lga_core.evaluation.metrics.probe_results import forced_shares
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import answer_nll, final_hidden
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.structure.architecture import Linear
from lga_core.models.text.own_text import prefixes
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, prompt_row
from lga_core.probes.summary import mean_over_groups
from lga_core.results import METRICS, Kind, SweepCell
from lga_core.scores.tracing.restore import State, corrupting, part_of


def naive_gradient_products(
    model: LoadedModel, old: TokenRow, new: TokenRow, matrices: tuple[tuple[Linear, ...], ...]
) -> torch.Tensor:
    """⟨∇nll(old), ∇nll(new)⟩ of one fact by two backward passes that form every weight gradient; (L,).

    `matrices` lists each layer's weights, and only they get gradients.
    """
    weights = [matrix.module.weight for layer in matrices for matrix in layer]
    for weight in weights:
        weight.requires_grad_(True)
    try:
        first, second = (_weight_gradients(model, row, weights) for row in (old, new))
    finally:
        for weight in weights:
            weight.requires_grad_(False)
    products = iter([(a * b).sum().item() for a, b in zip(first, second, strict=True)])
    return torch.tensor([sum(next(products) for _ in layer) for layer in matrices], dtype=torch.float64)


def _weight_gradients(model: LoadedModel, row: TokenRow, weights: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    batch = Batch.of([row], model.device)
    index = AnswerIndex.of([row], batch)
    with torch.enable_grad():
        nll = index.mean_by_row(answer_nll(model, final_hidden(model, batch), index))
        return torch.autograd.grad(nll.sum(), weights)


@torch.no_grad()
def naive_clean_outputs(model: LoadedModel, fact: Fact, kind: Kind) -> dict[int, torch.Tensor]:
    """Every block's clean output of a kind, (T, d), from one run of batch 1."""
    clean: dict[int, torch.Tensor] = {}

    def keep(block: int) -> OutputFunction:
        return lambda _given, output: clean.__setitem__(block, output[0].clone())

    parts = {part_of(model, kind, block): keep(block) for block in range(model.layers)}
    with on_outputs(parts, model.architecture.flat):
        final_hidden(model, Batch.of([prompt_row(model.asking, fact.prompt)], model.device))
    return clean


@torch.no_grad()
def rome_restored_probabilities(
    model: LoadedModel, fact: Fact, answer: int, kind: Kind, state: State, *, noise: float, draws: int, seed: int
) -> torch.Tensor:
    """p(answer) with one state restored, (draws,), as ROME's own code does it (kmeng01/rome, trace_with_patch).

    One batch of the clean run and all corrupted runs, whole, for each state; the clean row is what is restored from.
    """

    def put_back(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        changed = output.clone()
        for token in state.tokens:
            changed[1:, token] = output[0, token]
        return changed

    parts = {part_of(model, kind, block): put_back for block in range(state.first, state.last + 1)}
    corrupt = corrupting(model, fact, noise, draws, seed)
    batch = Batch.of([prompt_row(model.asking, fact.prompt)] * (1 + draws), model.device)
    with on_outputs({model.architecture.embedding: corrupt} | parts, model.architecture.flat):
        hidden = final_hidden(model, batch)[1:, -1]  # (draws, d)
    return model.architecture.logits(hidden).softmax(-1)[:, answer]


@torch.no_grad()
def naive_restored_probability(
    model: LoadedModel,
    fact: Fact,
    answer: int,
    kind: Kind,
    state: State,
    draw: int,
    clean: dict[int, torch.Tensor],
    *,
    noise: float,
    seed: int,
) -> float:
    """p(answer) of one corrupted run with one state restored, by a whole run of batch 1 and plain hooks."""

    def put_back(block: int) -> OutputFunction:
        def replace(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            for token in state.tokens:
                changed[0, token] = clean[block][token]
            return changed

        return replace

    every = corrupting(model, fact, noise, draw + 1, seed)

    def corrupt(given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        return every(given, output.repeat(draw + 2, 1, 1))[draw + 1 :]

    parts = {part_of(model, kind, block): put_back(block) for block in range(state.first, state.last + 1)}
    with on_outputs({model.architecture.embedding: corrupt} | parts, model.architecture.flat):
        hidden = final_hidden(model, Batch.of([prompt_row(model.asking, fact.prompt)], model.device))[0, -1:]
    return float(model.architecture.logits(hidden).softmax(-1)[0, answer])


def naive_edit(model: LoadedModel, fact: Fact, layer: int, settings: RRomeSettings) -> SweepCell:
    """R-ROME with `v0 = mean` of one fact at one layer and its metrics, the whole model run at every step."""
    search = _naive_search(model, fact, layer, settings)
    down = model.architecture.blocks[layer].down
    key = search.keys.double().mean(0)  # (d_in,)
    direction = Inverse.of(moment_of(model, layer, settings), settings.ridge, model.device).times(key)
    edit = LowRankEdit(
        layer=layer, matrix=down.name, left=search.delta[None], right=(direction / (key @ direction)).float()[None]
    )
    questions = probe_questions(model, fact).questions
    before = _naive_predictions(model, questions, ())
    after = _naive_predictions(model, questions, (edit,))
    shares = [forced_shares(*asked)[:2] for asked in zip(questions, before, after, strict=True)]

    def by_metric(values: Sequence[float]) -> dict[str, float | None]:
        return {metric: mean_over_groups(questions, values, metric) for metric in METRICS}

    return SweepCell(
        record=fact.record,
        layer=layer,
        nll=dict.fromkeys(METRICS),
        target_error=None,
        delta_norm=edit.norm,
        clamped=search.clamped,
        losses=tuple(search.losses),
        before=by_metric([share for share, _ in shares]),
        after=by_metric([share for _, share in shares]),
        probes={metric: sum(question.metric == metric for question in questions) for metric in METRICS},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _NaiveSearch:
    """What the search for v* came to."""

    delta: torch.Tensor  # (d_out,)
    keys: torch.Tensor  # (contexts, d_in)
    losses: list[float]
    clamped: bool


def _naive_search(model: LoadedModel, fact: Fact, layer: int, settings: RRomeSettings) -> _NaiveSearch:
    contexts = Contexts.of(model, fact, prefixes(model, settings.contexts, settings.seed))
    batch = Batch.of(contexts.rows, model.device)
    ends = torch.tensor(contexts.subject_ends, device=model.device)
    index = AnswerIndex.of(contexts.rows[:-1], batch)
    each = torch.arange(len(contexts.rows), device=model.device)
    down = model.architecture.blocks[layer].down
    seen: dict[str, torch.Tensor] = {}

    def run(delta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        def add(given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            seen.update(keys=given[each, ends][:-1].float(), outputs=output[each, ends][:-1].float())
            changed = output.clone()
            changed[each, ends] = output[each, ends] + delta.to(output.dtype)
            return changed

        with on_outputs({down.module: add}, model.architecture.flat):
            hidden = final_hidden(model, batch)
        nll = index.mean_by_row(answer_nll(model, hidden, index)).mean()
        return nll, model.architecture.logits(hidden[-1, ends[-1]]).log_softmax(-1)

    wanted = settings.value
    delta = torch.zeros(down.d_out, device=model.device, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=wanted.learning_rate)
    losses: list[float] = []
    clamped = False
    for step in range(wanted.steps):
        with torch.enable_grad():
            nll, log_after = run(delta)
        if step == 0:
            before = log_after.detach()
            start = seen["outputs"].mean(0).detach()
        losses.append(float(nll.detach()))
        divergence = torch.nn.functional.kl_div(before, log_after, reduction="sum", log_target=True)
        loss = nll + wanted.kl_weight * divergence + weight_decay(wanted, model) * delta.norm() / start.norm() ** 2
        judged = losses[-1] if wanted.stop == "nll" else float(loss.detach())
        if judged < wanted.stop_loss or step == wanted.steps - 1:
            break
        (delta.grad,) = torch.autograd.grad(loss if step else nll, [delta])
        if step == 0 and not delta.grad.any():
            break
        optimizer.step()
        with torch.no_grad():
            bound = wanted.norm_bound * start.norm()
            if delta.norm() > bound:
                clamped = True
                delta.mul_(bound / delta.norm())
    return _NaiveSearch(delta=delta.detach(), keys=seen["keys"], losses=losses, clamped=clamped)


def _naive_predictions(
    model: LoadedModel, questions: Sequence[ProbeQuestion], edits: Sequence[LowRankEdit]
) -> list[list[tuple[int, ...]]]:
    """The argmax at the tokens of each question's accepted answers."""
    with applied(model, edits), torch.no_grad():
        predicted = iter(argmax_at_answers(model, [row for question in questions for row in question.rows]))
    return [[next(predicted) for _ in question.rows] for question in questions]
