"""Making the recorded example: both default models on a shipped set, through the same functions as every other run."""

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lga_core.data.facts import Fact
from lga_core.data.load import choose, load_facts
from lga_core.editing.settings import RRomeSettings
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.text.own_text import SHIPPED, corpus, corpus_path, prefixes, prefixes_path
from lga_core.progress import Reporter, silent
from lga_core.results import Kind, Origin, Stored
from lga_core.runs import tasks
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.shipped.example import MANIFEST, Example, RecordedModel, read_example
from lga_core.runs.storage.row_file import write_whole
from lga_core.runs.storage.store import Store
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import TOKEN_ATTRIBUTION_STEPS, CmaSettings

MODELS = ("smollm2-135m", "gemma-3-270m")
FACTS, LIMIT, SEED = "world", 16, 0  # of so many, CMA can use about 12: as many as the study
EDITOR = "r-rome"
MEASURED = ("trace-mlp", "forecast", "gradients")  # the one that a page opens is written last
KINDS: tuple[Kind, ...] = ("hidden", "mlp", "attn")
COMMAND = "python -m lga_core demo --write assets/demo"


def write_example(
    folder: Path,
    load: Callable[[str], LoadedModel],
    models: Sequence[str] = MODELS,
    *,
    swept: int = LIMIT,
    report: Reporter = silent,
) -> Example:
    """Measure everything and put it in the place of an earlier example. What a stopped command left is gone on with.

    Raises LgaError, before anything is measured, for a folder that holds something else: it would be lost.
    """
    check_place(folder)
    half = folder.with_name(f"{folder.name}-half")
    made = Example(
        models=tuple(record_model(load(name), half, swept=swept, report=report) for name in models),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=COMMAND,
        cores=os.cpu_count() or 1,
        torch=version("torch"),
    )
    write_whole(half / MANIFEST, (made.to_json() + "\n").encode())
    for lock in half.glob("**/*.lock"):
        lock.unlink()
    if folder.exists():
        shutil.rmtree(folder)
    half.replace(folder)
    return made


def check_place(folder: Path) -> None:
    """Raise LgaError unless the folder is new, empty, or holds a recorded example."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir() or read_example(folder) is None:
        raise LgaError(
            f"{folder} holds something else than a recorded example, which would be lost.", hint="Name a new folder."
        )


def record_model(model: LoadedModel, folder: Path, *, swept: int, report: Reporter) -> RecordedModel:
    """One model's scores, a sweep of the first `swept` facts, and texts; of the first fact that it knows traces with
    attributions, and a trial at the sweep's best layer and at the last."""
    question = {"model": model.name, "facts": FACTS, "limit": LIMIT, "seed": SEED, "known_only": False}
    store = Store(folder, origin=Origin(question=question, command=COMMAND))
    facts = choose(load_facts(FACTS).facts, LIMIT, SEED)
    scores = [_measured(model, facts, name, store, report) for name in MEASURED]
    layers = range(model.layers)
    swept_at, cells = sweep(model, FACTS, facts[:swept], layers, EDITOR, None, store, report=report)
    fact = next(iter(tasks.choose_known(model, facts, 1, store, report=report)), facts[0])
    traces = [
        tasks.trace_fact(model, FACTS, fact, kind, CmaSettings(seed=SEED), facts, store, report=report)[1]
        for kind in KINDS
    ]
    tokens = tasks.attribute_fact(model, FACTS, fact, TOKEN_ATTRIBUTION_STEPS, "data", store, report=report)[1]
    good = layers[int(np.argmax(swept_at.overall.mean(0)[:-1]))]  # in the last one an edit does not reach the answer
    trials = [
        tasks.trial(model, FACTS, fact, (layer,), EDITOR, None, store, report=report)[1] for layer in (layers[-1], good)
    ]
    keep_texts(model, folder)
    opened = (scores[-1], cells, traces[0], tokens, *trials)
    return RecordedModel(identity=model.identity, runs=tuple(item.provenance.key for item in opened))


def keep_texts(model: LoadedModel, folder: Path) -> None:
    """Put what the model wrote for second moments and contexts into the example, where every machine finds it."""
    settings = RRomeSettings(seed=SEED)
    widths = {block.down.d_in for block in model.architecture.blocks}
    prefixes(model, settings.contexts, SEED)
    paths = [prefixes_path(model, settings.contexts, SEED)]
    for tokens in sorted(settings.tokens_per_input * width for width in widths):
        corpus(model, tokens, SEED)
        paths.append(corpus_path(model, tokens, SEED))
    place = folder / SHIPPED.name / paths[0].parent.name
    place.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(path, place / path.name)


def _measured(model: LoadedModel, facts: Sequence[Fact], name: str, store: Store, report: Reporter) -> Stored:
    settings = MEASUREMENTS[name].settings
    asked = settings(**settings.given({"seed": SEED}))
    return tasks.measure(model, FACTS, facts, name, asked, store, report=report)[1]
