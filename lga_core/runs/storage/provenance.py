"""What a question is, as a content key: everything that determines the answer, and nothing else."""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from typing import Any

import pydantic_core

from lga_core.data.facts import Fact, facts_fingerprint
from lga_core.results import ModelIdentity, Provenance

PACKAGES = ("torch", "transformers", "numpy", "captum")


def provenance(
    model: ModelIdentity, facts_name: str, facts: Sequence[Fact], *, method: str, version: int, settings: Any
) -> Provenance:
    """The question "what does `method` say about these facts, in this order, in this model, with these settings".

    `settings` is a dataclass or a mapping and holds the seed, where there is one. The names of model and fact set,
    the machine and the package versions are recorded, but are not part of the key; the weights' dtype and the chat
    template are.
    """
    plain = pydantic_core.to_jsonable_python(settings)
    asked = {
        "model": model.fingerprint,
        "dtype": model.dtype,
        "facts": facts_fingerprint(facts),
        "method": method,
        "version": version,
        "settings": plain,
        **({} if model.chat is None else {"chat": model.chat}),
    }
    return Provenance(
        key=hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest(),
        model=model.name,
        model_fingerprint=model.fingerprint,
        facts=facts_name,
        facts_fingerprint=asked["facts"],
        method=method,
        method_version=version,
        settings=plain,
        packages=_packages(),
        machine=model.machine,
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        chat=model.chat,
    )


def recorded_dtype(asked: Provenance) -> str:
    """The weights' dtype, "float32": of what is told about the machine, the one part that is in the key."""
    return asked.machine.partition(", ")[2].partition(", ")[0]  # "cpu, float32, 2 threads"


@functools.cache
def _packages() -> Mapping[str, str]:
    """Versions of what computes the numbers, from the installed packages' metadata: nothing is imported."""
    return {name: installed_version(name) for name in PACKAGES}
