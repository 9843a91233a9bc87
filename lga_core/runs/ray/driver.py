"""A sweep by the machines of a Ray cluster: (batch of facts × a few layers) are tasks, results land in the store here.

Ray schedules, retries what a lost worker was at, and moves the data. What is derived from the model and enters the
numbers is computed here first and sent along, see `worker`.
"""

import functools
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.editors.rank_one import prepare_moments
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.layer_sweep import batches_left
from lga_core.evaluation.settings import SWEEP_METRICS, SweepMetrics
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments.files import moment_path
from lga_core.models.running.memory import WORKING_SHARE, weight_bytes
from lga_core.models.sources.files import gigabytes
from lga_core.models.text.own_text import prefixes, prefixes_path
from lga_core.models.text.sources import IDENTITY
from lga_core.models.text.texts import text_named
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.resources import IMPORT_ROOT
from lga_core.results import Stored, Sweep, SweepCell
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.ray.connection import LOCAL, connected, require_ray
from lga_core.runs.ray.worker import DerivedFile, WorkerModel, cards, sweep_part
from lga_core.runs.storage.store import Store

LAYERS_AT_ONCE = 4  # of a task: what lies below them is computed once for all
RETRIES = 3  # of a task whose worker was lost
WAIT_SECONDS = 0.5  # between two reports at most: a sweep can be stopped at each
PROCESS_BYTES = 10**9  # of a worker beside the weights: torch, and what a batch takes


def sweep_on_ray(
    model: LoadedModel,
    facts_name: str,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    store: Store,
    address: str,
    *,
    metrics: SweepMetrics = SWEEP_METRICS,
    report: Reporter = silent,
) -> tuple[Sweep, Stored]:
    """`runs.sweeps.sweep` with the work done by a Ray cluster: the same run of the store, the same cells.

    address: "auto" for the cluster that this machine is part of, HOST:PORT of a cluster's head, or "local" for workers
    on this machine alone, one a core. A connection that this process has already is used, and left as it is. Raises
    LgaError without Ray, for an address where none is, for a cluster that cannot hold the model, and where a worker's
    model, packages or derived files are not the same as here.
    """
    cells = functools.partial(cells_on_ray, address=address.strip())
    return sweep(model, facts_name, facts, layers, editor, settings, store, cells, metrics=metrics, report=report)


def cells_on_ray(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    done: Collection[tuple[int, int]] = frozenset(),
    *,
    address: str,
    metrics: SweepMetrics = SWEEP_METRICS,
    report: Reporter = silent,
) -> Iterator[SweepCell]:
    """`sweep_cells` by a cluster. Whatever ends it cancels the tasks that are left."""
    parts = [
        (batch, wanted[first : first + LAYERS_AT_ONCE])
        for batch, wanted in batches_left(model, facts, layers, editor, settings, done)
        for first in range(0, len(wanted), LAYERS_AT_ONCE)
    ]
    if not parts:
        return
    total = len(facts) * len(layers)
    finished = total - sum(len(batch) * len(at) for batch, at in parts)
    ray = require_ray()
    needed = sorted({layer for _, at in parts for layer in at})
    files = _derive(model, needed, editor, settings, report)
    report(Progress(phase=Phase.SWEEP, done=finished, total=total, detail="connecting to Ray"))
    with connected(ray, address):
        task = _task(ray, model)
        if address != LOCAL:  # where LGA_HOME is this one, nothing needs to be sent
            files = {layer: [file.packed(ray, model) for file in each] for layer, each in files.items()}
        same = WorkerModel.of(model)
        waiting = [
            task.remote(same, _files_for(at, files), batch, at, editor, settings, metrics) for batch, at in parts
        ]
        try:
            while waiting:
                ready, waiting = ray.wait(waiting, num_returns=1, timeout=WAIT_SECONDS)
                for reference in ready:
                    cells = _cells_of(ray, reference)
                    finished += len(cells)
                    yield from cells
                report(Progress(phase=Phase.SWEEP, done=finished, total=total, detail="on Ray"))
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)  # the gentle way, an interrupt, may be lost within torch


def _derive(
    model: LoadedModel, layers: Sequence[int], editor: str, settings: Any, report: Reporter
) -> dict[int | None, list[DerivedFile]]:
    """What each layer needs, computed here where it is not kept yet; under None what all of them need."""
    if editor_named(editor).key_value is None:
        return {}
    files: dict[int | None, list[DerivedFile]] = {}
    if settings.contexts:
        prefixes(model, settings.contexts, settings.seed, report=report)
        files[None] = [DerivedFile.of(prefixes_path(model, settings.contexts, settings.seed))]
    prepare_moments(model, layers, settings, report=report)
    if settings.covariance != IDENTITY:
        text = text_named(settings.covariance, settings.seed)
        paths = {layer: moment_path(model, layer, text, settings.tokens_per_input) for layer in layers}
        files |= {layer: [DerivedFile.of(path)] for layer, path in paths.items()}
    return files


def _files_for(layers: Sequence[int], files: Mapping[int | None, list[DerivedFile]]) -> list[DerivedFile]:
    return [file for place in (None, *layers) for file in files.get(place, ())]


def _task(ray: ModuleType, model: LoadedModel) -> Any:
    """`sweep_part` as Ray runs it: one core and thread a task, the model's cards, its memory. Raises LgaError where no
    machine of the cluster has that."""
    asked = {
        "CPU": 1,
        "GPU": len(cards(model)),
        "memory": int(weight_bytes(model) * (1 + WORKING_SHARE)) + PROCESS_BYTES,
    }
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(machine.get(name, 0) >= amount for name, amount in asked.items()) for machine in machines):
        gpus = f", {asked['GPU']} GPU" if asked["GPU"] else ""
        raise LgaError(
            f"No machine of the Ray cluster has 1 CPU{gpus} and {gigabytes(asked['memory'])} of memory to "
            "give, which a task needs.",
            hint="Start Ray on a larger machine, or choose a smaller model.",
        )
    variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{IMPORT_ROOT}{os.pathsep}${{PYTHONPATH}}"}
    if home := os.environ.get("LGA_HOME"):
        variables["LGA_HOME"] = str(Path(home).expanduser().resolve())
    # max_calls=0: Ray would start a process anew, with the model to load, after every task on a GPU
    return ray.remote(
        num_cpus=asked["CPU"],
        num_gpus=asked["GPU"],
        memory=asked["memory"],
        max_retries=RETRIES,
        max_calls=0,
        runtime_env={"env_vars": variables},
    )(sweep_part)


def _cells_of(ray: ModuleType, reference: Any) -> tuple[SweepCell, ...]:
    """A finished task's cells. Raises LgaError for what went wrong on its worker."""
    try:
        result = ray.get(reference)
    except ray.exceptions.RayError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1].rstrip(".")
        raise LgaError(
            f"A task on the Ray cluster failed: {reason}.",
            hint="What was finished is kept: the same sweep goes on from there.",
        ) from error
    if isinstance(result, LgaError):
        raise LgaError(f"A worker of the Ray cluster refused. {result.cause}", hint=result.hint)
    return result
