"""What runs in a worker process of a Ray cluster: a part of a sweep, on the same model as the driver's.

A worker loads the model once, by name. Files that were derived from the model and that the numbers come from, sampled
prefixes and second moments, are the driver's: a worker that lacks one in its own LGA_HOME keeps a copy, one that has
another refuses. v* are kept by each worker where it computed them.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.settings import SweepMetrics
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.models.sources.catalogue import resolve
from lga_core.models.sources.derived import derived_path, keep
from lga_core.models.sources.entry import UNNAMED, Local
from lga_core.models.sources.fingerprint import file_sha256
from lga_core.models.text.chat import chat_name
from lga_core.results import SweepCell
from lga_core.runs.ray.connection import require_ray

SAME = ("torch", "transformers", "numpy")  # packages that the numbers depend on


@dataclass(frozen=True, kw_only=True)
class WorkerModel:
    """Which model a worker loads, and what shows that it is the same one."""

    name: str  # by which it is loaded
    device: str
    dtype: str
    fingerprint: str
    chat: str | None  # key of the chat template
    packages: tuple[tuple[str, str], ...]  # name, version

    @classmethod
    def of(cls, model: LoadedModel) -> "WorkerModel":
        entry = resolve(model.name)
        name = model.name  # which the worker's own catalogue must know, where it says what the parts are called
        if isinstance(entry.origin, Local) and entry.parts == UNNAMED:
            name = str(entry.origin.path.resolve())
        return cls(
            name=name if model.chat is None else chat_name(name),
            device="auto" if len(cards(model)) > 1 else model.device.type,
            dtype=str(model.dtype).removeprefix("torch."),
            fingerprint=model.fingerprint,
            chat=model.identity.chat,
            packages=tuple((package, version(package)) for package in SAME),
        )

    def load(self) -> LoadedModel:
        """Raises LgaError where this is not the same model, or where other packages would measure it."""
        for name, wanted in self.packages:
            if (installed := version(name)) != wanted:
                raise LgaError(
                    f"It has {name} {installed}, the sweep was started with {wanted}.",
                    hint="Install the same requirements.txt on every machine.",
                )
        model = load(self.name, device=self.device, dtype=self.dtype, accept_terms=True)  # accepted by the driver
        if model.fingerprint != self.fingerprint:
            raise LgaError(
                f"Its {self.name} is another model: fingerprint {model.fingerprint[:12]}, not {self.fingerprint[:12]}.",
                hint="Put the same files there, and load the model again here.",
            )
        if model.identity.chat != self.chat:
            raise LgaError(
                f"The chat template of its {self.name} is another one.", hint="Put the same tokenizer files there."
            )
        return model


@dataclass(frozen=True, kw_only=True)
class DerivedFile:
    """A file that was computed from the model, and that its numbers on every machine must come from."""

    name: str  # in the model's folder of derived files
    sha256: str
    content: Any = None  # reference to its bytes in Ray's object store; None: LGA_HOME is shared

    @classmethod
    def of(cls, path: Path) -> "DerivedFile":
        return cls(name=path.name, sha256=file_sha256(path))

    def packed(self, ray: ModuleType, model: LoadedModel) -> "DerivedFile":
        """With its content, which only a worker that lacks the file fetches."""
        return replace(self, content=ray.put(derived_path(model, self.name).read_bytes()))

    def ensure(self, model: LoadedModel) -> None:
        """Have this very file. Raises LgaError where another one of its name is there."""
        path = derived_path(model, self.name)
        if not path.exists() and self.content is not None:
            content = require_ray().get(self.content)
            keep(path, lambda place: place.write_bytes(content))
        if not path.exists() or file_sha256(path) != self.sha256:
            raise LgaError(
                f"Its {path} is not the one that the sweep was started with.",
                hint="Delete that file, or let LGA_HOME name the same folder on every machine.",
            )


def sweep_part(
    model: WorkerModel,
    files: Sequence[DerivedFile],
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    metrics: SweepMetrics,
) -> tuple[SweepCell, ...] | LgaError:
    """One task: these facts at these layers. An LgaError is returned: raised, Ray would wrap it in its own."""
    try:
        loaded = _loaded(model)  # a process has many tasks of one sweep
        for file in files:
            file.ensure(loaded)
        return tuple(sweep_cells(loaded, facts, layers, editor, settings, metrics=metrics))
    except LgaError as error:
        return LgaError(error.cause, hint=error.hint)  # without the traceback


def cards(model: LoadedModel) -> set[torch.device]:
    """The GPUs that the model lies on."""
    return {parameter.device for parameter in model.model.parameters() if parameter.device.type == "cuda"}


_loaded = functools.lru_cache(maxsize=1)(WorkerModel.load)
