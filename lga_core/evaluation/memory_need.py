"""How much memory a model and each method will need, from the methods' own batch sizes: shown before they start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lga_core.editing.editors import fine_tuning
from lga_core.editing.search.contexts import SEARCH_TOKENS
from lga_core.evaluation.metrics.asking import BATCH_TOKENS as ASKING_TOKENS
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import pick_device, pick_dtype
from lga_core.models.moments.second_moment import SOLVING_BYTES, missing
from lga_core.models.running.memory import (
    asking_bytes,
    gradient_bytes,
    loading_estimate,
    passing_bytes,
    working_estimate,
)
from lga_core.models.sources.entry import ModelEntry
from lga_core.models.sources.size import loading_size
from lga_core.models.structure.quantized import require_gradients
from lga_core.models.text.sources import IDENTITY
from lga_core.models.text.texts import text_named
from lga_core.results import MemoryEstimate
from lga_core.scores import hidden_distance, known_facts
from lga_core.scores.attribution import layer_attribution as attribution
from lga_core.scores.forecast import forecast
from lga_core.scores.gradients import lga
from lga_core.scores.tracing import cma

ROW_TOKENS = 16  # of a prompt with its answer, about
QUESTIONS = 16  # about one fact, about

# Measurement -> (bytes a token, tokens of one fact, tokens at once at most).
BATCHES: Mapping[str, tuple[Callable[[LoadedModel], int], int, int]] = {
    "gradients": (gradient_bytes, 2 * ROW_TOKENS, lga.BATCH_TOKENS),
    **{f"trace-{kind}": (passing_bytes, cma.CHUNK_TOKENS, cma.CHUNK_TOKENS) for kind in ("mlp", "hidden", "attn")},
    "gradxact": (gradient_bytes, ROW_TOKENS, ROW_TOKENS),
    "ig": (gradient_bytes, attribution.BATCH_TOKENS, attribution.BATCH_TOKENS),
    "hidden-distance": (passing_bytes, 2 * ROW_TOKENS, hidden_distance.BATCH_TOKENS),
    "forecast": (gradient_bytes, 4 * ROW_TOKENS, forecast.BATCH_TOKENS),
}


def loading_need(entry: ModelEntry, device: str = "auto", dtype: str = "auto") -> MemoryEstimate | None:
    """Of a model that is not in memory; None where its size is not known yet. Raises LgaError as `load` does."""
    where = pick_device(device)
    kind = pick_dtype(dtype, where)
    weights = loading_size(entry, str(kind).removeprefix("torch."))
    return None if weights is None else loading_estimate(weights, kind, where)


def scoring_need(model: LoadedModel, measurements: Sequence[str], facts: int) -> MemoryEstimate:
    """The largest batch of the known-fact check and of these measurements, of so many facts.

    Raises LgaError where one needs gradients and none flow through the model.
    """
    needs = [working_estimate(model, asking_bytes(model), min(facts, known_facts.BATCH) * 2 * ROW_TOKENS)]
    for name in measurements:
        bytes_of, each, most = BATCHES[name]
        if bytes_of is gradient_bytes:
            require_gradients(model, name)
        moments = _solving(model, range(model.layers)) if name == "forecast" else 0
        needs.append(working_estimate(model, bytes_of(model), min(facts * each, most), moments))
    return max(needs, key=lambda need: need.needed)


def editing_need(model: LoadedModel, layers: Sequence[int], settings: Any, facts: int | None = None) -> MemoryEstimate:
    """Of writing and asking so many facts in one batch, or as many as a batch has at most.

    Collecting a second moment that is not kept yet is not in it. Raises LgaError for a text that is not there.
    """

    def tokens(each: int, most: int) -> int:
        return most if facts is None else min(most, facts * each)

    asking = asking_bytes(model) * tokens(QUESTIONS * ROW_TOKENS, ASKING_TOKENS)
    token = gradient_bytes(model)
    moments = 0
    to_collect: tuple[int, ...] = ()
    if hasattr(settings, "value"):
        writing = token * tokens((settings.contexts + 2) * ROW_TOKENS, SEARCH_TOKENS)  # the bare and the KL prompt
        if settings.covariance != IDENTITY:
            moments = _solving(model, layers)
            text = text_named(settings.covariance, settings.seed)
            to_collect = missing(model, layers, text, settings.tokens_per_input)
    else:
        downs = [model.architecture.blocks[layer].down for layer in layers]
        trained = fine_tuning.TRAINED_BYTES * max(down.d_in * down.d_out for down in downs)
        writing = token * tokens(ROW_TOKENS, fine_tuning.BATCH_TOKENS) + trained
    need = working_estimate(model, token, -(-max(writing, asking) // token), moments)
    return replace(need, to_collect=to_collect)


def _solving(model: LoadedModel, layers: Sequence[int]) -> int:
    return max(SOLVING_BYTES * model.architecture.blocks[layer].down.d_in ** 2 for layer in layers)
