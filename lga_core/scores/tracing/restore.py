"""Corrupted runs with some clean states restored: the engine of the causal trace (ROME §2.1).

Every restored state is an independent row. A row equals the corrupted run below its first restored state, so it
joins the batch only there and is computed from there on. Before its first restored token it equals the corrupted run
too: those columns are run once, and all rows read their keys and values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import (
    ActivationCache,
    PrefixCache,
    record_activations,
    run_block,
    token_probability,
)
from lga_core.models.running.generate import seed_of
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.text.tokens import Batch, prompt_row, subject_span
from lga_core.progress import Progress, Reporter, silent
from lga_core.results import Kind
from lga_core.scores.settings import TRACE_PHASES


@dataclass(frozen=True, kw_only=True)
class State:
    """What one row restores: the states of `tokens` at blocks first … last."""

    tokens: tuple[int, ...]
    first: int
    last: int  # inclusive


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRuns:
    """One prompt's clean run (row 0) and corrupted runs (rows 1 … draws), which can be resumed from any block.

    Of the T tokens those from `start` on are recorded, C columns; no state before them can be restored.
    """

    activations: ActivationCache
    clean_outputs: tuple[torch.Tensor, ...]  # per block, the MLP's or attention's clean output (C, d); () for hidden
    kind: Kind
    tokens: int  # T
    start: int
    subject: tuple[int, int]
    answer: int  # the traced token
    p_clean: float
    p_corrupted: torch.Tensor  # (draws,)

    @property
    def draws(self) -> int:
        return self.activations.rows - 1

    @property
    def columns(self) -> int:
        """C."""
        return self.tokens - self.start


def part_of(model: LoadedModel, kind: Kind, block: int) -> nn.Module:
    """The module whose output a kind restores: the MLP, the attention, or the block itself."""
    parts = model.architecture.blocks[block]
    return {"mlp": parts.mlp, "attn": parts.attn, "hidden": parts.module}[kind]


def corrupting(
    model: LoadedModel, fact: Fact, noise: float, draws: int, seed: int, *, start: int = 0
) -> OutputFunction:
    """An embedding hook that adds N(0, noise²) to the subject's tokens in rows 1 … draws; seeded by fact and draw.

    `start`: the token that the first column stands for.
    """
    first, end = subject_span(model.asking, fact.prompt, fact.span)

    def corrupt(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        shifted = output.clone()
        low = max(first, start)
        high = min(end, start + output.shape[1])
        if low >= high:
            return shifted
        for draw in range(draws):
            generator = torch.Generator().manual_seed(seed_of(seed, fact.prompt, fact.span, draw))
            shift = torch.randn(end - first, output.shape[-1], generator=generator, dtype=torch.float64) * noise
            shifted[1 + draw, low - start : high - start] += shift[low - first : high - first].to(output)
        return shifted

    return corrupt


@torch.no_grad()
def record_runs(
    model: LoadedModel,
    fact: Fact,
    answer: int | None,
    kind: Kind,
    *,
    noise: float,
    draws: int,
    seed: int,
    start: int = 0,
) -> RecordedRuns:
    """One batch of the clean and the corrupted runs, recorded from token `start` on.

    Without an `answer` the model's own greedy token is traced.
    """
    row = prompt_row(model.asking, fact.prompt)
    batch = Batch.of([row] * (1 + draws), model.device)
    outputs: dict[int, torch.Tensor] = {}

    def keep(block: int) -> OutputFunction:
        # A copy: Falcon goes on to add its attention's output to its MLP's in place.
        return lambda _given, output: outputs.__setitem__(block, output[0].clone())

    embedding = model.architecture.embedding
    with on_outputs({embedding: corrupting(model, fact, noise, draws, seed)}):
        prefix = PrefixCache.of(model, batch, start) if start else None
    hooks = {embedding: corrupting(model, fact, noise, draws, seed, start=start)}
    if kind != "hidden":
        hooks |= {part_of(model, kind, block): keep(block) for block in range(model.layers)}
    with on_outputs(hooks, model.architecture.flat):
        activations = record_activations(model, batch, range(model.layers + 1), prefix)
    last = activations.hidden[model.layers][:, -1]  # (1 + draws, d)
    if answer is None:
        answer = int(model.architecture.logits(model.architecture.final_norm(last[:1])).argmax())
    probabilities = token_probability(model.architecture, last, answer)
    return RecordedRuns(
        activations=activations,
        clean_outputs=tuple(outputs[block] for block in sorted(outputs)),
        kind=kind,
        tokens=len(row),
        start=start,
        subject=subject_span(model.asking, fact.prompt, fact.span),
        answer=answer,
        p_clean=float(probabilities[0]),
        p_corrupted=probabilities[1:],
    )


def joins_at(state: State, kind: Kind) -> int:
    """The first block that a row must run itself: a restored block output only matters from the next block on."""
    return state.first + 1 if kind == "hidden" else state.first


@dataclass(frozen=True, kw_only=True, eq=False)
class _RestoredRows:
    """Every state in every draw as R rows, sorted by the block that they join the batch at."""

    source: torch.Tensor  # (R,) the corrupted run that a row starts from, a row of the activations
    joins: torch.Tensor  # (R,) on the CPU
    first: torch.Tensor  # (R,) the first and the last block that are restored
    last: torch.Tensor  # (R,)
    tokens: torch.Tensor  # (R, C) whether a column's token is restored

    @classmethod
    def of(cls, runs: RecordedRuns, states: Sequence[State], device: torch.device) -> "_RestoredRows":
        """The rows of states that are sorted already."""
        rows = [state for state in states for _ in range(runs.draws)]
        tokens = torch.zeros(len(rows), runs.columns, dtype=torch.bool, device=device)
        for i, state in enumerate(rows):
            tokens[i, [token - runs.start for token in state.tokens]] = True
        return cls(
            source=torch.arange(1, runs.draws + 1, device=device).repeat(len(states)),
            joins=torch.tensor([joins_at(state, runs.kind) for state in rows]),
            first=torch.tensor([state.first for state in rows], device=device),
            last=torch.tensor([state.last for state in rows], device=device),
            tokens=tokens,
        )

    def restore(self, values: torch.Tensor, clean: torch.Tensor, block: int) -> torch.Tensor:
        """Values (A, C, d) of the first A rows with the clean ones (C, d) in the place of what is restored."""
        active = len(values)
        here = (self.first[:active] <= block) & (block <= self.last[:active])
        return torch.where((self.tokens[:active] & here[:, None])[..., None], clean, values)


def restored_probabilities(
    model: LoadedModel, runs: RecordedRuns, states: Sequence[State], *, report: Reporter = silent
) -> torch.Tensor:
    """p(answer) with each state restored in each corrupted run, (states, draws). Reports after each block."""
    order = sorted(range(len(states)), key=lambda i: joins_at(states[i], runs.kind))
    rows = _RestoredRows.of(runs, [states[i] for i in order], model.device)
    hidden = runs.activations.hidden[0][:0]  # (0, C, d): no row has joined yet
    for block in range(int(rows.joins[0]), model.layers):
        with model.using("restoring states"), torch.no_grad():
            hidden = _run_block(model, runs, rows, block, _joined(runs, rows, block, hidden))
        report(Progress(phase=TRACE_PHASES[runs.kind], done=block + 1, total=model.layers, detail=f"layer {block}"))
    with model.using("restoring states"), torch.no_grad():
        hidden = _joined(runs, rows, model.layers, hidden)
        probabilities = token_probability(model.architecture, hidden[:, -1], runs.answer)
        probabilities = probabilities.reshape(len(states), runs.draws)  # (states · draws,) -> (states, draws)
        places = torch.tensor(order, device=model.device)
        return torch.empty_like(probabilities).index_copy(0, places, probabilities)


def _joined(runs: RecordedRuns, rows: _RestoredRows, block: int, hidden: torch.Tensor) -> torch.Tensor:
    """A block's input (A, C, d): the rows that run already, and those that join here; a hidden state is restored."""
    joining = rows.source[len(hidden) : int((rows.joins <= block).sum())]
    hidden = torch.cat([hidden, runs.activations.hidden[block][joining]])
    if runs.kind == "hidden":
        hidden = rows.restore(hidden, runs.activations.hidden[block][0], block - 1)
    return hidden


def _run_block(
    model: LoadedModel, runs: RecordedRuns, rows: _RestoredRows, block: int, hidden: torch.Tensor
) -> torch.Tensor:
    """One block on A rows, with its MLP's or attention's output restored where that is the kind."""
    hooks = {}
    if runs.kind != "hidden":
        hooks[part_of(model, runs.kind, block)] = lambda _given, output: rows.restore(
            output, runs.clean_outputs[block], block
        )
    with on_outputs(hooks, model.architecture.flat):
        return run_block(model, runs.activations, block, hidden, rows.source[: len(hidden)])
