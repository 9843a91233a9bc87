"""A sweep by the machines of a Ray cluster: (batch of facts × a few layers) are tasks, results land in the store here.

Ray schedules, retries what a lost worker was at, and moves the data. Each worker process loads the model once, by name,
and must find the same one. What is derived from the model and enters the numbers, sampled prefixes and second moments,
is worked out here first and goes along: a worker that lacks it in its own LGA_HOME keeps a copy, one that has another
refuses. v* are kept by each worker where it found them. Only `ray` is imported late: it is optional.
"""

import functools
import importlib
import os
import socket
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from lga_core.data.facts import Fact
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.evaluation.sweep import batches_left, sweep_cells
from lga_core.models.catalogue import Local, resolve
from lga_core.models.derived import derived_path, keep
from lga_core.models.files import gigabytes
from lga_core.models.fingerprint import file_sha256
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load_now
from lga_core.models.memory import WORKING_SHARE, weight_bytes
from lga_core.models.moments import moment_path, second_moments
from lga_core.models.own_text import prefixes, prefixes_path
from lga_core.models.texts import IDENTITY, text_named
from lga_core.results import Progress, Stored, Sweep, SweepCell, SweepStep
from lga_core.runs.store import Store
from lga_core.runs.sweeps import sweep
from lga_core.runs.tasks import Steps

LABEL = "sweep on Ray"
LOCAL, AUTO = "local", "auto"                # Ray's own words: a cluster for this run alone; the one that runs here
LAYERS_AT_ONCE = 4                           # of a task: what lies below them is computed once for all
RETRIES = 3                                  # of a task whose worker was lost
WAIT_SECONDS = 1.0                           # between two steps at most: a sweep can be stopped at each
CONNECT_SECONDS = 5.0                        # Ray itself goes on trying for minutes
PROCESS_BYTES = 10**9                        # of a worker beside the weights: torch, and what a batch takes
SAME = ("torch", "transformers", "numpy")    # packages that the numbers depend on
CURRENT_CLUSTER = Path("/tmp/ray/ray_current_cluster")   # where `ray start` leaves its address
ROOT = Path(__file__).parents[2]
SHIPPED = ("lga_core", "assets")


def sweep_on_ray(model: LoadedModel, facts_name: str, facts: Sequence[Fact], layers: Sequence[int], editor: str,
                 settings: Any, store: Store, address: str) -> Steps[tuple[Sweep, Stored]]:
    """`runs.sweeps.sweep` with the work done by a Ray cluster: the same run of the store, the same cells.

    address: "auto" for the cluster that this machine is part of, HOST:PORT of a cluster's head, or "local" for workers
    on this machine alone, one a core. A connection that this process has already is used, and left as it is. Raises
    LgaError without Ray, for an address where none is, for a cluster that cannot hold the model, and where a worker's
    model, packages or derived files are not the same as here.
    """
    measure = functools.partial(cells_on_ray, address=address.strip())
    return sweep(model, facts_name, facts, layers, editor, settings, store, measure)


def require_ray() -> ModuleType:
    """The package `ray`. Raises LgaError where it is not installed."""
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise LgaError("A sweep on a cluster needs the package ray, which is not installed.",
                       mend="`pip install ray`, or sweep without --ray.") from error


def cells_on_ray(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], editor: str, settings: Any,
                 done: Collection[tuple[int, int]] = frozenset(), *, address: str) -> Steps[None]:
    """`sweep_cells` by a cluster: a `SweepStep` holds the cells of a finished task. Closing it cancels the others."""
    parts = [(batch, wanted[first:first + LAYERS_AT_ONCE])
             for batch, wanted in batches_left(model, facts, layers, editor, settings, done)
             for first in range(0, len(wanted), LAYERS_AT_ONCE)]
    if not parts:
        return
    total = len(facts) * len(layers)
    finished = total - sum(len(batch) * len(some) for batch, some in parts)
    ray, twin = require_ray(), Twin.of(model)
    needed = sorted({layer for _, some in parts for layer in some})
    files = yield from _derive(model, needed, editor, settings)
    yield Progress(label=f"{LABEL}: connecting", done=finished, total=total)
    with _connected(ray, address):
        task = _task(ray, model)
        if address != LOCAL:                 # where LGA_HOME is this one, nothing needs to go along
            files = {layer: [file.packed(ray, model) for file in found] for layer, found in files.items()}
        waiting = [task.remote(twin, _of(files, some), batch, some, editor, settings) for batch, some in parts]
        try:
            while waiting:
                ready, waiting = ray.wait(waiting, num_returns=1, timeout=WAIT_SECONDS)
                for cells in map(functools.partial(_result, ray), ready):
                    finished += len(cells)
                    yield SweepStep(label=LABEL, done=finished, total=total, cells=cells)
                yield Progress(label=LABEL, done=finished, total=total)
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)   # the gentle way, an interrupt, may be lost within torch


@dataclass(frozen=True, kw_only=True)
class Twin:
    """What makes a worker's model the same as this one."""

    name: str                                # by which it is loaded
    device: str
    dtype: str
    fingerprint: str
    packages: tuple[tuple[str, str], ...]    # name, version

    @classmethod
    def of(cls, model: LoadedModel) -> "Twin":
        origin = resolve(model.name).origin
        name = str(origin.path.expanduser().resolve()) if isinstance(origin, Local) else model.name
        return cls(name=name, device="auto" if len(_cards(model)) > 1 else model.device.type,
                   dtype=str(model.dtype).removeprefix("torch."), fingerprint=model.fingerprint, packages=_packages())

    def load(self) -> LoadedModel:
        """On a worker. Raises LgaError where this is not the same model, or where other packages would measure it."""
        for (name, wanted), (_, found) in zip(self.packages, _packages(), strict=True):
            if found != wanted:
                raise LgaError(f"It has {name} {found}, the sweep was started with {wanted}.",
                               mend="Install the same requirements.txt on every machine.")
        model = load_now(self.name, device=self.device, dtype=self.dtype, accept_terms=True)    # accepted there
        if model.fingerprint != self.fingerprint:
            raise LgaError(f"Its {self.name} is another model: fingerprint {model.fingerprint[:12]}, not "
                           f"{self.fingerprint[:12]}.", mend="Put the same files there, and load the model again here.")
        return model


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A file that was worked out from the model, and that its numbers on every machine must come from."""

    name: str                                # in the model's folder of derived things
    sha256: str
    content: Any = None                      # reference to its bytes in Ray's object store; None: LGA_HOME is shared

    @classmethod
    def of(cls, path: Path) -> "Derived":
        return cls(name=path.name, sha256=file_sha256(path))

    def packed(self, ray: ModuleType, model: LoadedModel) -> "Derived":
        """With its content, which only a worker that lacks the file fetches."""
        return replace(self, content=ray.put(derived_path(model, self.name).read_bytes()))

    def see_to(self, model: LoadedModel) -> None:
        """On a worker: have this very file. Raises LgaError where another one of its name is there."""
        path = derived_path(model, self.name)
        if not path.exists() and self.content is not None:
            content = require_ray().get(self.content)
            keep(path, lambda place: place.write_bytes(content))
        if not path.exists() or file_sha256(path) != self.sha256:
            raise LgaError(f"Its {path} is not the one that the sweep was started with.",
                           mend="Delete that file, or let LGA_HOME name the same folder on every machine.")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An LgaError on its way back: Ray would wrap it in an error of its own."""

    cause: str
    mend: str


def sweep_part(twin: Twin, files: Sequence[Derived], facts: Sequence[Fact], layers: Sequence[int], editor: str,
               settings: Any) -> tuple[SweepCell, ...] | Refusal:
    """One task: these facts at these layers, in a worker process."""
    try:
        model = _loaded(twin)                # a process has many tasks of one sweep
        for file in files:
            file.see_to(model)
        return tuple(cell for step in sweep_cells(model, facts, layers, editor, settings)
                     if isinstance(step, SweepStep) for cell in step.cells)
    except LgaError as error:
        return Refusal(cause=error.cause, mend=error.mend)


_loaded = functools.lru_cache(maxsize=1)(Twin.load)


def _derive(model: LoadedModel, layers: Sequence[int], editor: str,
            settings: Any) -> Generator[Progress, None, dict[int | None, list[Derived]]]:
    """What each layer needs, worked out here where it is not kept yet; under None what all of them need."""
    if editor_named(editor).key_value is None:
        return {}
    files: dict[int | None, list[Derived]] = {}
    if settings.contexts:
        prefixes(model, settings.contexts, settings.seed)
        files[None] = [Derived.of(prefixes_path(model, settings.contexts, settings.seed))]
    if settings.covariance != IDENTITY:
        each = settings.tokens_per_input
        yield from second_moments(model, layers, settings.seed, source=settings.covariance, tokens_per_input=each)
        text = text_named(settings.covariance, settings.seed)
        files |= {layer: [Derived.of(moment_path(model, layer, text, each))] for layer in layers}
    return files


def _of(files: Mapping[int | None, list[Derived]], layers: Sequence[int]) -> list[Derived]:
    return [file for place in (None, *layers) for file in files.get(place, ())]


def _task(ray: ModuleType, model: LoadedModel) -> Any:
    """`sweep_part` as Ray runs it: one core and thread a task, the model's cards, its memory. Raises LgaError where no
    machine of the cluster has that."""
    asked = {"CPU": 1, "GPU": len(_cards(model)),
             "memory": int(weight_bytes(model) * (1 + WORKING_SHARE)) + PROCESS_BYTES}
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(machine.get(name, 0) >= amount for name, amount in asked.items()) for machine in machines):
        cards = f", {asked['GPU']} GPU" if asked["GPU"] else ""
        raise LgaError(f"No machine of the Ray cluster has 1 CPU{cards} and {gigabytes(asked['memory'])} of memory to "
                       "give, which a task needs.", mend="Start Ray on a larger machine, or choose a smaller model.")
    variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}${{PYTHONPATH}}"}
    if home := os.environ.get("LGA_HOME"):
        variables["LGA_HOME"] = str(Path(home).expanduser().resolve())
    # max_calls=0: Ray would start a process anew, with the model to load, after every task on a GPU
    return ray.remote(num_cpus=asked["CPU"], num_gpus=asked["GPU"], memory=asked["memory"], max_retries=RETRIES,
                      max_calls=0, runtime_env={"env_vars": variables})(sweep_part)


def _result(ray: ModuleType, reference: Any) -> tuple[SweepCell, ...]:
    """A finished task's cells. Raises LgaError for what went wrong on its worker."""
    try:
        result = ray.get(reference)
    except ray.exceptions.RayError as error:
        told = (str(error).strip() or type(error).__name__).splitlines()[-1].rstrip(".")
        raise LgaError(f"A task on the Ray cluster failed: {told}.",
                       mend="What was finished is kept: the same sweep goes on from there.") from error
    if isinstance(result, Refusal):
        raise LgaError(f"A worker of the Ray cluster refused. {result.cause}", mend=result.mend)
    return result


@contextmanager
def _connected(ray: ModuleType, address: str) -> Generator[None, None, None]:
    """Ray at that address, left at the end by whoever entered."""
    if ray.is_initialized():
        yield
        return
    _connect(ray, address)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(ray: ModuleType, address: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address == LOCAL:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")           # nothing leaves this machine
            ray.init(address=LOCAL, include_dashboard=False, **quiet)
            return
        if head := _head(address):
            host, _, port = head.rpartition("://")[2].rpartition(":")
            if not port.isdecimal():
                raise ValueError("that is no address")
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        ray.init(address=address, runtime_env=_code(), **quiet)
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        told = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        mend = f"Name its head as HOST:6379, {AUTO} on one of its machines (`ray start`), or {LOCAL}."
        if "InvalidAuthToken" in str(error.__cause__):
            told, mend = "it asks for its token", "Set RAY_AUTH_MODE=token, and the cluster's token as Ray describes."
        raise LgaError(f"There is no Ray cluster to be had at {address!r}: {told}.", mend=mend) from error


def _head(address: str) -> str | None:
    """HOST:PORT of the cluster's head, as Ray finds it too; None where nothing tells."""
    if address != AUTO:
        return address
    try:
        return os.environ.get("RAY_ADDRESS") or CURRENT_CLUSTER.read_text().strip()     # also of one that was killed
    except OSError:
        return None


def _code() -> dict[str, Any]:
    """This project, for machines that lack it or have another state of it."""
    others = [f"/{path.name}" for path in ROOT.iterdir() if path.name not in SHIPPED]
    return {"working_dir": str(ROOT), "excludes": [*others, "__pycache__", "*.png"]}


def _cards(model: LoadedModel) -> set[torch.device]:
    """The GPUs that the model lies on."""
    return {parameter.device for parameter in model.model.parameters() if parameter.device.type == "cuda"}


def _packages() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in SAME)
