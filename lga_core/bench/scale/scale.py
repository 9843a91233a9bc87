"""`bench scale`: what LGA, the causal trace and an edit cost at the sizes that the paper edits.

On a card the published shapes run, with random weights in bfloat16. On a CPU small ones of the same proportions run in
float32 and the cost is extrapolated by least squares: that is arithmetic, and every such row says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from time import perf_counter, process_time
from typing import Any

import torch

from lga_core.bench.measure import FACT_SET, all_known, peak_memory, seconds_of, some_facts
from lga_core.bench.scale.fit import Fit, Load
from lga_core.bench.scale.scale_load import EDIT, edited_layer, entries, load_of, load_tokens
from lga_core.bench.scale.shapes import SHAPES, Shape, parameters, random_model
from lga_core.data.facts import Fact
from lga_core.editing.edits import LowRankEdit
from lga_core.editing.table import editor_named
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import pick_device
from lga_core.models.running.forward import HEAD_ELEMENTS
from lga_core.models.running.memory import LOGIT_BYTES, card_room, kept_bytes, logit_bytes, passing_bytes, weight_bytes
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.scores.gradients import lga
from lga_core.scores.settings import CmaSettings, GradientSettings
from lga_core.scores.tracing import cma
from lga_core.view.words.text import count

LGA_FACTS, CMA_FACTS = 32, 4  # on a card
LAYERS, WIDTHS, SMALL_FACTS = (2, 4, 6), (256, 512, 768), (4, 12)  # on a CPU
BEYOND = (8, 1024)  # layers and width of the point that checks the fit
SMALL_VOCABULARY = 4000
PROMPT_TOKENS, CONTEXT_TOKENS = 10, 20  # as many as facts and their contexts have, for the memory
BFLOAT16_BYTES, FLOAT32_BYTES, FLOAT64_BYTES = 2, 4, 8
METHODS = ("lga", "cma-mlp", "r-rome")


def bench_scale(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """LGA, CMA and one R-ROME edit at the shapes of GPT-2 XL, Llama-2-7B and Gemma-3-12B (random weights).

    The model's name is not used. `limit`: facts for LGA on a card.
    """
    begin = perf_counter()
    device = pick_device("auto")
    facts = some_facts(limit or LGA_FACTS, seed)
    rows: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    for done, shape in enumerate(SHAPES):
        report(Progress(phase=Phase.SPEED, done=done, total=len(SHAPES), detail=shape.name))
        if device.type == "cuda":
            rows += _full_size(shape, facts, device, seed)
        else:
            estimated, measured = _scaled(shape, facts, seed)
            rows += estimated
            points += measured
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"cpu, float32, {count(torch.get_num_threads(), 'thread')}"
    )
    return {
        "name": "scale",
        "seconds": perf_counter() - begin,
        "peak_bytes": max(row["peak_bytes"] for row in rows),
        "rows": rows,
        "points": points,
        "machine": where,
        "settings": {
            "facts": FACT_SET,
            "seed": seed,
            "draws": CmaSettings().draws,
            "edit_steps": EDIT.value.steps,
            "edit_contexts": EDIT.contexts,
            "second_moment_while_timed": EDIT.covariance,
            "arithmetic": "seconds: processor time by a fit to the points, float32; memory: bfloat16 on a "
            "card, the edit's with its second moment; beyond: the fit's seconds over the measured ones "
            f"at {BEYOND[0]} layers and a width near {BEYOND[1]}, which it was not fitted to",
            "shapes": {shape.name: shape.source for shape in SHAPES},
        },
    }


@dataclass(frozen=True, kw_only=True)
class Task:
    """One method on some facts of one model, and what it has to do there."""

    method: str
    facts: int
    run: Callable[[], Any]
    load: Load


def tasks(model: LoadedModel, facts: Sequence[Fact], counts: dict[str, int]) -> list[Task]:
    """The three methods on the first `counts[method]` facts."""
    nothing = _nothing(model)
    layer = edited_layer(model.layers)

    def run(method: str, some: Sequence[Fact]) -> Any:
        if method == "lga":
            return list(lga.gradient_rows(model, some, all_known(some), GradientSettings()))
        if method == "cma-mlp":
            return list(cma.mlp_rows(model, some, all_known(some), CmaSettings()))
        return [editor_named("r-rome").run(model, [fact], (layer,), EDIT, (nothing,)) for fact in some]

    first = {method: facts[: counts[method]] for method in METHODS}
    return [
        Task(method=method, facts=len(some), run=partial(run, method, some), load=load_of(model, some, method))
        for method, some in first.items()
    ]


def _nothing(model: LoadedModel) -> LowRankEdit:
    """An edit that changes nothing: on an edited model no v* is read or kept."""
    down = model.architecture.blocks[0].down
    return LowRankEdit(
        layer=0,
        matrix=down.name,
        left=torch.zeros(1, down.d_out, device=model.device),
        right=torch.zeros(1, down.d_in, device=model.device),
    )


def _full_size(shape: Shape, facts: Sequence[Fact], device: torch.device, seed: int) -> list[dict[str, Any]]:
    """The published shape itself, measured."""
    model = random_model(
        shape,
        facts,
        layers=shape.layers,
        width=shape.width,
        vocabulary=shape.vocabulary,
        device=device,
        dtype=torch.bfloat16,
        seed=seed,
    )
    prefixes(model, EDIT.contexts, EDIT.seed)  # sampled once a model: not a part of an edit's cost
    weights = weight_bytes(model)
    rows: list[dict[str, Any]] = []
    for task in tasks(model, facts, {"lga": len(facts), "cma-mlp": CMA_FACTS, "r-rome": 1}):
        task.run()  # warm up
        with peak_memory(device) as peak:
            seconds = seconds_of(task.run, device)
        rows.append(_row(shape, task.method, "measured", task.facts, seconds / task.facts, peak.bytes, weights))
    del model
    torch.cuda.empty_cache()
    return rows


def _scaled(shape: Shape, facts: Sequence[Fact], seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the cost of small shapes, measured, comes to at the published size; and the points that were measured.

    The last point is larger than all others and not fitted: it tells how far off the fit is beyond them.
    """
    loads: dict[str, list[tuple[Load, float]]] = {method: [] for method in METHODS}
    points = []
    for layers, width in (*product(LAYERS, WIDTHS), BEYOND):
        model = _small(shape, facts, layers, shape.near(width), torch.float32, seed)
        prefixes(model, EDIT.contexts, EDIT.seed)
        for n_facts in SMALL_FACTS:
            for task in tasks(model, facts, {"lga": n_facts, "cma-mlp": max(1, n_facts // 4), "r-rome": 1}):
                if n_facts != SMALL_FACTS[0] and (task.method == "r-rome" or (layers, width) == BEYOND):
                    continue  # one edit is one edit
                if not loads[task.method]:
                    task.run()  # warm up
                begin = process_time()  # not the wall's: what else runs here is not part of the cost
                task.run()
                seconds = process_time() - begin
                loads[task.method].append((task.load, seconds))
                points.append(
                    {
                        "shape": shape.name,
                        "method": task.method,
                        "layers": layers,
                        "width": model.architecture.hidden_size,
                        "facts": task.facts,
                        "seconds": seconds,
                    }
                )
    return [_extrapolated(shape, facts, method, loads[method], seed) for method in METHODS], points


def _extrapolated(
    shape: Shape, facts: Sequence[Fact], method: str, points: Sequence[tuple[Load, float]], seed: int
) -> dict[str, Any]:
    """The fit's answer for one fact at the published size on this machine, and the memory in bfloat16 on a card."""
    fit = Fit.of(*zip(*points[:-1], strict=True))
    beyond, seconds = points[-1]
    model = _small(shape, facts, LAYERS[0], shape.near(WIDTHS[0]), torch.bfloat16, seed)
    grown = shape.width / model.architecture.hidden_size
    tokens, heads = load_tokens(model.asking, facts[:1], method, shape.layers)
    full = Load(
        layers=shape.layers,
        width=shape.width,
        tokens=tokens,
        heads=heads,
        vocabulary=shape.vocabulary,
        entries=round(entries(model) * grown**2),
    )
    weights = BFLOAT16_BYTES * parameters(shape)
    kept = int(kept_bytes(model) / LAYERS[0] * shape.layers * grown)  # linear in depth and in every width
    peak = weights + _working(shape, method, model, kept, weights)
    return _row(shape, method, "arithmetic", 1, fit.seconds(full), peak, weights) | {
        "r2": fit.r2,
        "points": fit.points,
        "beyond": fit.seconds(beyond) / seconds,
        "fit": str(fit),
    }


def _working(shape: Shape, method: str, model: LoadedModel, kept: int, weights: int) -> int:
    """Bytes beside the weights, in bfloat16 on a card: what the batch sizes there are chosen by."""
    grown = shape.width / model.architecture.hidden_size
    if method == "lga":
        token = kept + logit_bytes(shape.vocabulary)
        return min(lga.BATCH_TOKENS, card_room(weights) // token) * token
    if method == "cma-mlp":
        rows = 1 + CmaSettings().draws
        activations = BFLOAT16_BYTES * rows * PROMPT_TOKENS * shape.width * (shape.layers + 1)
        token = int(passing_bytes(model) * grown)
        head = 3 * FLOAT32_BYTES * HEAD_ELEMENTS
        return activations + min(cma.CHUNK_TOKENS, card_room(weights) // token) * token + head
    inner = round(model.architecture.blocks[0].down.d_in * grown)
    moment = (FLOAT32_BYTES + 2 * FLOAT64_BYTES) * inner**2  # C, and its factorization in float64
    rows = (EDIT.contexts + 2) * CONTEXT_TOKENS
    return max(moment, rows * kept // 2 + (EDIT.contexts + 2) * shape.vocabulary * LOGIT_BYTES)


def _small(shape: Shape, facts: Sequence[Fact], layers: int, width: int, dtype: torch.dtype, seed: int) -> LoadedModel:
    return random_model(
        shape,
        facts,
        layers=layers,
        width=width,
        vocabulary=SMALL_VOCABULARY,
        device=torch.device("cpu"),
        dtype=dtype,
        seed=seed,
    )


def _row(shape: Shape, method: str, how: str, facts: int, seconds: float, peak: int, weights: int) -> dict[str, Any]:
    return {
        "shape": shape.name,
        "method": method,
        "how": how,
        "layers": shape.layers,
        "width": shape.width,
        "facts": facts,
        "seconds_per_fact": seconds,
        "peak_bytes": peak,
        "weight_bytes": weights,
        "peak_over_weights": peak / weights,
    }
