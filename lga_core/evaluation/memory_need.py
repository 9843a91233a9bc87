"""What a model and each method will take of the memory, from the methods' own batch sizes: said before they start."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lga_core.editing import fine_tuning
from lga_core.editing.search import SEARCH_TOKENS
from lga_core.evaluation import metrics
from lga_core.models import checkpoint
from lga_core.models.catalogue import ModelEntry, local_folder
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import pick_device, pick_dtype
from lga_core.models.memory import (
    asking_bytes,
    gradient_bytes,
    loading_estimate,
    passing_bytes,
    working_estimate,
)
from lga_core.models.moments import SOLVING_BYTES
from lga_core.models.quantized import require_gradients
from lga_core.models.texts import IDENTITY
from lga_core.results import MemoryEstimate
from lga_core.scores import attribution, cma, forecast, lga, survey

ROW_TOKENS = 16                              # of a prompt with its answer, about
QUESTIONS = 16                               # about one fact, about
TRAINED_BYTES = 16                           # an entry of ΔW: in float32, its gradient, and Adam's two moments

# Measurement -> (bytes a token, tokens of one fact, tokens at once at most).
BATCHES: Mapping[str, tuple[Callable[[LoadedModel], int], int, int]] = {
    "gradients": (gradient_bytes, 2 * ROW_TOKENS, lga.BATCH_TOKENS),
    **{f"trace-{kind}": (passing_bytes, cma.CHUNK_TOKENS, cma.CHUNK_TOKENS) for kind in ("mlp", "hidden", "attn")},
    "gradxact": (gradient_bytes, ROW_TOKENS, ROW_TOKENS),
    "ig": (gradient_bytes, attribution.BATCH_TOKENS, attribution.BATCH_TOKENS),
    "forecast": (gradient_bytes, 4 * ROW_TOKENS, forecast.BATCH_TOKENS),
}


def loading_need(entry: ModelEntry, device: str = "auto", dtype: str = "auto") -> MemoryEstimate | None:
    """Of a model that is not in memory; None where its size is not known yet. Raises LgaError as `load` does."""
    where = pick_device(device)
    kind, folder = pick_dtype(dtype, where), local_folder(entry)
    if folder is not None and checkpoint.is_complete(folder):
        return loading_estimate(checkpoint.weight_bytes(folder, kind.itemsize), kind, where)
    if entry.parameters is None:
        return None
    return loading_estimate(entry.parameters * kind.itemsize, kind, where)


def scoring_need(model: LoadedModel, measurements: Sequence[str], facts: int) -> MemoryEstimate:
    """The largest batch of the survey and of these measurements, of so many facts.

    Raises LgaError where one needs gradients and none flow through the model.
    """
    needs = [working_estimate(model, asking_bytes(model), min(facts, survey.BATCH) * 2 * ROW_TOKENS)]
    for name in measurements:
        bytes_of, each, most = BATCHES[name]
        if bytes_of is gradient_bytes:
            require_gradients(model, name)
        second = _solving(model, range(model.layers)) if name == "forecast" else 0
        needs.append(working_estimate(model, bytes_of(model), min(facts * each, most), second))
    return max(needs, key=lambda need: need.needed)


def editing_need(model: LoadedModel, layers: Sequence[int], settings: Any, facts: int | None = None) -> MemoryEstimate:
    """Of writing and asking so many facts in one batch, or as many as a batch has at most.

    A second moment that is not kept yet has a plan of its own (`models.moment_plan`).
    """
    most = metrics.BATCH_TOKENS
    asking = asking_bytes(model) * (most if facts is None else min(most, facts * QUESTIONS * ROW_TOKENS))
    if hasattr(settings, "value"):
        each, most = (settings.contexts + 2) * ROW_TOKENS, SEARCH_TOKENS       # the bare prompt, and the KL prompt
        second, trained = _solving(model, layers) if settings.covariance != IDENTITY else 0, 0
    else:
        each, most, second = ROW_TOKENS, fine_tuning.BATCH_TOKENS, 0
        downs = [model.architecture.blocks[layer].down for layer in layers]
        trained = TRAINED_BYTES * max(down.d_in * down.d_out for down in downs)
    token = gradient_bytes(model)
    writing = token * (most if facts is None else min(most, facts * each)) + trained
    return working_estimate(model, token, -(-max(writing, asking) // token), second)


def _solving(model: LoadedModel, layers: Sequence[int]) -> int:
    return max(SOLVING_BYTES * model.architecture.blocks[layer].down.d_in ** 2 for layer in layers)
