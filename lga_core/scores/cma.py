"""Causal mediation analysis: how much of a fact returns when one state is restored (ROME §2.1, METHOD §2)."""

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.models.halving import Halving
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import batch_tokens, passing_bytes
from lga_core.models.quantized import require_gradients
from lga_core.models.tokens import answer_row, prompt_row, subject_span, token_texts
from lga_core.results import CausalTrace, Cost, FactRow, Kind, OldSource, Progress, SurveyRow
from lga_core.scores.patching import patching_estimate
from lga_core.scores.restore import Runs, State, joins_at, record_runs, restored_probabilities

VERSION = 1
CHUNK_TOKENS = 4096                          # rows × tokens computed at once
ROME_WINDOW, ROME_LAYERS = 10, 48


@dataclass(frozen=True, kw_only=True)
class CmaSettings:
    """Settings of the trace. `window` None scales ROME's 10 of 48 layers to the model's depth."""

    window: int | None = None
    draws: int = 10
    noise: float = 3.0                       # in standard deviations of the subject tokens' embeddings
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1 or self.noise <= 0 or (self.window is not None and self.window < 1):
            raise ValueError("draws and window must be at least 1, noise above 0")


def window_size(layers: int, kind: Kind, window: int | None = None) -> int:
    """Layers restored at once: 1 for hidden states; else the given window or min(10, max(1, round(10·L/48)))."""
    if kind == "hidden":
        return 1
    return window or min(ROME_WINDOW, max(1, round(ROME_WINDOW * layers / ROME_LAYERS)))


def window_state(tokens: tuple[int, ...], layer: int, window: int, layers: int) -> State:
    """The window of `window` layers around `layer`: l − w//2 … l + w − w//2 − 1, clipped."""
    low = layer - window // 2
    return State(tokens=tokens, first=max(0, low), last=min(layers - 1, low + window - 1))


@torch.no_grad()
def noise_level(model: LoadedModel, facts: Sequence[Fact]) -> float:
    """σ: standard deviation of the embedding layer's OUTPUT over the facts' subject tokens (Gemma scales it)."""
    ids = []
    for fact in facts:
        first, end = subject_span(model.tokenizer, fact.prompt, fact.span)
        ids.extend(prompt_row(model.tokenizer, fact.prompt).ids[first:end])
    with model.using("measuring the noise level"):
        return float(model.architecture.embedding(torch.tensor([ids], device=model.device)).double().std())


def traced_answer(model: LoadedModel, fact: Fact, row: SurveyRow) -> tuple[str | None, int | None, OldSource]:
    """The answer to trace, its first token and its source.

    The data's old answer, and among several accepted ones the one that the model gives; without any the model's
    own first token (then text and token are None: the clean run tells them).
    """
    if not fact.target_old:
        return None, None, "model"
    firsts = [answer_row(model.tokenizer, fact.prompt, answer).answer[0] for answer in fact.target_old]
    given = model.tokenizer(f"{fact.prompt.rstrip()} {row.greedy}")["input_ids"] if row.known else []
    start = len(prompt_row(model.tokenizer, fact.prompt))
    spoken = given[start] if len(given) > start else None
    index = firsts.index(spoken) if spoken in firsts else 0
    return fact.target_old[index], firsts[index], "data"


def cma_rows(model: LoadedModel, facts: Sequence[Fact], survey: Sequence[SurveyRow], kind: Kind, settings: CmaSettings,
             done: Collection[int] = frozenset()) -> Iterator[FactRow | Progress]:
    """The per-layer trace at the last subject token; yields one row a fact, in order, and says where memory ran out.

    `values`: "effect" (L,) mean indirect effect over the draws, scalars "p-clean", "p-corrupted". Facts that the
    model does not know are not traced; where there is no old answer the model's own first token is.
    """
    sigma, halving = noise_level(model, facts), Halving(what="CMA")
    for number, (fact, row) in enumerate(zip(facts, survey, strict=True)):
        if fact.record in done:
            continue
        answer, token, source = traced_answer(model, fact, row)
        if row.known is False:
            yield FactRow(record=fact.record, status="not known by the model", old_answer=answer, old_source=source,
                          known=False, values={})
            continue
        if halving.halved:
            yield Progress(label=f"CMA{halving.told}", done=number, total=len(facts))
        with model.using(f"CMA ({kind})"):
            traced = _layer_trace(model, fact, answer, token, source, row, kind, settings, sigma, halving)
        yield traced


def _layer_trace(model: LoadedModel, fact: Fact, answer: str | None, token: int | None, source: OldSource,
                 row: SurveyRow, kind: Kind, settings: CmaSettings, sigma: float, halving: Halving) -> FactRow:
    begin = perf_counter()
    runs = record_runs(model, fact, token, kind, noise=settings.noise * sigma, draws=settings.draws,
                       seed=settings.seed)
    window = window_size(model.layers, kind, settings.window)
    states = [window_state((runs.subject[1] - 1,), layer, window, model.layers) for layer in range(model.layers)]
    most = batch_tokens(model, "CMA", passing_bytes(model), CHUNK_TOKENS)
    restored = torch.cat([_restored(model, runs, chunk, halving) for chunk in _chunks(runs, states, most)])
    return FactRow(
        record=fact.record, status="used", old_answer=answer or model.tokenizer.decode([runs.answer]).strip(),
        old_source=source, known=row.known,
        values={"effect": _effect(restored, runs), "p-clean": np.float64(runs.p_clean),
                "p-corrupted": np.float64(runs.p_corrupted.double().mean())},
        cost=_cost(model, runs, states, perf_counter() - begin),
    )


def trace(model: LoadedModel, fact: Fact, row: SurveyRow, kind: Kind, settings: CmaSettings,
          sigma: float) -> Generator[Progress, None, CausalTrace]:
    """One fact's full trace, every token at every layer; yields after each chunk of states.

    `sigma` is `noise_level` of the set that the fact belongs to.
    """
    begin = perf_counter()
    require_gradients(model, "Attribution patching, which stands beside a token trace,")
    _, token, source = traced_answer(model, fact, row)
    noise = settings.noise * sigma
    with model.using(f"causal trace ({kind})"):
        runs = record_runs(model, fact, token, kind, noise=noise, draws=settings.draws, seed=settings.seed)
        window = window_size(model.layers, kind, settings.window)
        estimate = patching_estimate(model, fact, runs.answer, kind, window, noise=noise, draws=settings.draws,
                                     seed=settings.seed)
    states = [window_state((token_index,), layer, window, model.layers)
              for layer in range(model.layers) for token_index in range(runs.tokens)]
    effects: list[np.ndarray] = []
    finished = 0
    halving, most = Halving(what="CMA"), batch_tokens(model, "CMA", passing_bytes(model), CHUNK_TOKENS)
    for chunk in _chunks(runs, states, most):
        with model.using(f"causal trace ({kind})"):
            effects.append(_effect(_restored(model, runs, chunk, halving), runs))
        finished += len(chunk)
        yield Progress(label=f"{kind} trace{halving.told}", done=finished, total=len(states))
    first = model.tokenizer.decode([runs.answer])
    return CausalTrace(
        record=fact.record, kind=kind, window=window, prompt=fact.prompt,
        tokens=token_texts(model.tokenizer, prompt_row(model.tokenizer, fact.prompt).ids), subject=runs.subject,
        answer=first, answer_source=source, p_clean=runs.p_clean, p_corrupted=float(runs.p_corrupted.double().mean()),
        noise=noise, draws=settings.draws,
        effect=np.concatenate(effects).reshape(model.layers, runs.tokens).T, patching=estimate,
        cost=_cost(model, runs, states, perf_counter() - begin),
    )


def _chunks(runs: Runs, states: Sequence[State], most: int) -> Iterator[Sequence[State]]:
    """As many states together as `most` tokens hold, each in every draw."""
    size = max(1, most // (runs.draws * runs.tokens))
    for first in range(0, len(states), size):
        yield states[first:first + size]


def _restored(model: LoadedModel, runs: Runs, states: Sequence[State], halving: Halving) -> torch.Tensor:
    """`restored_probabilities` of a chunk, (states, draws), in halves where memory runs out."""
    return torch.stack(halving.run(lambda part: list(restored_probabilities(model, runs, part)), states))


def _effect(restored: torch.Tensor, runs: Runs) -> np.ndarray:
    return (restored - runs.p_corrupted).double().mean(-1).cpu().numpy()


def _cost(model: LoadedModel, runs: Runs, states: Sequence[State], seconds: float) -> Cost:
    share = sum(model.layers - joins_at(state, runs.kind) for state in states) / model.layers
    return Cost(seconds=seconds, forward_rows=1 + runs.draws + runs.draws * share)
