"""Causal mediation analysis: how much of a fact returns when one state is restored (ROME §2.1, METHOD.md §2)."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.halving import Halving
from lga_core.models.running.memory import batch_tokens, passing_bytes
from lga_core.models.structure.quantized import require_gradients
from lga_core.models.text.chat import UnaskableError
from lga_core.models.text.tokens import answer_row, prompt_row, subject_span, token_texts
from lga_core.progress import STATE, Progress, Reporter, silent
from lga_core.results import CausalTrace, Cost, FactRow, Kind, KnownFactCheck, OldSource, refusal_words
from lga_core.scores.answer_pairs import own_tokens
from lga_core.scores.settings import TRACE_PHASES, CmaSettings
from lga_core.scores.steps import Stopwatch, inside, measured_row
from lga_core.scores.tracing.average import NOT_KNOWN
from lga_core.scores.tracing.patching import patching_estimate
from lga_core.scores.tracing.restore import RecordedRuns, State, joins_at, record_runs, restored_probabilities

CHUNK_TOKENS = 4096  # rows × tokens computed at once
ROME_WINDOW = 10
ROME_LAYERS = 48


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
    """σ: standard deviation of the embedding layer's OUTPUT over the facts' subject tokens (Gemma scales it).

    A fact whose prompt the model cannot read has none. Raises LgaError where no fact has any.
    """
    ids: list[int] = []
    for fact in facts:
        with suppress(UnaskableError):
            first, end = subject_span(model.asking, fact.prompt, fact.span)
            ids.extend(prompt_row(model.asking, fact.prompt).ids[first:end])
    if not ids:
        raise LgaError(
            f"{model.name} cannot read the subject of any of these facts, from which the noise is scaled.",
            hint="Choose other facts, or another model.",
        )
    with model.using("measuring the noise level"):
        return float(model.architecture.embedding(torch.tensor([ids], device=model.device)).double().std())


def traced_answer(model: LoadedModel, fact: Fact, check: KnownFactCheck) -> tuple[str | None, int | None, OldSource]:
    """The answer to trace, its first token and its source.

    The data's old answer, and among several accepted ones the one that the model gives; without any the model's
    own first token. Then text and token are None: they are read off the clean run.
    """
    if not fact.target_old:
        return None, None, "model"
    firsts = [answer_row(model.asking, fact.prompt, answer).answer[0] for answer in fact.target_old]
    own = own_tokens(check)[:1] if check.known and len(firsts) > 1 else ()
    index = firsts.index(own[0]) if own and own[0] in firsts else 0
    return fact.target_old[index], firsts[index], "data"


def cma_rows(
    model: LoadedModel,
    facts: Sequence[Fact],
    checks: Sequence[KnownFactCheck],
    settings: CmaSettings,
    done: Collection[int] = frozenset(),
    *,
    kind: Kind,
    report: Reporter = silent,
) -> Iterator[FactRow]:
    """The per-layer trace at the last subject token; yields one row a fact, in order. Reports after each block.

    `values`: "effect" (L,) mean indirect effect over the draws, scalars "p-clean", "p-corrupted". Facts that the
    model does not know are not traced; where there is no old answer the model's own first token is. Which facts are
    known is what their checks tell, so each row's cost has its check's in it, of a fact that is not traced too.
    """
    sigma = noise_level(model, facts)
    halving = Halving(phase=TRACE_PHASES[kind])
    left = [(fact, check) for fact, check in zip(facts, checks, strict=True) if fact.record not in done]
    for finished, (fact, check) in enumerate(left, start=len(facts) - len(left)):
        if check.known is False:
            answer, _, source = traced_answer(model, fact, check)
            yield replace(FactRow.not_used(check, NOT_KNOWN, answer, source), cost=check.cost)
        else:
            within = inside(report, TRACE_PHASES[kind], finished, len(facts))
            try:
                row = _layer_trace(model, fact, check, kind, settings, sigma, halving, within)
            except UnaskableError as error:  # no token holds its subject, which no other score needs
                answer, _, source = traced_answer(model, fact, check)
                row = replace(FactRow.not_used(check, refusal_words(error.reason), answer, source), cost=check.cost)
            yield row


mlp_rows = partial(cma_rows, kind="mlp")
hidden_rows = partial(cma_rows, kind="hidden")
attn_rows = partial(cma_rows, kind="attn")


def _layer_trace(
    model: LoadedModel,
    fact: Fact,
    check: KnownFactCheck,
    kind: Kind,
    settings: CmaSettings,
    sigma: float,
    halving: Halving,
    report: Reporter,
) -> FactRow:
    watch = Stopwatch(report)
    answer, token, source = traced_answer(model, fact, check)
    last = subject_span(model.asking, fact.prompt, fact.span)[1] - 1
    with model.using(TRACE_PHASES[kind]):
        runs = record_runs(
            model, fact, token, kind, noise=settings.noise * sigma, draws=settings.draws, seed=settings.seed, start=last
        )
    window = window_size(model.layers, kind, settings.window)
    states = [window_state((last,), layer, window, model.layers) for layer in range(model.layers)]
    chunks = _chunks(model, runs, states)
    effects = [_effects(model, runs, chunk, halving, watch.report) for chunk in chunks]
    values = {
        "effect": np.concatenate(effects),
        "p-clean": np.array(runs.p_clean),
        "p-corrupted": np.array(float(runs.p_corrupted.double().mean())),
    }
    answer = answer or model.tokenizer.decode([runs.answer]).strip()
    cost = _cost(model, runs, states, watch.seconds) + check.cost
    return measured_row(model, check, answer, source, values, cost, "effects")


def trace(
    model: LoadedModel,
    fact: Fact,
    check: KnownFactCheck,
    kind: Kind,
    settings: CmaSettings,
    sigma: float,
    *,
    report: Reporter = silent,
) -> CausalTrace:
    """One fact's full trace, every token at every layer. Reports after each block of each chunk of states.

    `sigma` is `noise_level` of the set that the fact belongs to.
    """
    watch = Stopwatch(report)
    require_gradients(model, "Attribution patching, which stands beside a token trace,")
    _, token, source = traced_answer(model, fact, check)
    noise = settings.noise * sigma
    window = window_size(model.layers, kind, settings.window)
    first = subject_span(model.asking, fact.prompt, fact.span)[0]
    record = partial(record_runs, model, fact, kind=kind, noise=noise, draws=settings.draws, seed=settings.seed)
    with model.using(TRACE_PHASES[kind]):
        runs = record(token, start=first)
    states = (runs.tokens - first) * model.layers
    progress = Progress(phase=TRACE_PHASES[kind], done=0, total=states, unit=STATE)
    watch.report(progress)
    with model.using(TRACE_PHASES[kind]):
        estimate = patching_estimate(
            model, fact, runs.answer, kind, window, noise=noise, draws=settings.draws, seed=settings.seed
        )
    effect, cost = _effects_by_position(model, runs, record, window, watch, progress)
    return CausalTrace(
        record=fact.record,
        kind=kind,
        window=window,
        prompt=fact.prompt,
        tokens=token_texts(model.tokenizer, prompt_row(model.asking, fact.prompt).ids),
        subject=runs.subject,
        answer=model.tokenizer.decode([runs.answer]),
        answer_source=source,
        p_clean=runs.p_clean,
        p_corrupted=float(runs.p_corrupted.double().mean()),
        noise=noise,
        draws=settings.draws,
        effect=effect,
        patching=estimate,
        cost=cost + Cost(seconds=watch.seconds, forward_rows=1 + runs.draws, backward_rows=runs.draws),  # of patching
    )


def _effects_by_position(
    model: LoadedModel,
    runs: RecordedRuns,
    record: Callable[..., RecordedRuns],
    window: int,
    watch: Stopwatch,
    progress: Progress,
) -> tuple[np.ndarray, Cost]:
    """The effect of each token at every layer (T, L), and what it took, without seconds; reports from `progress` on.

    `runs` are recorded from the subject's first token on; `record` gives those from a later one on.
    """
    phase = progress.phase
    effect = np.zeros((runs.tokens, model.layers))  # before the subject the two runs are one: nothing to restore
    halving = Halving(phase=phase)
    cost = Cost()
    for position in range(runs.start, runs.tokens):
        with model.using(phase):
            here = runs if position == runs.start else record(runs.answer, start=position)
        states = [window_state((position,), layer, window, model.layers) for layer in range(model.layers)]
        effects: list[np.ndarray] = []
        for chunk in _chunks(model, here, states):
            within = inside(watch.report, phase, progress.done, progress.total, progress.unit)
            effects.append(_effects(model, here, chunk, halving, within))
            progress = replace(progress, done=progress.done + len(chunk), detail=halving.detail)
            watch.report(progress)
        effect[position] = np.concatenate(effects)
        cost += _cost(model, here, states, 0.0)
    return effect, cost


def _chunks(model: LoadedModel, runs: RecordedRuns, states: Sequence[State]) -> Iterator[Sequence[State]]:
    """As many states together as CHUNK_TOKENS or the memory holds, each in every draw."""
    most = batch_tokens(model, "CMA", passing_bytes(model), CHUNK_TOKENS)
    size = max(1, most // (runs.draws * runs.columns))
    for first in range(0, len(states), size):
        yield states[first : first + size]


def _effects(
    model: LoadedModel, runs: RecordedRuns, states: Sequence[State], halving: Halving, report: Reporter
) -> np.ndarray:
    """Mean indirect effect of each state over the draws, (states,); in halves where memory runs out."""

    def report_block(step: Progress) -> None:
        report(replace(step, detail=halving.detail or step.detail))

    def restore(part: Sequence[State]) -> list[torch.Tensor]:
        return list(restored_probabilities(model, runs, part, report=report_block))

    restored = torch.stack(halving.run(restore, states, report=report))  # (states, draws)
    return (restored - runs.p_corrupted).double().mean(-1).cpu().numpy()


def _cost(model: LoadedModel, runs: RecordedRuns, states: Sequence[State], seconds: float) -> Cost:
    """In rows of the whole prompt through the whole model."""
    share = sum(model.layers - joins_at(state, runs.kind) for state in states) / model.layers
    restored = runs.draws * share * runs.columns / runs.tokens
    return Cost(seconds=seconds, forward_rows=1 + runs.draws + restored)
