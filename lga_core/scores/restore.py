"""Corrupted runs with some clean states put back: the engine under the causal trace (ROME §2.1).

Every restored state is an independent row. A row equals the corrupted run below its first restored state, so it
joins the batch only there and is computed from there on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from lga_core.data.facts import Fact
from lga_core.models.forward import Trunk, record_trunk, run_block, token_probability
from lga_core.models.generate import seed_of
from lga_core.models.hooks import OutputFunction, on_outputs
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import Batch, prompt_row, subject_span
from lga_core.results import Kind


@dataclass(frozen=True, kw_only=True)
class State:
    """What one row restores: the states of `tokens` at blocks first … last."""

    tokens: tuple[int, ...]
    first: int
    last: int                                # inclusive


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """One prompt's clean run (row 0) and corrupted runs (rows 1 … draws), kept to go on from any block."""

    trunk: Trunk
    clean_outputs: tuple[torch.Tensor, ...]  # per block, the MLP's or attention's clean output (T, d); () for hidden
    kind: Kind
    tokens: int
    subject: tuple[int, int]
    answer: int                              # the traced token
    p_clean: float
    p_corrupted: torch.Tensor                # (draws,)

    @property
    def draws(self) -> int:
        return self.trunk.rows - 1


def part_of(model: LoadedModel, kind: Kind, block: int) -> nn.Module:
    """The module whose output a kind restores: the MLP, the attention, or the block itself."""
    parts = model.architecture.blocks[block]
    return {"mlp": parts.mlp, "attn": parts.attn, "hidden": parts.module}[kind]


def corrupting(model: LoadedModel, fact: Fact, noise: float, draws: int, seed: int) -> OutputFunction:
    """An embedding hook that adds N(0, noise²) to the subject's tokens in rows 1 … draws; seeded by fact and draw."""
    first, end = subject_span(model.tokenizer, fact.prompt, fact.span)

    def corrupt(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        shifted = output.clone()
        for draw in range(draws):
            generator = torch.Generator().manual_seed(seed_of(seed, fact.prompt, fact.span, draw))
            shift = torch.randn(end - first, output.shape[-1], generator=generator, dtype=torch.float64) * noise
            shifted[1 + draw, first:end] += shift.to(output)
        return shifted

    return corrupt


@torch.no_grad()
def record_runs(model: LoadedModel, fact: Fact, answer: int | None, kind: Kind, *, noise: float, draws: int,
                seed: int) -> Runs:
    """One batch of the clean and the corrupted runs. Without an `answer` the model's own greedy token is traced."""
    row = prompt_row(model.tokenizer, fact.prompt)
    batch = Batch.of([row] * (1 + draws), model.device)
    outputs: dict[int, torch.Tensor] = {}

    def keep(block: int) -> OutputFunction:
        # A copy: Falcon goes on to add its attention's output to its MLP's in place.
        return lambda _given, output: outputs.__setitem__(block, output[0].clone())

    hooks = {model.architecture.embedding: corrupting(model, fact, noise, draws, seed)}
    if kind != "hidden":
        hooks |= {part_of(model, kind, block): keep(block) for block in range(model.layers)}
    with on_outputs(hooks, model.architecture.flat):
        trunk = record_trunk(model, batch, range(model.layers + 1))
    last = trunk.hidden[model.layers][:, -1]
    if answer is None:
        answer = int(model.architecture.logits(model.architecture.final_norm(last[:1])).argmax())
    probabilities = token_probability(model.architecture, last, answer)
    return Runs(
        trunk=trunk, clean_outputs=tuple(outputs[block] for block in sorted(outputs)), kind=kind, tokens=len(row),
        subject=subject_span(model.tokenizer, fact.prompt, fact.span), answer=answer,
        p_clean=float(probabilities[0]), p_corrupted=probabilities[1:],
    )


def joins_at(state: State, kind: Kind) -> int:
    """The first block that a row must run itself: a restored block output only matters from the next block on."""
    return state.first + 1 if kind == "hidden" else state.first


@torch.no_grad()
def restored_probabilities(model: LoadedModel, runs: Runs, states: Sequence[State]) -> torch.Tensor:
    """p(answer) with each state restored in each corrupted run, (states, draws)."""
    device, layers, draws = model.device, model.layers, runs.draws
    order = sorted(range(len(states)), key=lambda i: joins_at(states[i], runs.kind))
    rows = [states[i] for i in order for _ in range(draws)]
    source = torch.arange(1, draws + 1, device=device).repeat(len(states))        # row of the trunk to start from
    joins = torch.tensor([joins_at(state, runs.kind) for state in rows])
    first = torch.tensor([state.first for state in rows], device=device)
    last = torch.tensor([state.last for state in rows], device=device)
    chosen = torch.zeros(len(rows), runs.tokens, dtype=torch.bool, device=device)
    for i, state in enumerate(rows):
        chosen[i, list(state.tokens)] = True

    def put_back(values: torch.Tensor, clean: torch.Tensor, block: int) -> torch.Tensor:
        active = len(values)
        here = (first[:active] <= block) & (block <= last[:active])
        return torch.where((chosen[:active] & here[:, None])[..., None], clean, values)

    hidden = runs.trunk.hidden[0][:0]
    for block in range(int(joins[0]), layers + 1):
        joining = source[len(hidden):int((joins <= block).sum())]
        hidden = torch.cat([hidden, runs.trunk.hidden[block][joining]])
        if runs.kind == "hidden":
            hidden = put_back(hidden, runs.trunk.hidden[block][0], block - 1)
        if block == layers:
            break
        hooks = {} if runs.kind == "hidden" else {
            part_of(model, runs.kind, block):
                lambda _given, output, block=block: put_back(output, runs.clean_outputs[block], block)
        }
        with on_outputs(hooks, model.architecture.flat):
            hidden = run_block(model, runs.trunk, block, hidden, source[:len(hidden)])
    found = token_probability(model.architecture, hidden[:, -1], runs.answer).reshape(len(states), draws)
    return torch.empty_like(found).index_copy(0, torch.tensor(order, device=device), found)
