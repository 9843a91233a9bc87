"""`bench edit`: what a user waits for on the trial page, stage by stage, beside the plain ways to the same."""

import copy
from collections.abc import Sequence
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
from transformers import PreTrainedModel

from lga_core.bench.measure import FACT_SET, peak_memory, seconds_of, some_facts
from lga_core.bench.speed.baselines import naive_edit
from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit
from lga_core.editing.files.export import merged_matrix
from lga_core.editing.search.values import searched_anew
from lga_core.editing.settings import RRomeSettings
from lga_core.editing.table import editor_named
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.experiments.trial import trial_stages
from lga_core.evaluation.side_effects.fluency import LENGTH, TOP_K, continuation
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.models.moments.second_moment import second_moments
from lga_core.models.text.own_text import prefixes
from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Reporter, silent

FACTS, EDITOR, DEPTH = 10, "r-rome", 0.37
PLAIN_FACTS, TEXTS = 3, 5
STAGES = ("edit and teacher-forced metrics", "+ texts", "+ side effects: everything")


def bench_edit(
    model_name: str, limit: int | None = None, seed: int = 0, *, report: Reporter = silent
) -> dict[str, Any]:
    """A trial edit's stages, one fact at every layer, and text under an edit against transformers' generate.

    R-ROME with its defaults at a layer a third of the way up; second moments and prefixes are at hand, and every v* is
    searched anew. Each stage counts from the trial's start, the median over the facts, after one trial that is not
    counted. Plain ways: one fact with the whole model run at every step; one layer after another; `generate` on a copy
    of the model with the edit in its weights, which samples as many tokens.
    """
    model = load(model_name, report=report)
    warm, *facts = some_facts((limit or FACTS) + 1, seed)
    settings = RRomeSettings()
    layer = round(DEPTH * (model.layers - 1))
    prefixes(model, settings.contexts, settings.seed, report=report)
    second_moments(model, range(model.layers), settings.seed, report=report)
    with searched_anew(), peak_memory(model.device) as peak:
        stage_seconds(model, warm, layer, settings)
        stages = [stage_seconds(model, fact, layer, settings) for fact in facts]
        plain = [
            seconds_of(partial(naive_edit, model, fact, layer, settings), model.device) for fact in facts[:PLAIN_FACTS]
        ]
        together = seconds_of(
            lambda: list(sweep_cells(model, facts[:1], range(model.layers), EDITOR, settings)), model.device
        )
        apart = seconds_of(
            lambda: [list(sweep_cells(model, facts[:1], [at], EDITOR, settings)) for at in range(model.layers)],
            model.device,
        )
        (written,) = editor_named(EDITOR).run(model, facts[:1], (layer,), settings)
        ours, theirs = text_seconds(model, facts[0], written.edit, seed)
    medians = [median(column) for column in zip(*stages, strict=True)]
    return {
        "name": "edit",
        "speedup": median(plain) / medians[0],
        "baseline_seconds": median(plain),
        "seconds": medians[0],
        "peak_bytes": peak.bytes,
        "rows": [
            *(
                {"what": what, "seconds": seconds, "smallest": min(column), "largest": max(column), "n": len(facts)}
                for what, seconds, column in zip(STAGES, medians, zip(*stages, strict=True), strict=True)
            ),
            {"what": "the first stage, plain", "seconds": median(plain), "n": len(plain)},
            {"what": "one fact at every layer", "seconds": together, "n": model.layers},
            {"what": "the same, one layer after another", "seconds": apart, "n": model.layers},
            {"what": f"{LENGTH} sampled tokens under the edit", "seconds": ours, "n": TEXTS},
            {"what": "the same by transformers' generate on the merged model", "seconds": theirs, "n": TEXTS},
        ],
        "machine": model.machine,
        "settings": {
            "model": model_name,
            "facts": FACT_SET,
            "n_facts": len(facts),
            "layer": layer,
            "seed": seed,
            "editor": EDITOR,
            "threads": torch.get_num_threads(),
        },
    }


def stage_seconds(model: LoadedModel, fact: Fact, layer: int, settings: RRomeSettings) -> list[float]:
    """Seconds from the start of a trial to the end of each of its stages."""
    begin = perf_counter()
    return [perf_counter() - begin for _stage in trial_stages(model, fact, (layer,), EDITOR, settings)]


def text_seconds(model: LoadedModel, fact: Fact, edit: Edit, seed: int) -> tuple[float, float]:
    """Median seconds of LENGTH tokens sampled after the fact's prompt, with the edit applied and merged; in turn."""
    merged = merged_copy(model, [edit])
    ids = torch.tensor([prompt_row(model.asking, fact.prompt).ids], device=model.device)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(TEXTS):
        ours.append(seconds_of(lambda: continuation(model, fact.prompt, [edit], seed), model.device))
        theirs.append(seconds_of(lambda: generated(merged, ids), model.device))
    return median(ours), median(theirs)


def merged_copy(model: LoadedModel, edits: Sequence[Edit]) -> PreTrainedModel:
    """A copy of the model with edits of one matrix in its weights."""
    merged = copy.deepcopy(model.model)
    with torch.no_grad():
        merged.get_submodule(edits[0].matrix).weight.copy_(merged_matrix(model, edits))
    return merged


def generated(merged: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    """The prompt (1, T) and LENGTH tokens sampled after it by transformers."""
    return merged.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        top_k=TOP_K,
        min_new_tokens=LENGTH,
        max_new_tokens=LENGTH,
    )
